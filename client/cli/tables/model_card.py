"""A model card in Markdown: data, settings, results and caveats of trained models, for their users.

The sections are those of Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019). Intended
use and ethics are for people to write. Values of sensitive columns are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from msgspec.structs import replace
from rich.console import Console

from autolearn.client.cli.output import number, short, shortened
from autolearn.client.cli.tables.plots import plots
from autolearn.client.cli.tables.runs import (
    is_table,
    metric_title,
    plain_results,
    split_in_words,
    threshold_in_words,
)
from autolearn.client.cli.terminal_text import printable
from autolearn.client.sdk.sessions import ExperimentWithRuns, SessionWithRuns
from autolearn.schemas.datasets.read_options import type_word
from autolearn.schemas.feature_columns import LEFT_OUT
from autolearn.schemas.rest.annotations import Note
from autolearn.schemas.rest.catalog import Dataset
from autolearn.schemas.rest.runs import Evaluation, Training
from autolearn.schemas.training.preprocess import in_words
from autolearn.schemas.values import DatasetRef

Datasets = Mapping[DatasetRef, Dataset | None]
"""The catalog's entry for each version; None: it has been deleted, or may not be read."""

_MOST_COLUMNS = 200
_WIDTH = 100
"""Characters of a line of a plot."""
_MARKUP = re.compile(r"[\\`*\[\]<>|#~]|(?<![^\W_])_|_(?![^\W_])")
_INTENDED_USE = "To be written: who should use the model, for what, and for what not."
_ETHICS = "To be written: whom its errors can harm, and what was done about that."


def model_card(
    about: SessionWithRuns | ExperimentWithRuns, trainings: Sequence[Training], datasets: Datasets
) -> str:
    """Return the card of trainings of a session or an experiment."""
    kept = about if isinstance(about, ExperimentWithRuns) else None
    meant = {one.id for one in trainings}
    found = [one for one in about.evaluations if one.training in meant and one.results]
    late = [one for one in found if kept and one.number > kept.sequence]
    before = [one for one in found if not kept or one.number <= kept.sequence]
    data = list({one.dataset: None for one in trainings})
    lines = [
        f"# Model card: {_text(about.title or trainings[0].estimator)}",
        *_pairs(
            {
                "experiment" if kept else "session": about.id,
                "owner": about.actor,
                "created": _when(about.created),
                "committed": _when(kept.committed) if kept else "not yet",
                "tags": ", ".join(about.tags),
                **_notes(about.notes),
            }
        ),
        "## Model details",
    ]
    for one in trainings:
        lines += _model(one, hidden=_hidden(one, datasets))
    lines += ["## Intended use", f"*{_INTENDED_USE}*", "## Training data"]
    for ref in data:
        users = [one for one in trainings if one.dataset == ref]
        lines += _training_data(ref, users, datasets.get(ref))
    lines += ["## Evaluation", *_evaluations(before, trainings, datasets)]
    if late:
        lines += ["## Evaluated since the commit", *_evaluations(late, trainings, datasets)]
    lines += ["## Ethical considerations", *_sensitive(trainings, datasets), f"*{_ETHICS}*"]
    if caveats := _caveats(trainings, found, datasets):
        lines += ["## Caveats", "\n".join(f"- {words}" for words in caveats)]
    return "\n\n".join(filter(None, lines)) + "\n"


def _notes(notes: Sequence[Note]) -> dict[str, str]:
    """Return notes by what is to stand before each."""
    return {f"note of {one.actor}, {_when(one.time)}": one.text for one in notes}


