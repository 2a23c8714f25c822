"""A comparison of trainings, as a table and as CSV."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TextIO

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from autolearn.client.cli.current_session import Current
from autolearn.client.cli.output import count, sentence, short, shortened
from autolearn.client.cli.tables.annotations import newest
from autolearn.client.cli.terminal_text import printable
from autolearn.schemas.rest.comparisons import (
    ComparedMetric,
    ComparedTraining,
    Score,
    TrainingComparison,
)
from autolearn.schemas.values import JsonValue

_GROUPS = ("hyperparameters.", "split.", "preprocessing.")
_SETTINGS = 18
"""Characters that the settings of a line keep, at the cost of metrics."""
_LAST = ("features", "left_out")
"""Settings that are long, and seldom why two trainings differ."""
_LEAST = 8
"""Characters below which settings say nothing."""
_GAP = 2
_HEAD = 10
"""Characters of a line of a metric's name above its column."""
_TRIALS = 10
"""Trials of a study that a table shows."""


def comparison(one: TrainingComparison, chosen: Sequence[str] | None, width: int) -> RenderableType:
    """Return a comparison as a table that fits into so many characters, a line a training.

    Metrics that have no room are left out, and counted below. `chosen` names those to show.
    """
    of = ", ".join(f"{o.kind} {Current(o.id, o.title)}" for o in one.owners)
    parts: list[RenderableType] = [sentence(f"{of}: {count(len(one.trainings), 'training')}")]
    if not one.trainings:
        return Group(*parts)
    if same := _settings(_given(one.shared)):
        parts.append(sentence(f"all with {same}"))
    metrics = _metrics(one, chosen)
    table, shown = _table(one, metrics, width)
    return Group(*parts, "", table, "", *map(sentence, _notes(one, metrics, shown)))


def write_csv(one: TrainingComparison, chosen: Sequence[str] | None, file: TextIO) -> None:
    """Write a comparison as CSV: the lines of the table with whole values."""
    metrics = [metric.name for metric in _metrics(one, chosen)]
    settings = list(dict.fromkeys(name for line in one.trainings for name in line.settings))
    out = csv.writer(file, lineterminator="\n")
    about = ("training", "session", "estimator", "baseline", "status")
    out.writerow([*about, *settings, *metrics, "fit_seconds", "tags", "note"])
    for line in one.trainings:
        scores = (line.scores.get(name) for name in metrics)
        out.writerow(
            [
                *(line.id, line.session, line.estimator, str(line.baseline).lower(), line.status),
                *(_plain(line.settings[n]) if n in line.settings else "" for n in settings),
                *("" if score is None else score.value for score in scores),
                "" if line.fit_seconds is None else line.fit_seconds,
                *(",".join(line.tags), line.notes[-1].text if line.notes else ""),
            ]
        )


def _metrics(one: TrainingComparison, chosen: Sequence[str] | None) -> list[ComparedMetric]:
    """Return the columns to show, that by which the lines are sorted first."""
    found = [m for m in one.metrics if chosen is None or {m.name, m.metric} & {*chosen}]
    return sorted(found, key=lambda metric: one.sort not in (metric.name, metric.metric))


def _table(
    one: TrainingComparison, metrics: Sequence[ComparedMetric], width: int
) -> tuple[Table, list[ComparedMetric]]:
    """Return the table, and the metrics for which there was room: at least one."""
    from rich import box

    lines = sorted(_shown(one, metrics), key=lambda line: line.baseline)
    about = {
        "training": [Text(short(line.id)) for line in lines],
        "estimator": [_estimator(line) for line in lines],
    }
    said = {
        name: [Text(_cut(printable(words(line)), _SETTINGS)) for line in lines]
        for name, words in (("tags", lambda line: ", ".join(line.tags)), ("note", newest))
    }
    settings = [printable(_settings(_given(line.settings))) for line in lines]
    fit = {"fit s": [Text(_seconds(line)) for line in lines]}
    best = {metric.name: _best(metric, lines) for metric in metrics}
    scores = {
        m.name: [_score(one.scores.get(m.name), best[m.name]) for one in lines] for m in metrics
    }
    wanted = max(map(len, settings))
    left = width - sum(_width(*column) for column in (about | fit).items())
    for name, words in said.items():  # where they leave room for two metrics
        needed = _width(name, words)
        if any(word.plain for word in words) and left - needed >= _SETTINGS + 2 * _HEAD + 3 * _GAP:
            about[name] = words
            left -= needed
    kept = min(max(wanted, len("settings")), _SETTINGS) + _GAP if wanted else 0
    shown: list[ComparedMetric] = []
    for metric in metrics:
        needed = _width(_head(metric.name), scores[metric.name])
        if not shown or needed <= left - kept:
            left -= needed
            shown.append(metric)
    columns = about
    if wanted and (room := left - _GAP) >= _LEAST:
        columns = columns | {"settings": [Text(_cut(words, room)) for words in settings]}
    columns |= {metric.name: scores[metric.name] for metric in shown} | fit
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, _GAP - 1, 0, 0))
    for name in columns:
        right = name == "fit s" or name in scores
        head = Text(_head(name) if name in scores else printable(name))
        table.add_column(head, justify="right" if right else "left", no_wrap=True)
    for at, cells in enumerate(zip(*columns.values(), strict=True)):
        if at and lines[at].baseline and not lines[at - 1].baseline:
            table.add_section()
        table.add_row(*cells)
    if one.baseline and not any(line.baseline for line in lines):
        table.add_section()
        scores_without = {name: _number(value) for name, value in one.baseline.items()}
        about_it = {"estimator": "baseline"} | scores_without
        table.add_row(*(Text(about_it.get(name, ""), "dim") for name in columns))
    return table, shown


