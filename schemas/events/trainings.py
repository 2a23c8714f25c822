"""Events of trainings."""

from __future__ import annotations

from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.events.runs import RunRequested
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.values import NO_RUN, DatasetRef, JsonValue, RunId, Split


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
    study: RunId = NO_RUN
    trial: int | None = None
    medians: tuple[float, ...] = ()
