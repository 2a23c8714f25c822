"""The answers about trainings, evaluations and artifacts."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.models.backtests import Backtest, BacktestComparison
from autolearn.schemas.pipelines.definition import Definition
from autolearn.schemas.pipelines.results import StepReport
from autolearn.schemas.rest.annotations import Attachment, Note
from autolearn.schemas.rest.page import Links
from autolearn.schemas.results import FoldScores, PredictedBatch
from autolearn.schemas.studies.search import StudyCandidate, Versus
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.training.row_steps import RowStep
from autolearn.schemas.values import (
    NO_DATASET,
    NO_RUN,
    NO_SESSION,
    Baseline,
    Column,
    DatasetRef,
    HeldOut,
    JsonValue,
    PredictionForm,
    RunId,
    SessionId,
    Split,
    TrainedArtifact,
)


class LiveProgress(Struct):
    """The progress of a run by its worker's last heartbeat.

    `phase` is a word such as starting, loading, fitting, storing, evaluating, or `fitting, 24%`;
    `waiting` while no worker has taken the run, `waiting for a worker with gpu=1` while none has
    its labels. `detail` is more for those who may read the run, such as the loss by now.
    """

    run: RunId
    kind: str
    attempt: int
    phase: str
    worker: str = ""
    host: str = ""
    since: str | None = None
    detail: str = ""


class RunFields(Struct, kw_only=True, frozen=True):
    """The common fields of all kinds of runs.

    `status` is open (waits for a worker), started, completed, failed or cancelled. The times are
    RFC 3339; `reason` and `detail` say why it failed. The limits (seconds, MiB) are the requested
    ones. `actor` asked for it, of a worker with the `labels`.
    """

    kind: ClassVar[str]

    id: RunId
    session: SessionId
    number: int
    """The sequence of its request in the session's stream, which orders the runs."""
    status: str
    requested: str
    updated: str
    dataset: DatasetRef
    time_limit: float
    memory_limit: int
    attempt: int = 1
    worker: str = ""
    started: str | None = None
    ended: str | None = None
    reason: str = ""
    detail: str = ""
    environment: dict[str, JsonValue] = {}
    seconds: float | None = None
    cpu_seconds: float | None = None
    sensitive: tuple[str, ...] = ()
    read: ReadOptions | None = None
    unreadable: bool = False
    actor: str = ""
    labels: dict[str, str] = {}


class TrainingRow(RunFields, kw_only=True, frozen=True):
    """One training. `features` are those that were named, and `left_out` the reason by column.

    `logged` are figures that a user computed. A trial of a study has the `study`, and its number in
    it, from 0. An `imported` one was made elsewhere: it has `columns`, and neither a dataset nor a
    meaning of split, seed, preprocessing and limits.
    """

    kind: ClassVar[str] = "training"

    estimator: str
    task: str
    library_version: str
    target: str | None
    hyperparameters: dict[str, JsonValue]
    split: Split
    preprocessing: Preprocessing
    seed: int
    schema_hash: str
    artifact: TrainedArtifact | None = None
    features: tuple[str, ...] = ()
    left_out: dict[str, str] = {}
    weight: str | None = None
    fold_metrics: tuple[str, ...] = ()
    calibrate: str | None = None
    threshold: str | None = None
    batches: bool = False
    steps: tuple[RowStep, ...] = ()
    cross_validation: dict[str, FoldScores] = {}
    baseline_model: Baseline | None = None
    study: RunId = NO_RUN
    trial: int | None = None
    parameters: dict[str, JsonValue] = {}
    rows_train: int | None = None
    rows_test: int | None = None
    fit_seconds: float | None = None
    tags: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    logged: dict[str, float] = {}
    attachments: tuple[Attachment, ...] = ()
    imported: bool = False
    columns: tuple[Column, ...] = ()


class Training(TrainingRow, kw_only=True, frozen=True):
    """A training. `defaults` are the estimator's values for the hyperparameters not asked for."""

    defaults: dict[str, JsonValue]
    progress: LiveProgress | None
    links: Links


class EvaluationRow(RunFields, kw_only=True, frozen=True):
    """One evaluation of a training; `results` are by metric.

    `left_out` has the reason for each metric or plot without a result, `averages` the aggregation
    of averages. `baseline` has the results of a model without features that predicts
    `baseline_prediction` for every row; results that are `not_better` are no better than those.
    """

    kind: ClassVar[str] = "evaluation"

    training: RunId
    artifact: str
    """The folder of the training's artifact (`TrainedArtifact.folder`)."""
    metrics: tuple[str, ...]
    held_out: bool
    results: dict[str, JsonValue] = {}
    rows: int | None = None
    optional: tuple[str, ...] = ()
    positive: str | None = None
    left_out: dict[str, str] = {}
    averages: dict[str, str] = {}
    unseen: dict[str, int] = {}
    notes: tuple[str, ...] = ()
    plots: tuple[str, ...] = ()
    plot_data: dict[str, JsonValue] = {}
    baseline_model: Baseline | None = None
    baseline: dict[str, JsonValue] = {}
    baseline_prediction: JsonValue = None
    not_better: tuple[str, ...] = ()
    rows_sha256: str = ""
    """Which rows of the dataset were evaluated: equal for equal rows."""
    study: RunId = NO_RUN
    held_out_by: HeldOut | None = None
    """The training of which these are the held-out rows, if it is another one."""


