"""The answers of service `comparisons`."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from autolearn.schemas.rest.annotations import Note
from autolearn.schemas.rest.page import Links
from autolearn.schemas.values import NO_RUN, JsonValue, RunId, SessionId


class ComparedOwner(Struct, frozen=True):
    """A session or experiment with trainings in a comparison."""

    id: SessionId
    kind: Literal["session", "experiment"]
    title: str
    links: Links


class ComparedMetric(Struct, kw_only=True, frozen=True):
    """A column of a comparison: a metric with one number as its result.

    `name` is that of the column: `f1`, `f1:yes` of one class, `f1 (folds)` with `folds`, over which
    it is the mean; `cost (logged)` has the average `logged`: a user's own figure. `average` says
    how an average over classes was taken, such as `macro`. `best` is the training with the best
    value, the first of several; None if neither direction is better.
    """

    name: str
    metric: str
    average: str
    folds: bool
    greater_is_better: bool | None
    best: RunId | None


class Score(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The value of a metric for one training.

    It is that of the newest completed `evaluation` of the metric, over so many `rows`; or the mean
    over the folds of the training's cross-validation, with their sample standard `deviation`. `low`
    and `high` bound the 95 % interval of a proportion over `rows` independent rows (Wilson,
    1927: "Probable inference, the law of succession, and statistical inference"): the accuracy that
    the same artifact may have on all rows of that kind.
    """

    value: float
    evaluation: RunId | None = None
    rows: int | None = None
    deviation: float | None = None
    low: float | None = None
    high: float | None = None


class ComparedTraining(Struct, kw_only=True, frozen=True):
    """A line of a comparison.

    `settings` are those that differ between the lines: hyperparameters as `hyperparameters.NAME`,
    the split as `split.NAME`, the preprocessing as `preprocessing.NAME`. `scores` are by the name
    of the column. A `baseline` ignores the features. A `trial` of a study has its number there.
    """

    id: RunId
    session: SessionId
    number: int
    estimator: str
    baseline: bool
    status: str
    settings: dict[str, JsonValue]
    scores: dict[str, Score]
    fit_seconds: float | None
    links: Links
    study: RunId = NO_RUN
    trial: int | None = None
    tags: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    cpu_seconds: float | None = None


class TrainingComparison(Struct, kw_only=True, frozen=True):
    """A comparison of trainings.

    `on` is the dataset on which they were measured, None for the held-out rows of each training.
    `baseline` has what a model without features scores on the same rows, by column; a column whose
    scores are not all of the same rows has none.
    `shared` are the settings that are the same for all. With `same_rows` all scores are of the same
    rows; without it, they are not quite comparable. They are in the order of their requests, or of
    the column `sort`, the best first and those without a value last.
    """

    owners: list[ComparedOwner]
    on: str | None
    sort: str | None
    shared: dict[str, JsonValue]
    same_rows: bool
    metrics: list[ComparedMetric]
    baseline: dict[str, float]
    trainings: list[ComparedTraining]
