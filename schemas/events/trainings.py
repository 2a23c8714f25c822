"""Events of trainings."""

from __future__ import annotations

from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.events.runs import RunRequested
from autolearn.schemas.messages import Event
from autolearn.schemas.results import TrainingResult
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.training.row_steps import RowStep
from autolearn.schemas.values import NO_DATASET, NO_RUN, Column, DatasetRef, JsonValue, RunId, Split


class TrainingRequested(RunRequested, frozen=True, omit_defaults=True, kw_only=True):
    """A training was accepted. The fields are those of `commands.RequestTraining`."""

    estimator: str
    task: str
    library_version: str
    dataset: DatasetRef
    target: str | None
    schema_hash: str
    hyperparameters: dict[str, JsonValue]
    split: Split
    preprocessing: Preprocessing
    seed: int
    sensitive: tuple[str, ...] = ()
    read: ReadOptions | None = None
    features: tuple[str, ...] = ()
    left_out: dict[str, str] = {}
    weight: str | None = None
    fold_metrics: tuple[str, ...] = ()
    calibrate: str | None = None
    threshold: str | None = None
    batches: bool = False
    steps: tuple[RowStep, ...] = ()
    study: RunId = NO_RUN
    trial: int | None = None
    medians: tuple[float, ...] = ()


class TrainingImported(Event, frozen=True, kw_only=True):
    """A model that was made elsewhere is a completed training of the session.

    The first fields are those of `commands.ImportTraining`. The others have no meaning: with them
    the data are also those of a `TrainingRequested` and of its `RunCompleted`.
    """

    run: RunId
    estimator: str
    task: str
    library_version: str
    target: str | None
    schema_hash: str
    features: tuple[str, ...]
    columns: tuple[Column, ...]
    result: TrainingResult
    sensitive: tuple[str, ...] = ()
    imported: bool = True
    time_limit: float = 0.0
    memory_limit: int = 0
    max_attempts: int = 1
    dataset: DatasetRef = NO_DATASET
    hyperparameters: dict[str, JsonValue] = {}
    split: Split = Split()
    preprocessing: Preprocessing = Preprocessing()
    seed: int = 0
    attempt: int = 1
    worker: str = ""
