"""The artifact of a training, opened: its pipeline, and the files that describe it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.estimators.estimator import Estimator
from autolearn.ml.models import skops_file
from autolearn.ml.models.onnx_model import open_onnx
from autolearn.ml.models.trusted_types import IMPORTED
from autolearn.ml.plugins import find_estimator, is_ours
from autolearn.schemas.models.imports import ONNX, SKOPS
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
    rows_test: int = 0
    preprocessing: Preprocessing = Preprocessing()
    batches: bool = False
    imported: bool = False
    """Whether it was made elsewhere: then `estimator` is the class of the file's model."""


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


def has_own_estimator(folder: Path) -> bool:
    """Return whether an artifact's estimator is AutoLearn's own; an imported one is not."""
    training = msgspec.json.decode((folder / "training.json").read_bytes(), type=TrainingRecord)
    return not training.imported and is_ours(find_estimator(training.estimator))


def open_folder(folder: Path) -> StoredArtifact:
    """Load an artifact from its files. Raises InputError and ModelRefused."""
    training = msgspec.json.decode((folder / "training.json").read_bytes(), type=TrainingRecord)
    schema = msgspec.json.decode((folder / "schema.json").read_bytes(), type=ModelSchema)
    if training.imported:
        pipeline = _imported(folder, training, schema)
        factory = type(pipeline[-1] if hasattr(pipeline, "steps") else pipeline)
        estimator = Estimator(training.estimator, training.task, "made elsewhere", factory)
        return StoredArtifact(training, schema, estimator, pipeline)
    estimator = find_estimator(training.estimator)
    pipeline = skops_file.load(folder / "model.skops", estimator.allowed_types())
    return StoredArtifact(training, schema, estimator, pipeline)


def _imported(folder: Path, training: TrainingRecord, schema: ModelSchema) -> Any:
    """Load a model that was made elsewhere. Raises InputError and ModelRefused."""
    onnx = folder / ONNX
    if not onnx.exists():
        return skops_file.load(folder / SKOPS, IMPORTED)
    types = {column.name: column.type for column in schema.columns}
    classes = schema.target.classes if schema.target else ()
    return open_onnx(onnx.read_bytes(), types, training.task, classes)
