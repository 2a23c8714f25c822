"""The results of runs: one struct for each kind of work, with the tag `kind`."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.models.backtests import BacktestComparison
from autolearn.schemas.pipelines.results import StepReport
from autolearn.schemas.studies.search import Versus
from autolearn.schemas.values import (
    NO_RUN,
    NO_SESSION,
    Baseline,
    JsonValue,
    RunId,
    SessionId,
    TrainedArtifact,
)


class FoldScores(Struct, frozen=True):
    """A metric over the folds of a cross-validation, in their order.

    `deviation` is the sample standard deviation (n - 1). A fold where the metric is undefined has
    None, and does not count.
    """

    mean: float
    deviation: float
    values: tuple[float | None, ...]


class TrainingResult(Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="training"):
    """The artifact that a training has stored.

    `parameters` are the learned parameters (JSON, shortened where large), `environment` the library
    versions, BLAS, threads and processor that made it; times are in seconds: `fit_seconds` of the
    bare fit, `seconds` of the whole attempt in the worker, `cpu_seconds` of the processors that its
    process used (None: not measured, before there was this field). `cross_validation` is by metric.
    `baseline_model` is fitted on the same rows (None if there is none, or the target's mean is
    hidden).
    """

    artifact: TrainedArtifact
    parameters: dict[str, JsonValue]
    environment: dict[str, JsonValue]
    rows_train: int
    rows_test: int
    fit_seconds: float
    seconds: float
    cross_validation: dict[str, FoldScores] = {}
    baseline_model: Baseline | None = None
    cpu_seconds: float | None = None


class EvaluationResult(Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="evaluation"):
    """The results of an evaluation: `results` by metric.

    Each is a number, or a dict with `labels` and `matrix` (confusion matrix). `left_out` has the
    reason for each metric without a result, `averages` the aggregation of averages. `unseen`
    counts, per column of another dataset, the rows with a class or category unknown to the
    artifact; `notes` say which values were taken for which. `baseline` has the results of a model
    that looks at no feature and predicts `baseline_prediction` for every row (None if that is
    hidden); results that are `not_better` are no better than those. `plot_data` is by plot.
    `rows_sha256` is the SHA-256 (hex) of the numbers of the evaluated rows as little-endian int64,
    in their order in the dataset ("": not recorded, before there was this field).
    """

    results: dict[str, JsonValue]
    environment: dict[str, JsonValue]
    rows: int
    seconds: float
    left_out: dict[str, str] = {}
    averages: dict[str, str] = {}
    unseen: dict[str, int] = {}
    notes: tuple[str, ...] = ()
    plot_data: dict[str, JsonValue] = {}
    baseline: dict[str, JsonValue] = {}
    baseline_prediction: JsonValue = None
    not_better: tuple[str, ...] = ()
    rows_sha256: str = ""
    cpu_seconds: float | None = None


class PredictedBatch(Struct, frozen=True, omit_defaults=True):
    """What was predicted for some rows, one after the other: what a monitor looks at.

    `counts` are the rows by predicted class, cluster or anomaly, as in the result. `scores` are the
    rows between the edges of the result's `score_edges`: by their highest probability, or by the
    predicted number. `warned` counts values that break a soft rule, by its kind.
    """

    rows: int
    counts: dict[str, int] = {}
    scores: tuple[int, ...] = ()
    warned: dict[str, int] = {}


class PredictionResult(Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="prediction"):
    """The predictions for rows, in their order, as files of the folder `output`.

    The files are those of `PREDICTION_FILES`, or the requested one, and have `columns`. `counts`
    are the rows by predicted class or cluster, where these are named. `unseen` and `notes` are as
    in an EvaluationResult; the notes also name columns that are not used, or have no value.
    `batches` are of 10,000 rows each, in their order, the last of fewer; or of more if the result
    would be too large. `score_edges` are those of the training's profile; () without scores. A
    backtest has the `comparison` of the answers with the recorded ones. `warned` is that of all
    batches.
    """

    output: TrainedArtifact
    rows: int
    columns: tuple[str, ...]
    environment: dict[str, JsonValue]
    seconds: float
    counts: dict[str, int] = {}
    unseen: dict[str, int] = {}
    notes: tuple[str, ...] = ()
    cpu_seconds: float | None = None
    batches: tuple[PredictedBatch, ...] = ()
    score_edges: tuple[float, ...] = ()
    comparison: BacktestComparison | None = None
    warned: dict[str, int] = {}


class StudyResult(Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="study"):
    """The end of a study: its best trial, the training `best`, fitted on all training rows.

    `score` is the mean of the metric over the folds. `counts` are the trials by status (pruned ones
    apart). `second` is the best of the other trials, and `defaults` the best of the trials with the
    defaults of an estimator; None if there is none, or the best is it. `held_out` has the metrics
    of the best on the held-out rows, computed once: by the `evaluation`.
    """

    best: RunId
    trial: int
    estimator: str
    hyperparameters: dict[str, JsonValue]
    score: float
    deviation: float
    counts: dict[str, int]
    environment: dict[str, JsonValue]
    seconds: float
    second: Versus | None = None
    defaults: Versus | None = None
    evaluation: RunId = NO_RUN
    held_out: dict[str, JsonValue] = {}


class StepResult(Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="step"):
    """The result of a step that ran in a process of its own: the files of the folder `artifact`.

    `table` describes the table among them (None: there is none). The other fields are as in a
    TrainingResult.
    """

    artifact: TrainedArtifact
    report: StepReport
    environment: dict[str, JsonValue]
    seconds: float
    table: DatasetSpec | None = None
    cpu_seconds: float | None = None


class PipelineResult(Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="pipeline"):
    """The end of a run of a pipeline: its steps by how they ended, and what it has made.

    `trained_in` is the session of its trainings (none without any), which `committed` made an
    experiment.
    """

    counts: dict[str, int]
    seconds: float
    trained_in: SessionId = NO_SESSION
    committed: bool = False


PREDICTION_FILES = {
    "text/csv": "rows.csv",
    "application/jsonl": "rows.jsonl",
    "application/vnd.apache.parquet": "rows.parquet",
}
"""The files of a prediction, by media type: the same rows in each."""
PREDICTION_FORMS = dict(zip(("csv", "jsonl", "parquet"), PREDICTION_FILES.values(), strict=True))
"""The files of a prediction, by their form."""

Result = (
    TrainingResult | EvaluationResult | PredictionResult | StudyResult | StepResult | PipelineResult
)
"""The result of any kind of work."""


def artifact_of(result: Result) -> TrainedArtifact | None:
    """Return the artifact of a result, None if it has none."""
    return getattr(result, "artifact", None)
