"""The result of reading a whole file: columns, read options and findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import compute

from autolearn.schemas.bounds import cut
from autolearn.schemas.datasets.findings import DataFinding, Example
from autolearn.schemas.datasets.read_options import LETTERS, ReadOptions

pc: Any = compute
Values = Any

COUNTED, COUNTED_TOGETHER = 10_000, 1_000_000
"""Distinct values that are counted in a column, and in all columns together."""
MOST_FINDINGS = 300
"""Findings that are kept of a version."""
NO_VALUES = "No column has values: send at least one column with values."
NUMBERS = ("integer", "number")
LETTER = {kind: letter for letter, kind in LETTERS.items()}


@dataclass
class ColumnProfile:
    """A column: its type and its statistics. `labels` are the rows by written value."""

    name: str
    type: str
    missing: int
    distinct: int | None
    minimum: float | None = None
    maximum: float | None = None
    infinite: int = 0
    labels: dict[str, int] | None = None


class Inspected(NamedTuple):
    """The used columns, the read options and the findings."""

    columns: list[ColumnProfile]
    rows: int
    options: ReadOptions
    findings: list[DataFinding]


def about_empty(names: Sequence[str], of: int) -> list[DataFinding]:
    """Return the finding of columns without values, if there are any."""
    shown = tuple(Example(cut(name)) for name in names[:5])
    return [DataFinding("empty-columns", count=len(names), of=of, examples=shown)] if names else []


def floats(values: Values, kind: str) -> Values:
    """Return numbers as float64, and other values as they are."""
    return pc.cast(values, pa.float64(), safe=False) if kind in ("integer", "number") else values
