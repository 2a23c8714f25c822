"""A file profiled, and read again by nothing but what was decided about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from autolearn.artifacts.datasets.profile import profile
from autolearn.artifacts.datasets.table import DatasetTable, format_of, read_table
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.datasets.read_options import ReadHints, ReadOptions


@dataclass(frozen=True)
class Reading:
    """What was said of a file, and what a second program makes of it."""

    spec: DatasetSpec
    table: DatasetTable

    @property
    def types(self) -> dict[str, str]:
        return {column.name: column.type for column in self.spec.columns}

    @property
    def codes(self) -> set[str]:
        return {one.code for one in self.spec.findings}

    def about(self, column: str) -> set[str]:
        return {one.code for one in self.spec.findings if one.column == column}

    @cached_property
    def values(self) -> dict[str, list[Any]]:
        """Columns as Python values, NaN as None."""
        return {
            name: [
                None if isinstance(value, float) and math.isnan(value) else value
                for value in array.to_pylist()
            ]
            for name, array in self.table.arrays.items()
        }

    def column(self, name: str) -> list[Any]:
        return self.values[name]

    def said(self) -> str:
        return "\n".join(f"{one.say()} {one.advice()}" for one in self.spec.findings)


def read_as_a_user_would(
    path: Path,
    hints: ReadHints = ReadHints(),  # noqa: B008 - it is frozen
    *,
    target: str | None = None,
    before: Mapping[str, str] | None = None,
) -> Reading:
    """Profile a file and read it again; check that both are of one mind. Raises DatasetRefused."""
    spec = profile(
        path, name="x", format=format_of(path), version="v", bytes=path.stat().st_size,
        target=target, hints=hints, before=before,
    )  # fmt: skip
    kept = msgspec.json.decode(msgspec.json.encode(spec.read), type=ReadOptions)
    assert kept == spec.read
    table = read_table(path, kept)
    assert table.types == {column.name: column.type for column in spec.columns}
    assert table.rows == spec.rows
    read = Reading(spec, table)
    for column in spec.columns:
        values = read.column(column.name)
        present = [value for value in values if value is not None]
        assert len(values) - len(present) == column.missing, column
        if column.distinct is not None and column.type != "timestamp":
            assert len(set(present)) == column.distinct, column
        if column.type in ("integer", "number") and present:
            assert float(min(present)) == column.minimum, column
            assert float(max(present)) == column.maximum, column
    for one in spec.findings:
        assert one.say().endswith("."), one
        assert "{" not in one.say() + one.advice(), one
    return read
