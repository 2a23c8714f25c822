"""Makes a comparison of trainings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeGuard

import msgspec
from msgspec import UNSET

from autolearn.api.http.problems import Problem
from autolearn.api.services.comparisons.wilson import wilson
from autolearn.projections.queries.compared_runs import (
    EvaluationToCompare,
    TrainingToCompare,
    figure_name,
)
from autolearn.schemas.bounds import cut
from autolearn.schemas.catalog import BASELINES, metric_and_class
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.rest.comparisons import (
    ComparedMetric,
    ComparedOwner,
    ComparedTraining,
    Score,
    TrainingComparison,
)
from autolearn.schemas.values import NO_DATASET, JsonValue, RunId

_PROPORTIONS = frozenset({"accuracy"})
"""The metrics that are the share of rows for which something is true."""
_LONGEST = 300
"""Characters of the JSON of a setting that is shown whole."""


class _Column(NamedTuple):
    """A column, as in ComparedMetric."""

    name: str
    metric: str
    average: str
    folds: bool = False


class _Line:
    """A training, its settings, and its scores by column, each of some `rows`."""

    def __init__(self, training: TrainingToCompare) -> None:
        self.training, self.settings = training, _settings_of(training.request)
        self.columns: dict[str, _Column] = {}
        self.scores: dict[str, Score] = {}
        self.rows: dict[str, bytes] = {}
        self.baseline: dict[str, float] = {}

    def add_folds(self) -> None:
        """Add the scores of the cross-validation."""
        fitted = self.training.fitted
        for metric, folds in fitted.cross_validation.items() if fitted is not None else ():
            score = Score(value=folds.mean, deviation=folds.deviation)
            self._add(_column_of(metric, folds=True), score, self._split(folds=True))

    def add_logged(self) -> None:
        """Add the figures that a user has logged: of unknown rows, and best in no direction."""
        for name, value in self.training.said.logged.items():
            column = _Column(f"{name} (logged)", name, "logged")
            self.columns[column.name], self.scores[column.name] = column, Score(value=value)

    def add(self, one: EvaluationToCompare, *, held_out: bool) -> None:
        """Add the scores of an evaluation, which replace older ones."""
        measured, version = one.measured, one.asked.dataset.version
        rows = self._split() if held_out else version
        grouped = held_out and self.training.request.split.keeps_groups
        for metric, value in measured.results.items():
            if not _is_number(value):
                continue
            low = high = None
            if metric in _PROPORTIONS and measured.rows and 0 <= value <= 1 and not grouped:
                low, high = wilson(value, measured.rows)
            score = Score(value=value, evaluation=one.run, rows=measured.rows, low=low, high=high)
            column = _column_of(metric, measured.averages.get(metric, ""))
            self._add(column, score, rows)
            self.baseline.pop(column.name, None)
            if _is_number(without := measured.baseline.get(metric)):
                self.baseline[column.name] = without

    def _add(self, column: _Column, score: Score, rows: object) -> None:
        self.columns[column.name] = column
        self.scores[column.name] = score
        self.rows[column.name] = msgspec.json.encode(rows)

    def _split(self, *, folds: bool = False) -> object:
        """Return the parts of a request that decide which rows are held out, or in which fold."""
        request = self.training.request
        split = {name: value for name, value in self.settings.items() if name.startswith("split.")}
        data = request.dataset.name, request.dataset.version, request.target, request.task
        return *data, request.seed, split if folds else split | {"split.folds": None}


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
    for run in runs:
        if isinstance(run, TrainingToCompare):
            line = lines[run.run] = _Line(run)
            line.add_logged()
            if on is None:
                line.add_folds()
        elif run.asked.held_out if on is None else _is_on(on, run):
            lines[run.training].add(run, held_out=on is None)
    order = list(lines.values())
    columns = {name: column for line in order for name, column in line.columns.items()}
    names = {name for line in order for name in line.settings}
    differ = {name for name in names if len({_bytes(line, name) for line in order}) > 1}
    same = {} if not order else {n: v for n, v in order[0].settings.items() if n not in differ}
    metrics = [_metric(one, _direction(one, directions), order) for one in sorted(columns.values())]
    if sort is not None:
        order = _sorted(order, _wanted(sort, metrics))
    same_rows = {
        name
        for name in columns
        if len({line.rows[name] for line in order if name in line.rows}) <= 1
    }
    return TrainingComparison(
        owners=owners,
        on=on,
        sort=sort,
        shared={name: _shown(value) for name, value in same.items()},
        same_rows=same_rows == columns.keys(),
        metrics=metrics,
        baseline={
            name: value
            for line in order
            for name, value in line.baseline.items()
            if name in same_rows
        },
        trainings=[_compared(line, differ, owners) for line in order],
    )


def _is_number(value: JsonValue) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_on(dataset: str, evaluation: EvaluationToCompare) -> bool:
    """Return whether an evaluation is of all rows of a dataset, NAME or NAME@VERSION."""
    name, _, version = dataset.partition("@")
    asked, of = evaluation.asked, evaluation.asked.dataset
    of_all = not asked.held_out and asked.held_out_by is None
    return of_all and of.name == name and of.version.startswith(version)


def _settings_of(request: TrainingRequested) -> dict[str, JsonValue]:
    """Return the settings of a training, each by one name, without the estimator."""
    if request.dataset == NO_DATASET:
        known = ("target", "task", "features")
        return {"dataset": "imported", **{name: getattr(request, name) for name in known}}
    found: dict[str, JsonValue] = {
        "dataset": f"{request.dataset.name}@{request.dataset.version}",
        "target": request.target,
        "task": request.task,
        "features": request.features,
        "left_out": tuple(request.left_out),
        "weight": request.weight,
        "calibrate": request.calibrate,
        "threshold": request.threshold,
        "batches": request.batches or None,
        "seed": request.seed,
    }
    for group in ("split", "preprocessing"):
        struct = getattr(request, group)
        for name in struct.__struct_fields__:
            if (value := getattr(struct, name)) is not UNSET:
                found[f"{group}.{name}"] = value
    if request.split.kind != "random":  # it is for random splits alone
        found.pop("split.stratify", None)
    for name, value in request.hyperparameters.items():
        found[f"hyperparameters.{name}"] = value
    return found


def _direction(column: _Column, directions: Mapping[str, bool | None]) -> bool | None:
    return None if column.average == "logged" else directions.get(column.metric)


def _bytes(line: _Line, name: str) -> bytes:
    """Return a setting in a form that can be compared."""
    return msgspec.json.encode(line.settings[name]) if name in line.settings else b""


def _shown(value: JsonValue) -> JsonValue:
    """Return a setting as an answer has it: a long one is cut to the beginning of its JSON."""
    text = msgspec.json.encode(value)
    return value if len(text) <= _LONGEST else cut(text.decode(), _LONGEST)


def _column_of(metric: str, average: str = "", *, folds: bool = False) -> _Column:
    """Return the column of a figure: of one class it is the same, however the class was named."""
    metric = figure_name(metric, average)
    base, of_class = metric_and_class(metric)
    average = average if of_class is None else f"of class {of_class}"
    return _Column(f"{metric} (folds)" if folds else metric, base, average, folds)


def _metric(column: _Column, greater: bool | None, lines: Sequence[_Line]) -> ComparedMetric:
    """Return a column, with its best training."""
    there = (line for line in lines if column.name in line.scores)
    values = [(line.scores[column.name].value, line.training.run) for line in there]
    best = None
    if greater is not None:
        _, best = (max if greater else min)(values, key=lambda one: one[0])
    return ComparedMetric(**column._asdict(), greater_is_better=greater, best=best)


def _wanted(sort: str, metrics: Sequence[ComparedMetric]) -> ComparedMetric:
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
        study=run.request.study,
        trial=run.request.trial,
        fit_seconds=None if run.fitted is None else run.fitted.fit_seconds,
        links={"self": f"{base}/trainings/{run.run}"},
        cpu_seconds=None if run.fitted is None else run.fitted.cpu_seconds,
        tags=run.said.tags,
        notes=run.said.notes,
    )