def _model(one: Training, hidden: frozenset[str]) -> list[str]:
    """Return the settings of a training, its rows, its time and its environment."""
    versions: Any = one.environment.get("libraries") or {}
    secret = one.target in hidden
    chosen = {**one.defaults, **one.hyperparameters}
    if secret:  # weights by class name its classes
        chosen = {name: value for name, value in chosen.items() if not isinstance(value, dict)}
    rows = f"{one.rows_train:,} to train, {one.rows_test or 0:,} held out" if one.rows_train else ""
    own = {
        name: replace(of, fill_value="(hidden)") if name in hidden and of.fill_value else of
        for name, of in (one.preprocessing.columns or {}).items()
    }
    preprocessing = replace(one.preprocessing, columns=own) if own else one.preprocessing
    return [
        f"### {_of(one)}",
        *_pairs(
            {
                "training": one.id,
                "trained": _when(one.ended),
                "tags": ", ".join(one.tags),
                **_notes(one.notes),
                "task": one.task,
                "estimator": f"{one.estimator} ({one.library_version})",
                "target": one.target,
                "settings": ", ".join(
                    f"{name}={shortened(value)}" for name, value in chosen.items()
                ),
                "preprocessing": " · ".join(in_words(preprocessing)),
                "calibration": one.calibrate,
                "threshold": "" if secret else threshold_in_words(one.parameters.get("threshold")),
                "split": split_in_words(one),
                "folds": f"{one.split.folds}, of the rows to train" if one.split.folds else "",
                "rows": rows,
                "seed": one.seed,
                "weights": one.weight,
                "fit": None if one.fit_seconds is None else f"{one.fit_seconds:.3f} s",
                "artifact": one.artifact and f"SHA-256 {one.artifact.digest}",
                "environment": ", ".join(f"{name} {known}" for name, known in versions.items()),
                "Python": one.environment.get("python"),
                "system": ", ".join(
                    str(one.environment[name])
                    for name in ("system", "processor")
                    if one.environment.get(name)
                ),
            }
        ),
    ]


def _training_data(
    ref: DatasetRef, trainings: Sequence[Training], spec: Dataset | None
) -> list[str]:
    """Return the profile of a dataset's version, and the use of each of its columns."""
    head = f"### {_text(ref.name)}@{short(ref.version)}"
    if spec is None:
        return [head, f"SHA-256 {ref.version}. The catalog does not show this version (any more)."]
    said = {
        "SHA-256": ref.version,
        "rows": f"{spec.rows:,}",
        "columns": len(spec.columns),
        "registered": _when(spec.registered),
        "summary": spec.summary,
        "classes": ", ".join(f"{label}: {many:,}" for label, many in spec.classes.items()),
    }
    shown = spec.columns[:_MOST_COLUMNS]
    lines = [
        (
            column.name,
            type_word(column.type),
            _use(column.name, trainings),
            f"{column.missing:,}",
            column.distinct and f"{column.distinct:,}",
        )
        for column in shown
    ]
    more = len(spec.columns) - len(shown)
    return [
        head,
        *_pairs(said),
        _table(("column", "type", "used as", "missing", "different"), lines),
        f"And {more:,} more columns." if more else "",
    ]


def _use(column: str, trainings: Sequence[Training]) -> str:
    """Return the use of a column, and the trainings that have it where they differ."""
    uses: dict[str, list[str]] = {}
    for one in trainings:
        why = one.left_out.get(column, "")
        if column in (one.target, one.weight):
            use = "target" if column == one.target else "weight"
        elif why or (one.features and column not in one.features):
            use = f"left out: {LEFT_OUT.get(why, why) or 'not among the named features'}"
        else:
            use = "feature"
        uses.setdefault(use, []).append(short(one.id))
    if len(uses) == 1:
        return next(iter(uses))
    return "; ".join(f"{use} ({', '.join(ids)})" for use, ids in uses.items())


def _evaluations(
    found: Sequence[Evaluation], trainings: Sequence[Training], datasets: Datasets
) -> Iterable[str]:
    """Yield the results of evaluations, by metric and by class, with those of the baseline."""
    if not found:
        yield "None."
    by_id = {one.id: one for one in trainings}
    for one in found:
        training = by_id[one.training]
        secret = _is_secret(one, training, datasets)
        data = f"{_text(one.dataset.name)}@{short(one.dataset.version)}"
        part = one.held_out or one.held_out_by is not None
        yield f"### {_of(training)} on {'the held-out rows of ' * part}{data}"
        always = one.baseline_prediction
        baseline = "baseline"
        if always is not None and not secret:
            baseline += f" (always {shortened(always, 30)})"
        known = [
            (
                metric_title(one, name),
                _figure(value),
                _figure(one.baseline.get(name)),
                "no better than the baseline" if name in one.not_better else "",
            )
            for name, value in plain_results(one)
            if not (secret and ":" in name)  # it names a class
        ]
        yield _table(("metric", "result", baseline, ""), known)
        for value in one.results.values():
            if is_table(value) and not secret:
                heads = list(dict.fromkeys(head for line in value for head in line))
                yield _table(heads, [[_figure(line.get(head)) for head in heads] for line in value])
        if shown := {} if secret else _plots(one, _hidden(training, datasets)):
            yield _drawn(shown)
        yield f"{one.rows or 0:,} rows, {_when(one.ended)}, evaluation {one.id}."


