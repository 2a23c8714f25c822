"""Compares the predictions of two artifacts on the same rows, bit for bit."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.captured_warnings import heard
from autolearn.ml.environment import one_thread
from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import METHODS, methods_of
from autolearn.ml.evaluation.rows import held_out, other, read_for
from autolearn.ml.evaluation.stored_artifact import StoredArtifact, open_model
from autolearn.ml.results import ComparisonResult
from autolearn.schemas.reports.retrain import Compared, Comparison, Data

if TYPE_CHECKING:
    import pandas as pd


Array = np.ndarray[Any, Any]
Report = Callable[[str], None]


def compare(request: Comparison, store: Artifacts, report: Report) -> ComparisonResult:
    """Compare; `report` receives the phases reading, comparing.

    One artifact is in memory at a time. Held-out rows are those of the recorded artifact, as its
    own folder names them.

    Raises InputError when an artifact does not fit the rows, or neither predicts anything.
    """
    one_thread()
    report("reading")
    model = _loaded(store, request.recorded)
    rows = [_rows_of(data, model, store) for data in request.data]
    report("comparing")
    with heard():
        recorded = [_answers(model.pipeline, features) for features in rows]
        del model
        present = _loaded(store, request.present).pipeline
        found = tuple(
            one
            for data, features, said in zip(request.data, rows, recorded, strict=True)
            for one in _differences(data, len(features), said, _answers(present, features))
        )
    if not found:
        raise InputError("neither model says anything about rows that it was not given")
    return ComparisonResult(found)


def _loaded(store: Artifacts, digest: str) -> StoredArtifact:
    with tempfile.TemporaryDirectory(prefix="autolearn-") as scratch:
        return open_model(store, digest, Path(scratch))


def _rows_of(data: Data, model: StoredArtifact, store: Artifacts) -> pd.DataFrame:
    with tempfile.TemporaryDirectory(prefix="autolearn-") as scratch:
        file = store.fetch_dataset(data.dataset, Path(scratch))
        table = read_for(model, file, data.read)
    if data.held_out:
        return held_out(data.dataset, model, table).features
    return other(model, table, []).features


def _answers(pipeline: Any, features: pd.DataFrame) -> dict[str, Array]:
    """Return the predictions for rows, by method."""
    return {
        method: np.asarray(getattr(pipeline, method)(features)) for method in methods_of(pipeline)
    }


def _differences(
    data: Data, rows: int, recorded: dict[str, Array], present: dict[str, Array]
) -> list[Compared]:
    """Compare the predictions of two artifacts for the same rows, method by method."""
    found = []
    for method in METHODS:
        one, other_one = recorded.get(method), present.get(method)
        if one is not None and other_one is not None:
            found.append(Compared(data, method, rows, *difference(one, other_one)))
        elif one is not None or other_one is not None:
            found.append(Compared(data, method, rows, rows))
    return found


def difference(one: Array, other_one: Array) -> tuple[int, float | None]:
    """Return how many rows of two arrays differ in any bit, and the largest difference.

    Not a number equals itself; 0.0 and -0.0 are different bits.
    """
    if one.shape != other_one.shape or one.dtype != other_one.dtype:
        return max(len(one), len(other_one)), None
    different = int((_bits(one) != _bits(other_one)).any(axis=1).sum())
    if not different or not np.issubdtype(one.dtype, np.number):
        return different, None
    gaps = np.abs(one.astype(np.float64) - other_one.astype(np.float64))
    return different, float(np.nan_to_num(gaps, nan=0.0, posinf=np.finfo(np.float64).max).max())


def _bits(array: Array) -> Array:
    """Return an array's bytes, a line per row; for objects their Python representation."""
    if array.dtype.hasobject:
        words = np.array([repr(value) for value in array.ravel()], dtype=object)
        return words.reshape(len(array), -1)
    return np.ascontiguousarray(array).reshape(len(array), -1).view(np.uint8)
