"""One prediction: what an artifact says about all rows of a file, in their order.

A classifier gives `prediction` and, where it has predict_proba, `probability_<class>` per class; a
regression `prediction`; a clusterer `cluster`; a detector of anomalies `anomaly` and `score`, which
is higher for stranger rows.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from autolearn.artifacts.datasets.table import DatasetTable
from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.captured_warnings import heard
from autolearn.ml.environment import environment, one_thread
from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import LABELS, distribution_of, methods_of
from autolearn.ml.evaluation.categories import Categories
from autolearn.ml.evaluation.evaluate import Answers
from autolearn.ml.evaluation.rows import (
    features_of_model,
    read_for,
    require_columns,
    secret_columns,
)
from autolearn.ml.evaluation.stored_artifact import StoredArtifact, open_model
from autolearn.ml.prediction.row_files import RowFiles
from autolearn.schemas.bounds import PREDICTED_ROWS, cut, listed
from autolearn.schemas.catalog import ANOMALY_DETECTION, CLASSIFICATION, CLUSTERING
from autolearn.schemas.events import PredictionRequested
from autolearn.schemas.results import PredictionResult

Array = np.ndarray[Any, Any]
Report = Callable[[str], None]
PROBABILITY = "probability_"
"""The start of the name of a column of probabilities; the label follows."""
_BATCH = 10_000
"""Rows that are predicted, and written, at a time."""


def predict(request: PredictionRequested, store: Artifacts, report: Report) -> PredictionResult:
    """Predict all rows of a file, and store the rows; `report` receives reading, predicting.

    Raises InputError when the file does not fit the artifact, or there are too many rows or bytes.
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    one_thread()
    report("reading")
    with tempfile.TemporaryDirectory(prefix="autolearn-") as scratch:
        model = open_model(store, request.artifact, Path(scratch))
        if LABELS in methods_of(model.pipeline):
            raise InputError(
                f"{model.training.estimator} assigns no rows but those that it was fitted on",
                advice="Choose another clusterer, such as k-means.",
            )
        file = store.fetch_dataset(request.dataset, Path(scratch))
        table = read_for(model, file, request.read)
    require_columns(model, table)
    if table.rows > PREDICTED_ROWS:
        raise InputError(
            f"there are {table.rows:,} rows, and at most {PREDICTED_ROWS:,} are predicted at once",
            advice="Send them in parts.",
        )
    secret = secret_columns(model, request.sensitive)
    categories = Categories(table, secret)
    features = features_of_model(model, categories, needed=False)
    report("predicting")
    with tempfile.TemporaryDirectory(prefix="autolearn-") as folder, heard():
        beside = {one: table.arrays[one] for one in request.input_columns if one in table.arrays}
        counts, names, ours = Counter[str](), list[str](), set[str]()
        with RowFiles(Path(folder)) as files:
            for begin in range(0, table.rows, _BATCH):
                said = predicted_columns(model, features.iloc[begin : begin + _BATCH])
                counts.update(_counted(said))
                rows = {
                    name: values.slice(begin, _BATCH)
                    for name, values in beside.items()
                    if name not in said
                }
                rows |= {name: pa.array(np.ascontiguousarray(one)) for name, one in said.items()}
                files.add(pa.RecordBatch.from_pydict(rows))
                names, ours = list(rows), {*said}
        output = store.put_folder(Path(folder))
    target = model.schema.target
    hidden = target is not None and target.name in secret
    unseen = categories.unseen(np.arange(table.rows))
    return PredictionResult(
        output=output,
        rows=table.rows,
        columns=tuple(names),
        environment=environment(*distribution_of(model.estimator.factory)),
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu_started,
        counts={} if hidden else dict(counts),
        unseen=unseen,
        notes=(*categories.told(), *_notes(model, table, request, ours)),
    )


def predicted_columns(
    model: StoredArtifact,
    features: Any,
    ready: Array | None = None,
    known: Mapping[str, Array] = MappingProxyType({}),
) -> dict[str, Array]:
    """Return the columns of the predictions for some rows."""
    task = model.training.task
    answers = Answers(model.pipeline, features, task, model.training.estimator, ready, known)
    predicted = answers.predicted()
    if task == ANOMALY_DETECTION:
        return {"anomaly": np.equal(predicted, -1), "score": answers.scores()}
    if task == CLUSTERING:
        return {"cluster": predicted}
    said = {"prediction": predicted}
    if task == CLASSIFICATION and hasattr(model.pipeline, "predict_proba"):
        names = [f"{PROBABILITY}{label}" for label in answers.classes()]
        said |= dict(zip(names, answers.probabilities().T, strict=True))
    return said


def _counted(said: Mapping[str, Array]) -> dict[str, int]:
    """Count the rows by class, cluster, or anomaly; {} where numbers are predicted."""
    first = next(iter(said.values()))
    if np.issubdtype(first.dtype, np.floating):
        return {}
    found, many = np.unique(first, return_counts=True)
    words = [str(one).lower() if "anomaly" in said else str(one) for one in found.tolist()]
    return dict(zip(words, many.tolist(), strict=True))


def _notes(
    model: StoredArtifact, table: DatasetTable, request: PredictionRequested, ours: set[str]
) -> list[str]:
    """Say which columns have no value, are not used, or are left out of the output."""
    used = {column.name for column in model.schema.columns}
    target = model.training.target
    empty = [name for name in table.types if name in used and _is_empty(table, name)]
    idle = [name for name in table.types if name not in used and name != target]
    idle = [name for name in idle if name not in request.input_columns]
    gone = [name for name in request.input_columns if name in ours]
    told = {"without any value, so imputed": empty, "not used by the model": idle}
    told["left out, as the predictions have columns of that name"] = gone
    return [f"{what}: {listed(list(map(cut, which)))}" for what, which in told.items() if which]


def _is_empty(table: DatasetTable, name: str) -> bool:
    return bool(table.arrays[name].null_count == table.rows)
