"""A model that predicts batches of a table: in the run's process, or on a cluster.

A classifier gives `prediction` and, where it has predict_proba, `probability_<class>` per class; a
regression `prediction`; a clusterer `cluster`; a detector of anomalies `anomaly` and `score`, which
is higher for stranger rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from autolearn.artifacts.datasets.table import DatasetTable
from autolearn.ml.evaluation.categories import Categories, FoundValues
from autolearn.ml.evaluation.evaluate import Answers
from autolearn.ml.evaluation.rows import features_of_model
from autolearn.ml.evaluation.stored_artifact import StoredArtifact, open_folder
from autolearn.ml.plans.estimator_input import EstimatorInput
from autolearn.ml.prediction.row_checks import RowChecker, rules_of
from autolearn.schemas.catalog import ANOMALY_DETECTION, CLASSIFICATION, CLUSTERING
from autolearn.schemas.datasets.rules import Soft

Array = np.ndarray[Any, Any]
PROBABILITY = "probability_"
"""The start of the name of a column of probabilities; the label follows."""


class Said(NamedTuple):
    """What a model says of a batch: its columns, and by column what was odd."""

    columns: dict[str, Array]
    taken: dict[str, dict[str, str]]
    unseen: dict[str, int]
    warned: Mapping[tuple[Soft, str], int]


class BatchPredictor:
    """A model that predicts batches; it travels as its files.

    `elsewhere` are values of all rows (`Categories`).
    """

    def __init__(
        self,
        model: StoredArtifact,
        folder: Path,
        secret: Collection[str],
        elsewhere: Mapping[str, FoundValues],
    ) -> None:
        self._secret, self._elsewhere = secret, elsewhere
        self._folder, self._files = folder, dict[str, bytes]()
        self._open(model)

    def _open(self, model: StoredArtifact) -> None:
        self.model = model
        self.input = EstimatorInput(model.pipeline, imported=model.training.imported)
        self.checker = RowChecker(rules_of(model.schema))

    def __getstate__(self) -> tuple[dict[str, bytes], Collection[str], Mapping[str, FoundValues]]:
        files = self._files  # it may travel on, from one worker to another
        if not files:
            files = {path.name: path.read_bytes() for path in self._folder.iterdir()}
        return files, self._secret, self._elsewhere

    def __setstate__(self, state: Any) -> None:
        self._files, self._secret, self._elsewhere = state
        with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
            for name, content in self._files.items():
                Path(folder, name).write_bytes(content)
            self._open(open_folder(Path(folder)))

    def said_of(self, begin: int, table: DatasetTable) -> Said:
        """Return the predictions of a batch, whose first row has the number `begin`."""
        categories = Categories(table, self._secret, elsewhere=self._elsewhere)
        features = features_of_model(self.model, categories, needed=False)
        strange = categories.strange
        unseen = {name: int(marks.sum()) for name, marks in strange.items()}
        warned = self.checker.count(table, features, strange, begin)
        ready = self.input.of(features, strange.values())
        columns = predicted_columns(self.model, features, ready)
        return Said(columns, categories.taken, unseen, warned)


def predicted_batch(predictor: BatchPredictor, batch: tuple[int, DatasetTable]) -> Said:
    """Return the predictions of a batch, which comes with the number of its first row."""
    return predictor.said_of(*batch)


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
