"""First rows in JSON: what a value becomes, and where they end."""

from __future__ import annotations

import datetime as dt
import math

import msgspec
import pyarrow as pa
import pytest

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.first_rows import first_rows, json_values
from autolearn.artifacts.datasets.typed_batches import Batch


def rows_of(batches: list[Batch], columns: str, limit: int = 10, most: int = 1 << 20) -> list[list]:
    return [msgspec.json.decode(row) for row in first_rows(batches, [*columns], limit, most)]


def test_values_of_each_type() -> None:
    at = dt.datetime(2024, 1, 31, 10, 30, 0, 250, dt.UTC)
    zoned = pa.array([at, None], pa.timestamp("us", "Europe/Rome"))
    assert json_values(pa.array([at, None], pa.timestamp("us"))) == [
        "2024-01-31T10:30:00.000250Z",
        None,
    ]
    assert json_values(zoned)[0] == "2024-01-31T10:30:00.000250Z"  # an instant is in UTC
    assert json_values(pa.array([1.5, math.nan, None])) == [1.5, None, None]
    assert json_values(pa.array([2**63 - 1, None])) == [2**63 - 1, None]
    assert json_values(pa.array([True, None, False])) == [True, None, False]
    assert json_values(pa.array(["", None, "é"])) == ["", None, "é"]


def test_they_end_at_the_limit_across_batches() -> None:
    batches = [{"a": pa.array(range(n, n + 3)), "b": pa.array(["x", None, "y"])} for n in (0, 3, 6)]
    assert rows_of(batches, "ba", 5) == [["x", 0], [None, 1], ["y", 2], ["x", 3], [None, 4]]
    assert len(rows_of(batches, "a", 100)) == 9
    assert rows_of([], "a") == []


def test_no_more_is_read_than_is_shown() -> None:
    def batches():
        yield {"a": pa.array([1, 2])}
        raise AssertionError

    assert [bytes(row) for row in first_rows(batches(), ["a"], 2, 100)] == [b"[1]", b"[2]"]


def test_they_end_at_the_bytes() -> None:
    batch = {"a": pa.array(["x" * 96] * 50)}
    assert len(rows_of([batch], "a", 50, 1000)) == 10
    with pytest.raises(DatasetRefused, match="The first row has 100 bytes, and 99 are shown"):
        rows_of([batch], "a", 50, 99)


def test_wide_rows_are_decoded_in_parts() -> None:
    columns = [f"c{n}" for n in range(5000)]
    batch = {name: pa.array(range(100)) for name in columns}
    found = first_rows([batch], columns, 100, 10 << 20)
    assert msgspec.json.decode(found[99]) == [99] * 5000
    assert len(found) == 100