class Evaluation(EvaluationRow, kw_only=True, frozen=True):
    """An evaluation of a training."""

    progress: LiveProgress | None
    links: Links


class PredictionRow(RunFields, kw_only=True, frozen=True):
    """One prediction: of all rows of a dataset, or of rows that were `sent` with the request.

    The other fields are those of `RequestPrediction` and `PredictionResult`.
    """

    kind: ClassVar[str] = "prediction"

    training: RunId
    artifact: str
    """The folder of the training's artifact (`TrainedArtifact.folder`)."""
    sent: bool = False
    input_columns: tuple[str, ...] = ()
    output: TrainedArtifact | None = None
    rows: int | None = None
    columns: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    unseen: dict[str, int] = {}
    notes: tuple[str, ...] = ()
    form: PredictionForm | None = None
    model: str = ""
    model_version: int = 0
    batches: tuple[PredictedBatch, ...] = ()
    score_edges: tuple[float, ...] = ()
    backtest: Backtest | None = None
    comparison: BacktestComparison | None = None
    warned: dict[str, int] = {}


class Prediction(PredictionRow, kw_only=True, frozen=True):
    """A prediction of a training. Its rows can be fetched until `kept_until` (RFC 3339)."""

    kept_until: str | None
    progress: LiveProgress | None
    links: Links


class StudyRow(RunFields, kw_only=True, frozen=True):
    """One study. The fields are those of `RequestStudy` and `StudyResult`.

    The limits are those of each trial. `score` is the mean of `metric` over the folds of the best
    trial, by which it was chosen; `held_out` has the metrics of the held-out rows, which choose
    nothing.
    """

    kind: ClassVar[str] = "study"

    candidates: tuple[StudyCandidate, ...]
    metric: str
    maximize: bool
    sampler: str
    trials: int
    parallel: int
    task: str
    target: str | None
    schema_hash: str
    split: Split
    preprocessing: Preprocessing
    seed: int
    fold_metrics: tuple[str, ...]
    budget: float | None = None
    prune: bool = False
    features: tuple[str, ...] = ()
    left_out: dict[str, str] = {}
    weight: str | None = None
    calibrate: str | None = None
    threshold: str | None = None
    best: RunId = NO_RUN
    trial: int | None = None
    estimator: str = ""
    hyperparameters: dict[str, JsonValue] = {}
    score: float | None = None
    deviation: float | None = None
    counts: dict[str, int] = {}
    second: Versus | None = None
    defaults: Versus | None = None
    evaluation: RunId = NO_RUN
    held_out: dict[str, JsonValue] = {}


class Study(StudyRow, kw_only=True, frozen=True):
    """A study. Its trials are trainings that name it."""

    progress: LiveProgress | None
    links: Links


class StepRunRow(RunFields, kw_only=True, frozen=True):
    """One step of a run of a pipeline, `pipeline_run`, in a process of its own.

    The other fields are those of `RequestStep` and `StepResult`; the `artifact` is that of the
    result.
    """

    kind: ClassVar[str] = "step"

    dataset: DatasetRef = NO_DATASET
    pipeline_run: RunId
    step: str
    function: str
    package: str
    package_version: str
    digest: str
    parameters: dict[str, JsonValue]
    tables: tuple[DatasetSpec, ...] = ()
    seed: int = 0
    network: bool = False
    artifact: TrainedArtifact | str | None = None
    report: StepReport = StepReport()
    table: DatasetSpec | None = None


class PipelineRunRow(RunFields, kw_only=True, frozen=True):
    """One run of a pipeline. The other fields are those of `RequestPipeline` and `PipelineResult`.

    `counts` are its steps by how they have ended.
    """

    kind: ClassVar[str] = "pipeline"

    dataset: DatasetRef = NO_DATASET
    pipeline_version: int
    definition: Definition
    parameters: dict[str, JsonValue] = {}
    sources: dict[str, DatasetSpec] = {}
    start_at: str = ""
    no_cache: bool = False
    counts: dict[str, int] = {}
    trained_in: SessionId = NO_SESSION
    committed: bool = False


RunRow = TrainingRow | EvaluationRow | PredictionRow | StudyRow
"""A run of a session or experiment."""
AnyRunRow = RunRow | StepRunRow | PipelineRunRow


class RunSummary(Struct, kw_only=True, frozen=True):
    """The progress of a run; its link `self` leads to its content."""

    id: RunId
    kind: str
    number: int
    status: str
    requested: str
    updated: str
    attempt: int
    training: RunId
    started: str | None
    ended: str | None
    actor: str
    links: Links


class ArtifactFile(Struct):
    """A file of an artifact."""

    name: str
    sha256: str
    links: Links


class Artifact(Struct):
    """An artifact. `digest` names its folder, `bytes` is the size of all its files."""

    digest: str
    bytes: int
    files: list[ArtifactFile]