def _shown(
    one: TrainingComparison, metrics: Sequence[ComparedMetric]
) -> Sequence[ComparedTraining]:
    """Return the lines to show: of each study the best trials, by its first metric of folds."""
    studies: dict[str, list[ComparedTraining]] = {}
    for line in one.trainings:
        if line.study:
            studies.setdefault(line.study, []).append(line)
    hidden: set[str] = set()
    for trials in studies.values():
        known = {name for line in trials for name in line.scores}
        by = next((m for m in metrics if m.folds and m.name in known), None)
        if by is not None:
            hidden |= {line.id for line in sorted(trials, key=partial(_place, by))[_TRIALS:]}
    return [line for line in one.trainings if line.id not in hidden]


def _place(by: ComparedMetric, line: ComparedTraining) -> float:
    """Return the order of a line by a metric, the best first and those without a value last."""
    score, sign = line.scores.get(by.name), -1 if by.greater_is_better is False else 1
    return math.inf if score is None else -sign * score.value


def _width(name: str, cells: Sequence[Text]) -> int:
    """Return the characters of a column, with the gap behind it."""
    return max(*map(len, name.split("\n")), *(cell.cell_len for cell in cells)) + _GAP


def _head(name: str) -> str:
    """Return the name of a metric in lines of _HEAD characters, or of its longest part."""
    parts = re.findall(r"[^-: ]*[-: ]?", printable(name))
    lines = [""]
    for part in parts:
        if lines[-1] and len(lines[-1] + part) > _HEAD:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def _estimator(line: ComparedTraining) -> Text:
    name = printable(line.estimator)
    if line.trial is not None:
        return Text(f"{name} (trial {line.trial})")
    return Text(f"{name} (baseline)", "dim") if line.baseline else Text(name)


def _best(metric: ComparedMetric, lines: Sequence[ComparedTraining]) -> float | None:
    found = (line.scores[metric.name].value for line in lines if line.id == metric.best)
    return next(found, None)


def _score(score: Score | None, best: float | None) -> Text:
    """Return a score, with its deviation or half of its interval; the best ones are bold."""
    if score is None:
        return Text("-")
    said = _number(score.value)
    if score.deviation is not None:
        said += f" ±{score.deviation:.3f}"
    elif score.low is not None and score.high is not None:
        said += f" ±{(score.high - score.low) / 2:.3f}"
    return Text(said, "bold" if score.value == best else "")


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10_000 else f"{value:.4g}"


def _seconds(line: ComparedTraining) -> str:
    """Return how long the fit took; or the state of a training that has not completed."""
    return line.status if line.fit_seconds is None else f"{line.fit_seconds:.3f}"


def _given(settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the settings that a training has; a hyperparameter may be null."""
    return {
        name: value
        for name, value in settings.items()
        if name.startswith(_GROUPS[0]) or value not in (None, [], {})
    }


def _settings(given: Mapping[str, JsonValue]) -> str:
    """Return settings in a line: those of the estimator first."""
    names = sorted(given, key=lambda name: (name in _LAST, not name.startswith(_GROUPS[0])))
    words = []
    for name in names:
        value = given[name]
        if name == "dataset" and isinstance(value, str):
            data, _, version = value.partition("@")
            words.append(f"{data}@{short(version)}" if version else data)
            continue
        for group in _GROUPS:
            name = name.removeprefix(group)
        words.append(f"{name}={_plain(value)}")
    return ", ".join(words)


def _plain(value: JsonValue) -> str:
    return value if isinstance(value, str) else shortened(value, 200)


def _cut(words: str, room: int) -> str:
    return words if len(words) <= room else f"{words[: room - 1]}…"


def _notes(
    one: TrainingComparison, metrics: Sequence[ComparedMetric], shown: Sequence[ComparedMetric]
) -> Iterator[str]:
    """Yield what a reader must know of the table."""
    scores = [line.scores[m.name] for m in shown for line in one.trainings if m.name in line.scores]
    if not scores:
        where = f" on {one.on}" if one.on else ""
        yield f"Nothing is evaluated{where}: `autolearn evaluate ID --metrics NAME,…` does that."
    if any(score.low is not None for score in scores):
        yield "accuracy ±: half of its 95 % interval (Wilson) on so many rows."
    if any(score.deviation is not None for score in scores):
        yield "(folds) ±: the mean over the folds, and their standard deviation."
    if left := len(one.trainings) - len(_shown(one, metrics)):
        yield f"{count(left, 'further trial')} of studies, no better than these: -o csv has all."
    if not one.same_rows:
        yield "The scores are not of the same rows, so they are not quite comparable."
    if hidden := [metric.name for metric in metrics if metric not in shown]:
        yield f"No room for {', '.join(hidden)}: choose with --metrics, or see -o json."