def _plots(one: Evaluation, hidden: frozenset[str]) -> dict[str, Any]:
    """Return the plots of an evaluation without the values of hidden columns."""
    found = dict(one.plot_data)
    if dependence := found.pop("partial-dependence", None):
        seen = {name: of for name, of in dependence["columns"].items() if name not in hidden}
        if seen:
            found["partial-dependence"] = {**dependence, "columns": seen}
    return found


def _drawn(found: Mapping[str, Any]) -> str:
    """Return plots as text in a fence that nothing in them ends."""
    written = StringIO()
    Console(file=written, width=_WIDTH, color_system=None).print(plots(found))
    text = "\n".join(line.rstrip() for line in written.getvalue().splitlines())
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _sensitive(trainings: Sequence[Training], datasets: Datasets) -> Iterable[str]:
    """Yield the names of the sensitive columns."""
    hidden = sorted(frozenset().union(*(_hidden(one, datasets) for one in trainings)))
    if hidden:
        yield f"Sensitive columns, of which this card shows no values: {_text(', '.join(hidden))}."


def _caveats(
    trainings: Sequence[Training], found: Sequence[Evaluation], datasets: Datasets
) -> list[str]:
    """Return the findings and warnings of data, trainings and evaluations, each once."""
    said = [
        f"{spec.name}@{short(spec.version)}: {finding.words}"
        for ref in dict.fromkeys(one.dataset for one in trainings)
        if (spec := datasets.get(ref)) is not None
        for finding in spec.findings
    ]
    for one in trainings:
        warnings = one.parameters.get("warnings")
        if isinstance(warnings, list):
            said += [f"{one.estimator} {short(one.id)}: {words}" for words in warnings]
    by_id = {one.id: one for one in trainings}
    for measured in found:
        about = f"Evaluation {short(measured.id)} on {measured.dataset.name}"
        if not _is_secret(measured, by_id[measured.training], datasets):
            said += [f"{about}: {note}" for note in measured.notes]
            said += [f"{about}: no {name}: {why}" for name, why in measured.left_out.items()]
        said += [
            f"{about}: a value of {name} in {rows:,} rows was never seen in training."
            for name, rows in measured.unseen.items()
        ]
    return [_text(words) for words in dict.fromkeys(said)]


def _hidden(one: Training, datasets: Datasets) -> frozenset[str]:
    """Return the columns with values that are not shown: marked at the training, or since."""
    spec = datasets.get(one.dataset)
    return frozenset(one.sensitive).union(() if spec is None else spec.sensitive)


def _is_secret(one: Evaluation, training: Training, datasets: Datasets) -> bool:
    """Return whether the classes of an evaluation are not shown."""
    return training.target in _hidden(training, datasets) | frozenset(one.sensitive)


def _of(one: Training) -> str:
    return f"{_text(one.estimator)} ({short(one.id)})"


def _when(time: str | None) -> str | None:
    return time and f"{datetime.fromisoformat(time).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _figure(value: Any) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else str(value)


def _pairs(about: Mapping[str, object]) -> list[str]:
    known = [(name, value) for name, value in about.items() if value not in (None, "", ())]
    return [_table(("", ""), known)] if known else []


def _table(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Return a table of GitHub Flavored Markdown."""
    written = [heads, ["---"] * len(heads)]
    body = [[_text("" if cell is None else str(cell)) for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in (*written, *body))


def _text(words: str) -> str:
    """Return words of others as text of one line, in which nothing is markup."""
    return _MARKUP.sub(r"\\\g<0>", printable(" ".join(words.split()), but=""))
