"""The files of a trained artifact: written, and put into the store."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from autolearn.artifacts.store.run_files import Artifacts
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.values import JsonValue, TrainedArtifact


def training_record(
    request: TrainingRequested, rows_train: int, rows_test: int, held_out: str
) -> dict[str, JsonValue]:
    """Return `training.json`: everything that decides the result, and the held-out rows.

    `held_out` is the fingerprint of these (`SplitRows`). It leaves out the run's id and limits, so
    that the same training has the same digest.
    """
    return {
        "estimator": request.estimator,
        "task": request.task,
        "library_version": request.library_version,
        "dataset": {"name": request.dataset.name, "version": request.dataset.version},
        "target": request.target,
        "schema_hash": request.schema_hash,
        "hyperparameters": request.hyperparameters,
        "split": msgspec.to_builtins(request.split),
        "preprocessing": msgspec.to_builtins(request.preprocessing),
        "seed": request.seed,
        "rows_train": rows_train,
        "rows_test": rows_test,
        "held_out_sha256": held_out,
        **({} if request.read is None else {"read": msgspec.to_builtins(request.read)}),
        **({"features": request.features} if request.features else {}),
        **({"left_out": request.left_out} if request.left_out else {}),
        **({"weight": request.weight} if request.weight else {}),
        **({"fold_metrics": request.fold_metrics} if request.fold_metrics else {}),
        **({"calibrate": request.calibrate} if request.calibrate else {}),
        **({"threshold": request.threshold} if request.threshold else {}),
        **({"batches": True} if request.batches else {}),
    }


def put_artifact(store: Artifacts, files: dict[str, JsonValue], model: bytes) -> TrainedArtifact:
    """Store the folder and return its TrainedArtifact."""
    with tempfile.TemporaryDirectory(prefix="autolearn-") as scratch:
        folder = Path(scratch)
        for name, content in files.items():
            text = msgspec.json.encode(content, order="sorted")
            (folder / name).write_bytes(msgspec.json.format(text, indent=1))
        (folder / "model.skops").write_bytes(model)
        return store.put_folder(folder)
