"""Makes a comparison of trainings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import UNSET

from autolearn.api.http.problems import Problem
from autolearn.api.services.comparisons.wilson import wilson
from autolearn.projections.queries.compared_runs import EvaluationToCompare, TrainingToCompare
from autolearn.schemas.bounds import cut
from autolearn.schemas.catalog import BASELINES
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.rest.comparisons import (
    ComparedMetric,
    ComparedOwner,
    ComparedTraining,
    Score,
    TrainingComparison,
)
from autolearn.schemas.values import JsonValue, RunId

_PROPORTIONS = frozenset({"accuracy"})
"""The metrics that are the share of rows for which something is true."""
_LONGEST = 300
"""Characters of the JSON of a setting that is shown whole."""


class _Line:
    """A training, its settings, its scores, and of which `rows` each of them is."""

    def __init__(self, training: TrainingToCompare) -> None:
        self.training, self.settings = training, _settings_of(training.request)
        self.scores: dict[str, Score] = {}
        self.rows: dict[str, bytes] = {}

    def add(self, one: EvaluationToCompare, *, held_out: bool) -> Iterable[tuple[str, str, str]]:
        """Add the scores of an evaluation, which replace older ones; yield their columns."""
        measured = one.measured
        rows = msgspec.json.encode(self._split() if held_out else one.asked.dataset.version)
        for metric, value in measured.results.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            average = measured.averages.get(metric, "")
            column = f"{metric} {average}" if average.startswith("of ") else metric
            low = high = None
            if metric in _PROPORTIONS and measured.rows and 0 <= value <= 1:
                low, high = wilson(value, measured.rows)
            self.scores[column] = Score(
                value=value, evaluation=one.run, rows=measured.rows, low=low, high=high
            )
            self.rows[column] = rows
            yield column, metric, average

    def _split(self) -> object:
        """Return the parts of a request that decide which rows are held out."""
        request = self.training.request
        split = {name: value for name, value in self.settings.items() if name.startswith("split.")}
        data = request.dataset.name, request.dataset.version, request.target, request.task
        return *data, request.seed, {**split, "split.folds": None}


def compare(
    owners: list[ComparedOwner],
    runs: Iterable[TrainingToCompare | EvaluationToCompare],
    directions: Mapping[str, bool | None],
    *,
    on: str | None = None,
    sort: str | None = None,
) -> TrainingComparison:
    """Compare trainings on their held-out rows, or `on` a dataset (NAME, or NAME@VERSION).

    The evaluations of a training come after it. `directions` say of each metric whether greater
    values are better.

    Raises:
        Problem: nothing has a value of `sort`.
    """
    lines: dict[RunId, _Line] = {}
    columns: dict[str, tuple[str, str]] = {}
    for run in runs:
        if isinstance(run, TrainingToCompare):
            lines[run.run] = _Line(run)
        elif run.asked.held_out if on is None else _is_on(on, run):
            for column, *about in lines[run.training].add(run, held_out=on is None):
                columns[column] = about[0], about[1]
    order = list(lines.values())
    names = {name for line in order for name in line.settings}
    differ = {name for name in names if len({_bytes(line, name) for line in order}) > 1}
    same = {} if not order else {n: v for n, v in order[0].settings.items() if n not in differ}
    metrics = [
        _metric(name, metric, average, directions.get(metric), order)
        for name, (metric, average) in sorted(columns.items())
    ]
    if sort is not None:
        order = _sorted(order, _column(sort, metrics))
    return TrainingComparison(
        owners=owners,
        on=on,
        sort=sort,
        shared={name: _shown(value) for name, value in same.items()},
        same_rows=len({rows for line in order for rows in line.rows.values()}) <= 1,
        metrics=metrics,
        trainings=[_compared(line, differ, owners) for line in order],
    )


def _is_on(dataset: str, evaluation: EvaluationToCompare) -> bool:
    """Return whether an evaluation is of all rows of a dataset, NAME or NAME@VERSION."""
    name, _, version = dataset.partition("@")
    of = evaluation.asked.dataset
    return not evaluation.asked.held_out and of.name == name and of.version.startswith(version)


def _settings_of(request: TrainingRequested) -> dict[str, JsonValue]:
    """Return the settings of a training, each by one name, without the estimator."""
    found: dict[str, JsonValue] = {
        "dataset": f"{request.dataset.name}@{request.dataset.version}",
        "target": request.target,
        "task": request.task,
        "features": request.features,
        "left_out": tuple(request.left_out),
        "seed": request.seed,
    }
    for group in ("split", "preprocessing"):
        struct = getattr(request, group)
        for name in struct.__struct_fields__:
            if (value := getattr(struct, name)) is not UNSET:
                found[f"{group}.{name}"] = value
    for name, value in request.hyperparameters.items():
        found[f"hyperparameters.{name}"] = value
    return found


def _bytes(line: _Line, name: str) -> bytes:
    """Return a setting in a form that can be compared."""
    return msgspec.json.encode(line.settings[name]) if name in line.settings else b""


def _shown(value: JsonValue) -> JsonValue:
    """Return a setting as an answer has it: a long one is cut to the beginning of its JSON."""
    text = msgspec.json.encode(value)
    return value if len(text) <= _LONGEST else cut(text.decode(), _LONGEST)


def _metric(
    name: str, metric: str, average: str, greater: bool | None, lines: Sequence[_Line]
) -> ComparedMetric:
    """Return a column, with its best training."""
    values = [(line.scores[name].value, line.training.run) for line in lines if name in line.scores]
    best = None
    if greater is not None:
        _, best = (max if greater else min)(values, key=lambda one: one[0])
    return ComparedMetric(
        name=name, metric=metric, average=average, greater_is_better=greater, best=best
    )


def _column(sort: str, metrics: Sequence[ComparedMetric]) -> ComparedMetric:
    """Return the column of a name, or the first of a metric.

    Raises:
        Problem: there is none.
    """
    found = [one for one in metrics if sort in (one.name, one.metric)]
    if not found:
        there = ", ".join(one.name for one in metrics) or "none"
        detail = f"No training here has a value of {cut(sort)!r}; there are values of {there}."
        errors = [{"parameter": "sort", "detail": detail}]
        raise Problem(422, "unknown-metric", "There is no such metric", detail, errors=errors)
    return next((one for one in found if one.name == sort), found[0])


def _sorted(lines: Sequence[_Line], by: ComparedMetric) -> list[_Line]:
    """Return lines, those with the best values first, and those without a value last."""
    sign = 1 if by.greater_is_better is False else -1

    def place(line: _Line) -> tuple[bool, float]:
        score = line.scores.get(by.name)
        return score is None, 0.0 if score is None else sign * score.value

    return sorted(lines, key=place)


def _compared(line: _Line, differ: set[str], owners: Iterable[ComparedOwner]) -> ComparedTraining:
    run = line.training
    base = next(one.links["self"] for one in owners if one.id == run.session)
    return ComparedTraining(
        id=run.run,
        session=run.session,
        number=run.row.number,
        estimator=run.request.estimator,
        baseline=run.request.estimator in BASELINES,
        status=run.row.status,
        settings={name: _shown(v) for name, v in line.settings.items() if name in differ},
        scores=line.scores,
        fit_seconds=run.fit_seconds,
        links={"self": f"{base}/trainings/{run.run}"},
    )
