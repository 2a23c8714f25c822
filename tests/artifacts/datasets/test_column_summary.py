"""Summaries of columns: those of numpy and pandas, exact up to a bound and close beyond it."""

from __future__ import annotations

import datetime as dt
import gzip
import itertools
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as some

from autolearn.artifacts.datasets.column_summary import column_summary
from autolearn.artifacts.datasets.profile import profile
from autolearn.artifacts.datasets.table import format_of
from autolearn.artifacts.datasets.typed_batches import typed_batches
from autolearn.schemas.datasets.look import ColumnSummary

RNG = np.random.default_rng(4)
FRAME = pd.DataFrame(
    {
        "plan": RNG.choice(["basic", "plus", "pro"], 500, p=[0.6, 0.3, 0.1]),
        "visits": RNG.integers(0, 50, 500),
        "spent": np.where(RNG.random(500) < 0.2, np.nan, RNG.gamma(2, 10, 500).round(2)),
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.integers(0, 300, 500), "D"),
        "active": RNG.random(500) < 0.5,
    }
)
FORMATS = {
    "csv": lambda path: FRAME.to_csv(path, index=False),
    "csv.gz": lambda path: path.write_bytes(gzip.compress(FRAME.to_csv(index=False).encode())),
    "jsonl": lambda path: FRAME.to_json(path, orient="records", lines=True, date_format="iso"),
    "parquet": lambda path: FRAME.to_parquet(path, index=False),
    "feather": lambda path: FRAME.to_feather(path),
}
TYPES = {"integer": pa.int64(), "number": pa.float64(), "string": pa.string()}


def of(values: Iterable[Any], kind: str, *, step: int = 7, **bounds: int) -> ColumnSummary:
    """Sum up values that come in batches."""
    array = pa.array(list(values), TYPES.get(kind))
    batches = ({"x": array.slice(at, step)} for at in range(0, len(array), step))
    return column_summary(batches, "x", kind, **bounds)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_each_format(tmp_path: Path, form: str):
    path = tmp_path / "data"
    FORMATS[form](path)
    spec = profile(path, name="x", format=format_of(path), version="v", bytes=1)
    types = {column.name: column.type for column in spec.columns}

    def summary(name: str) -> ColumnSummary:
        return column_summary(typed_batches(path, spec.read, types, [name]), name, types[name])

    found, present = summary("spent"), FRAME.spent.dropna()
    assert (found.rows, found.missing) == (500, int(FRAME.spent.isna().sum()))
    assert found.mean == pytest.approx(present.mean())
    assert found.deviation == pytest.approx(present.std())
    for share, value in found.quantiles:
        assert value == pytest.approx(present.quantile(share))
    assert found.histogram is not None
    counts, edges = np.histogram(present, 10)
    assert found.histogram.edges == pytest.approx(edges.tolist())
    assert found.histogram.rows == counts.tolist()
    assert found.top is not None
    assert dict(found.top) == {value: (present == value).sum() for value, _ in found.top}
    assert summary("plan").top == [*FRAME.plan.value_counts().items()]
    day = summary("day")
    assert day.quantiles[0][1] == f"{FRAME.day.min():%Y-%m-%d}T00:00:00Z"
    assert day.quantiles[-1][1] == f"{FRAME.day.max():%Y-%m-%d}T00:00:00Z"
    assert day.histogram is not None
    assert all(str(edge).endswith("T00:00:00Z") for edge in day.histogram.edges)
    assert sum(day.histogram.rows) == 500
    assert dict(summary("active").top or ()) == FRAME.active.value_counts().to_dict()
    visits = summary("visits").histogram
    assert visits is not None
    assert visits.edges == [5 * n for n in range(11)]
    assert visits.rows == np.histogram(FRAME.visits, visits.edges)[0].tolist()


NUMBERS = some.lists(some.none() | some.floats(-1e6, 1e6) | some.sampled_from([1.5, 2.0]))


@given(NUMBERS, some.integers(1, 5))
def test_numbers_as_numpy_has_them(values: list[float | None], step: int):
    present = np.array([value for value in values if value is not None])
    found = of(values, "number", step=step, counted=3)
    assert (found.rows, found.missing) == (len(values), len(values) - len(present))
    assert found.distinct == len({*present.tolist()})
    if not len(present):
        assert (found.quantiles, found.histogram, found.mean) == ([], None, None)
        return
    for share, value in found.quantiles:
        assert value == pytest.approx(np.quantile(present, share), abs=1e-9)
    assert found.mean == pytest.approx(present.mean(), abs=1e-6)
    if len(present) > 1:
        assert found.deviation == pytest.approx(present.std(ddof=1), rel=1e-6, abs=1e-6)
    assert found.histogram is not None
    assert sum(found.histogram.rows) == len(present)
    assert (found.histogram.edges[0], found.histogram.edges[-1]) == (present.min(), present.max())
    counts = Counter(present.tolist())
    assert found.top is not None
    assert [count for _, count in found.top] == sorted(counts.values(), reverse=True)[:20]
    assert all(counts[value] == count for value, count in found.top)


