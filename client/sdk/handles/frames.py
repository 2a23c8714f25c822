"""Data frames, of pandas, which is asked for by name where a call needs it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, to_builtins
from msgspec.structs import asdict

from autolearn.client.sdk.errors import BadArgument
from autolearn.schemas.datasets.look import TableRows
from autolearn.schemas.errors import AutoLearnError, ExitCode
from autolearn.schemas.values import DatasetRef

if TYPE_CHECKING:
    import pandas as pd

_PACKAGES = {"sklearn": "scikit-learn"}
"""The names of packages that differ from those of their modules."""
_TIMES = frozenset(
    {"created", "committed", "updated", "requested", "started", "ended", "registered", "expires"}
)
"""The fields that are times."""


class MissingPackage(AutoLearnError, ImportError):
    """A package that a call needs is not installed."""

    title = "A package is missing"
    exit_code = ExitCode.USAGE

    def __init__(self, module: str, what: str) -> None:
        name = _PACKAGES.get(module, module)
        super().__init__(f"{what} needs {name}.", advice=f"Install it: pip install {name}")

    def __str__(self) -> str:
        return f"{self.detail} {self.advice}"


def needed(module: str, what: str) -> Any:
    """Import the module of a package that `what` needs. Raises MissingPackage."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingPackage(module.partition(".")[0], what) from None


def frame_of(rows: Iterable[Mapping[str, object]], what: str = "A data frame") -> pd.DataFrame:
    """Return rows as a data frame, a column for each name. Raises MissingPackage."""
    frame: pd.DataFrame = needed("pandas", what).DataFrame([*rows])
    return frame


def row_of(item: Struct) -> dict[str, object]:
    """Return the fields of a resource as a row: times are datetimes, a dataset is its name."""
    return {
        name: _cell(name, value)
        for name, value in asdict(item).items()
        if name not in ("links", "progress", "environment")
    }


def table_of(found: TableRows) -> pd.DataFrame:
    """Return rows of a dataset as a data frame; times are datetimes in UTC."""
    pandas = needed("pandas", "A data frame")
    frame: pd.DataFrame = pandas.DataFrame(found.rows, columns=found.columns)
    for name, kind in zip(found.columns, found.types, strict=True):
        if kind == "timestamp":
            frame[name] = pandas.to_datetime(frame[name])
    return frame


def is_frame(source: object) -> bool:
    """Return whether an object is a data frame: of pandas, polars, pyarrow, or alike."""
    return hasattr(source, "__arrow_c_stream__") or (
        type(source).__module__.startswith("pandas.") and hasattr(source, "to_parquet")
    )


def parquet_of(frame: Any) -> bytes:
    """Return a data frame as a Parquet file: the same rows always give the same bytes.

    Categories are text. A named index of pandas becomes columns, any other is left out.

    Raises:
        MissingPackage: pyarrow is not installed.
        BadArgument: a column has values that Parquet cannot hold, or two have the same name.
    """
    pa, pq = needed("pyarrow", "A data frame"), needed("pyarrow.parquet", "A data frame")
    try:
        if hasattr(frame, "reset_index"):
            if any(name is not None for name in frame.index.names):
                frame = frame.reset_index()
            frame = frame.rename(columns=str)
            table = pa.Table.from_pandas(frame, preserve_index=False)
        else:
            table = pa.table(frame)
        for place, field in enumerate(table.schema):
            if pa.types.is_dictionary(field.type):  # numbers of categories are names, too
                values = table[place].cast(field.type.value_type).cast(pa.string())
                table = table.set_column(place, field.name, values)
        sink = pa.BufferOutputStream()
        pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd")
    except (pa.ArrowException, ValueError, TypeError) as error:
        why = "; ".join(str(part) for part in error.args)
        raise BadArgument(
            f"The data frame cannot be sent: {why}.",
            advice="Make each column numbers, text, booleans or times.",
        ) from None
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _cell(name: str, value: object) -> object:
    if isinstance(value, DatasetRef):
        return value.name
    if isinstance(value, Struct):
        return to_builtins(value)
    if name in _TIMES and isinstance(value, str) and value:
        return needed("pandas", "A data frame").Timestamp(value)
    return value
