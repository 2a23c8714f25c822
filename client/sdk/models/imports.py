"""A model that was made elsewhere, packed as it is sent."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from autolearn.client.sdk.errors import BadArgument
from autolearn.schemas.models.imports import EXAMPLES, ONNX, SCHEMA, SKOPS

if TYPE_CHECKING:
    import pandas as pd

File = str | PathLike[str]
SchemaGiven = File | Mapping[str, Any]
"""The columns that a model takes, as a file or as what is in it."""


@contextmanager
def packed(
    file: File, schema: SchemaGiven | None, examples: File | pd.DataFrame | None
) -> Iterator[Path]:
    """Yield a zip file of a model, its schema and its examples, which is deleted at the end.

    Raises:
        BadArgument: one of them is not given, or is no file.
    """
    if schema is None or examples is None:
        raise BadArgument(
            "A model that was made elsewhere comes with a schema and examples.",
            advice="Give the columns that it takes (schema), and rows that it must answer "
            "(examples).",
        )
    with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
        path = Path(folder, "import.zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
            model = _file(file)
            target.write(model, ONNX if model.suffix == ".onnx" else SKOPS)
            if isinstance(schema, Mapping):
                target.writestr(SCHEMA, msgspec.json.encode(schema))
            else:
                target.write(_file(schema), SCHEMA)
            if isinstance(examples, str | PathLike):
                target.write(_file(examples), EXAMPLES)
            else:
                target.writestr(EXAMPLES, examples.to_csv(index=False))
        yield path


def _file(given: File) -> Path:
    """Return a file. Raises BadArgument."""
    path = Path(given)
    if not path.is_file():
        raise BadArgument(f"There is no file {path}.")
    return path
