"""Predict, as a step: the rows of a table with what a model says about them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import pyarrow as pa
from pyarrow import parquet

from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.errors import InputError
from autolearn.ml.prediction.predict import predict as predict_rows
from autolearn.ml.steps import tables
from autolearn.ml.steps.context import context, report
from autolearn.ml.steps.parameters import COLUMNS
from autolearn.ml.steps.step_function import ModelInput
from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.events import PredictionRequested
from autolearn.schemas.results import PREDICTION_FORMS
from autolearn.schemas.values import NO_RUN, DatasetRef, TrainedArtifact

_PREDICTION = "prediction"
_LETTERS = {
    pa.bool_(): "b", pa.int64(): "i", pa.float64(): "n", pa.string(): "s",
}  # fmt: skip


def predict(
    table: pa.Table,
    model: ModelInput,
    *,
    with_input: bool = False,
    columns: Annotated[list[str], COLUMNS] = [],  # noqa: B006 - it is not changed
    called: str = "prediction",
) -> pa.Table:
    """Predict the rows of a table.

    A classifier gives prediction and probability_<class>, a regression prediction, a clusterer
    cluster, a detector of anomalies anomaly and score.

    Args:
        table: the rows
        model: the trained model
        with_input: repeat all columns of the rows
        columns: the columns to repeat
        called: the name of the column of predictions
    """
    if called != _PREDICTION and called in table.column_names:
        raise InputError(f"the table has a column {called} already")
    now = context()
    with tempfile.TemporaryDirectory(prefix="autolearn-") as scratch:
        file = Path(scratch, "rows.parquet")
        tables.write(table, file)
        types = "".join(_LETTERS.get(kind, "t") for kind in table.schema.types)
        store = _OneTable(now.artifacts, file)
        request = PredictionRequested(
            run=NO_RUN,
            time_limit=0.0,
            memory_limit=0,
            max_attempts=1,
            training=NO_RUN,
            artifact=model.digest,
            dataset=DatasetRef("table", "0" * 64),
            read=ReadOptions(format="parquet", types=types),
            input_columns=tuple(table.column_names if with_input else columns),
            sensitive=tuple(sorted(now.sensitive)),
            form="parquet",
        )
        result = predict_rows(request, store, now.phase)
    for sentence in result.notes:
        report.note(sentence)
    for column, rows in result.unseen.items():
        report.warned("a category that the model does not know", rows, column=column)
    made: pa.Table = store.rows
    return made.rename_columns([called if one == _PREDICTION else one for one in made.column_names])


class _OneTable:
    """The artifacts of a run where the dataset is a table, and the predictions are kept."""

    def __init__(self, artifacts: Artifacts, file: Path) -> None:
        self._artifacts, self._file = artifacts, file
        self.fetch_folder, self.fetch_blob = artifacts.fetch_folder, artifacts.fetch_blob
        self.put_blob = artifacts.put_blob
        self.rows = pa.table({})

    def fetch_dataset(self, ref: DatasetRef, into: Path) -> Path:  # noqa: ARG002 - there is one
        """Return the file of the table."""
        return self._file

    def put_folder(self, local: Path) -> TrainedArtifact:
        """Keep the rows."""
        self.rows = parquet.read_table(local / PREDICTION_FORMS["parquet"])
        return TrainedArtifact("", {}, 0)
