"""Write: a table as a file in a form that people and other programs read."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pyarrow as pa
from pyarrow import csv

from autolearn.ml.steps.context import write_file
from autolearn.schemas.results import PREDICTION_FORMS

_csv: Any = csv


def write(table: pa.Table, *, form: Literal["csv", "jsonl", "parquet"] = "csv") -> pa.Table:
    """Write the table as a file of the result; as Parquet every result has it.

    Args:
        table: the table
        form: the form of the file
    """
    if form == "parquet":
        return table
    path = write_file(PREDICTION_FORMS[form])
    if form == "csv":
        _csv.write_csv(table, path)
        return table
    with path.open("wb") as file:
        for batch in table.to_batches():
            for row in batch.to_pylist():
                file.write(msgspec.json.encode(row) + b"\n")
    return table
