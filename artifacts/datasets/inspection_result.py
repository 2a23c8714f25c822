"""What comes of reading a whole file: columns, how it is read again, and what is odd about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import compute

from autolearn.schemas.bounds import cut
from autolearn.schemas.datasets.findings import DataFinding, Example
from autolearn.schemas.datasets.read_options import LETTERS, ReadOptions

__all__ = [
    "COUNTED",
    "COUNTED_TOGETHER",
    "LETTER",
    "MOST_FINDINGS",
    "NO_VALUES",
    "NUMBERS",
    "ColumnProfile",
    "Inspected",
    "about_empty",
    "floats",
]

pc: Any = compute
Values = Any

COUNTED, COUNTED_TOGETHER = 10_000, 1_000_000
"""Different values that are counted in a column, and in all columns together."""
MOST_FINDINGS = 300
"""Findings that are kept of a version."""
NO_VALUES = "No column has values: send at least one column with values."
NUMBERS = ("integer", "number")
LETTER = {kind: letter for letter, kind in LETTERS.items()}


@dataclass
class ColumnProfile:
    """A column: its type and its statistics. `labels` are the rows per value as it is written."""

    name: str
    type: str
    missing: int
    distinct: int | None
    minimum: float | None = None
    maximum: float | None = None
    infinite: int = 0
    labels: dict[str, int] | None = None


class Inspected(NamedTuple):
    """The columns that are used, how the file is read again, and what is odd about it."""

    columns: list[ColumnProfile]
    rows: int
    options: ReadOptions
    findings: list[DataFinding]


def about_empty(names: Sequence[str], of: int) -> list[DataFinding]:
    """Return the finding of columns that have no values, if there are such."""
    shown = tuple(Example(cut(name)) for name in names[:5])
    return [DataFinding("empty-columns", count=len(names), of=of, examples=shown)] if names else []


def floats(values: Values, kind: str) -> Values:
    """Return numbers as float64, and other values as they are."""
    return pc.cast(values, pa.float64(), safe=False) if kind in ("integer", "number") else values