@given(some.lists(some.integers(-(2**63), 2**63 - 1), min_size=1))
def test_integers_are_whole_however_large(values: list[int]):
    found = of(values, "integer", counted=2)
    assert found.histogram is not None
    edges = found.histogram.edges
    assert all(isinstance(edge, int) for edge in edges)
    assert edges[0] == min(values) == found.quantiles[0][1]
    assert max(values) == found.quantiles[-1][1] <= edges[-1]
    assert len({b - a for a, b in itertools.pairwise(edges)}) == 1
    assert len(edges) <= 11
    rows = [sum(a <= one < b for one in values) for a, b in itertools.pairwise(edges)]
    if len(edges) > 2 or edges[0] != edges[1]:
        assert found.histogram.rows == rows
    assert dict(found.top or ()).items() <= Counter(values).items()


@pytest.mark.parametrize(
    ("values", "edges", "rows"),
    [
        ([5, 5, 5], [5, 5], [3]),
        ([1, 1, 2], [1, 2, 3], [2, 1]),
        ([0, 19], [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20], [1, *[0] * 8, 1]),
        ([0, 10], [0, 2, 4, 6, 8, 10, 12], [1, 0, 0, 0, 0, 1]),
    ],
)
def test_bins_of_integers(values: list[int], edges: list[int], rows: list[int]):
    found = of(values, "integer").histogram
    assert found is not None
    assert (found.edges, found.rows) == (edges, rows)


def test_times_have_whole_edges():
    begin = dt.datetime(2024, 1, 1, 8, tzinfo=dt.UTC)
    for step, digits in ((dt.timedelta(seconds=7), 20), (dt.timedelta(minutes=7), 20)):
        times = pa.array([begin + step * n for n in range(100)], pa.timestamp("us"))
        found = column_summary([{"x": times}], "x", "timestamp")
        assert found.histogram is not None
        assert all(len(str(edge)) == digits for edge in found.histogram.edges)
        assert sum(found.histogram.rows) == 100
        assert found.quantiles[4][1] == f"{(begin + step * 49.5):%Y-%m-%dT%H:%M:%S}" + (
            ".500000Z" if step.seconds == 7 else "Z"
        )
        assert found.deviation is None
        middle = begin + step * 49.5
        assert dt.datetime.fromisoformat(str(found.mean)) == middle


def test_more_numbers_than_are_kept_are_sampled():
    values = RNG.normal(100, 15, 200_000)
    found = of(values.tolist(), "number", step=10_000, kept=20_000, counted=100)
    assert found.sample is not None
    assert 5_000 < found.sample <= 20_000
    assert (found.rows, found.distinct, found.top) == (200_000, None, None)
    assert (found.quantiles[0][1], found.quantiles[-1][1]) == (values.min(), values.max())
    assert found.mean == pytest.approx(values.mean())
    assert found.deviation == pytest.approx(values.std(ddof=1))
    for share, value in found.quantiles[1:-1]:
        assert abs((values < value).mean() - share) < 0.015
    assert found.histogram is not None
    counts, _ = np.histogram(values, 10)
    assert np.abs(np.array(found.histogram.rows) - counts).sum() < 200_000 * 0.05
    few = of(([1, 2, 2, 5] * 10_000), "integer", step=1000, kept=100)
    assert (few.sample, few.distinct, few.top) == (None, 3, [(2, 20_000), (1, 10_000), (5, 10_000)])
    assert [value for _, value in few.quantiles] == [1, 1, 1, 1.75, 2, 2.75, 5, 5, 5]


@given(some.lists(some.sampled_from("abcdefghijklmnopq") | some.text(max_size=2), max_size=300))
def test_frequent_texts_of_many(values: list[str]):
    exact, found = Counter(values), of(values, "string", counted=8)
    assert found.top is not None
    for value, count in found.top:
        assert 0 <= exact[value] - count <= found.undercount
    shown = dict(found.top)
    if not found.undercount:
        assert found.distinct == len(exact)
        assert [count for _, count in found.top] == sorted(exact.values(), reverse=True)[:20]
        return
    assert found.distinct is None
    assert found.undercount <= len(values) / 4
    assert all(one in shown for one, many in exact.items() if many > 2 * found.undercount)


def test_long_texts_are_cut_and_yet_told_apart():
    long = ["x" * 300 + end for end in "abab"]
    found = of([*long, "x" * 300 + "a", "short"], "string")
    assert found.distinct == 3
    assert [count for _, count in found.top or ()] == [3, 2, 1]
    assert [len(str(value)) for value, _ in found.top or ()] == [200, 200, 5]


def test_the_largest_floats_and_no_numbers():
    found = of([1.7e308, -1.7e308, math.nan, math.inf, None], "number")
    assert (found.rows, found.missing, found.distinct) == (5, 3, 2)
    assert found.histogram is not None
    assert found.histogram.edges[5] == 0
    assert found.histogram.rows == [1, *[0] * 8, 1]
    assert of([], "number").quantiles == []
    assert of([7], "integer").deviation is None
