"""Data frames, of pandas, which is asked for by name where a call needs it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, to_builtins
from msgspec.structs import asdict

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


def _cell(name: str, value: object) -> object:
    if isinstance(value, DatasetRef):
        return value.name
    if isinstance(value, Struct):
        return to_builtins(value)
    if name in _TIMES and isinstance(value, str) and value:
        return needed("pandas", "A data frame").Timestamp(value)
    return value
