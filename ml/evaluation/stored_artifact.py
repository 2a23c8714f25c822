"""The artifact of a training, opened: its pipeline, and the files that describe it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.estimators.estimator import Estimator
from autolearn.ml.models import skops_file
from autolearn.ml.plugins import find_estimator
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.values import DatasetRef, Split


class TrainingRecord(msgspec.Struct, frozen=True):
    """`training.json`, as far as an evaluation needs it."""

    estimator: str
    task: str
    dataset: DatasetRef
    target: str | None
    split: Split
    seed: int
    held_out_sha256: str
    rows_train: int = 0
    preprocessing: Preprocessing = Preprocessing()


class ModelColumn(msgspec.Struct, frozen=True):
    """A feature in `schema.json`."""

    name: str
    type: str
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    sensitive: bool = False
    nullable: bool = True


class ModelTarget(msgspec.Struct, frozen=True):
    """The target in `schema.json`."""

    name: str
    task: str
    sensitive: bool = False
    classes: tuple[str, ...] = ()


class ModelSchema(msgspec.Struct, frozen=True):
    """`schema.json`, as far as an evaluation needs it."""

    columns: tuple[ModelColumn, ...]
    target: ModelTarget | None


@dataclass(frozen=True)
class StoredArtifact:
    """An artifact: the fitted pipeline, its training record, and its schema."""

    training: TrainingRecord
    schema: ModelSchema
    estimator: Estimator
    pipeline: Any


def open_model(store: Artifacts, digest: str, into: Path) -> StoredArtifact:
    """Load an artifact. Raises ArtifactError, InputError and ModelRefused."""
    return open_folder(store.fetch_folder(digest, into))


def open_folder(folder: Path) -> StoredArtifact:
    """Load an artifact from its files. Raises InputError and ModelRefused."""
    training = msgspec.json.decode((folder / "training.json").read_bytes(), type=TrainingRecord)
    schema = msgspec.json.decode((folder / "schema.json").read_bytes(), type=ModelSchema)
    estimator = find_estimator(training.estimator)
    pipeline = skops_file.load(folder / "model.skops", estimator.allowed_types())
    return StoredArtifact(training, schema, estimator, pipeline)
