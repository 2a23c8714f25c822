"""The files of a prediction: the same rows as CSV, as JSON lines and as Parquet."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec
import pyarrow as pa
from pyarrow import csv, parquet

from autolearn.ml.errors import InputError
from autolearn.schemas.bounds import PREDICTED_BYTES
from autolearn.schemas.results import PREDICTION_FORMS
from autolearn.schemas.values import PredictionForm


class RowFiles:
    """Writes batches of rows into the files of `PREDICTION_FORMS`, in a folder; a context.

    With a `form` there is one file.
    """

    def __init__(self, folder: Path, form: PredictionForm | None = None) -> None:
        self.files: dict[str, BinaryIO] = {
            one: (folder / name).open("wb")
            for one, name in PREDICTION_FORMS.items()
            if form in (None, one)
        }
        self.writers: list[Any] = []
        self.encoder = msgspec.json.Encoder()

    def __enter__(self) -> Self:
        return self

    def add(self, batch: pa.RecordBatch) -> None:
        """Write some rows. Raises InputError when all have too many bytes together."""
        if not self.writers:
            kinds = {"csv": csv.CSVWriter, "parquet": parquet.ParquetWriter}
            self.writers = [
                kinds[form](file, batch.schema)
                for form, file in self.files.items()
                if form in kinds
            ]
        for writer in self.writers:
            writer.write_batch(batch)
        if "jsonl" in self.files:
            self.files["jsonl"].write(self.encoder.encode_lines(batch.to_pylist()))
        size = sum(file.tell() for file in self.files.values())
        if size > PREDICTED_BYTES:
            raise InputError(
                f"the predictions have more than {PREDICTED_BYTES:,} bytes",
                advice="Send the rows in parts, or with fewer columns to repeat.",
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in (*self.writers, *self.files.values()):
            one.close()
