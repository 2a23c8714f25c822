"""A look at a file: its first rows and its columns, in every format, as a training reads them."""

import asyncio
import gzip
import json
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.look import first_rows, summary
from autolearn.artifacts.datasets.profile import profile
from autolearn.artifacts.datasets.sandbox import LookJob, rows_apart, summary_apart
from autolearn.artifacts.datasets.table import format_of, read_table
from autolearn.schemas.datasets.read_options import ReadOptions

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


@pytest.fixture(params=FORMATS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, ReadOptions]:
    path = tmp_path / f"data.{request.param}"
    FORMATS[request.param](path)
    return path, options_of(path)


def options_of(path: Path) -> ReadOptions:
    found = profile(path, name="x", format=format_of(path), version="v", bytes=1).read
    assert found is not None
    return found


def test_the_first_rows_are_those_of_the_file(file: tuple[Path, ReadOptions]):
    found = first_rows(*file, 7)
    assert found.columns == list(FRAME.columns)
    assert found.types == ["string", "integer", "number", "timestamp", "boolean"]
    expected = FRAME.head(7)
    for row, (_, wanted) in zip(found.rows, expected.iterrows(), strict=True):
        assert row[:2] == [wanted.plan, wanted.visits]
        assert row[2] == (None if np.isnan(wanted.spent) else wanted.spent)
        assert row[3] == f"{wanted.day:%Y-%m-%d}T00:00:00Z"
        assert row[4] is bool(wanted.active)
    json.dumps(found.rows)
    some = first_rows(*file, 3, ("visits", "plan"))
    assert [[b, a] for a, b in (row[:2] for row in found.rows[:3])] == some.rows
    assert len(first_rows(*file, 1000).rows) == 500


def test_a_summary_is_of_all_values(file: tuple[Path, ReadOptions]):
    found = summary(*file, "spent")
    present = FRAME.spent.dropna()
    assert (found.rows, found.missing) == (500, int(FRAME.spent.isna().sum()))
    assert found.mean == pytest.approx(present.mean())
    assert found.deviation == pytest.approx(statistics.stdev(present))
    for share, value in found.quantiles:
        assert value == pytest.approx(np.quantile(present, share))
    assert found.histogram is not None
    counts, edges = np.histogram(present, 10)
    assert found.histogram.edges == pytest.approx(edges.tolist())
    assert sum(found.histogram.rows) == len(present)
    assert np.abs(np.array(found.histogram.rows) - counts).sum() <= 2, "on an edge it may differ"
    plan = summary(*file, "plan")
    assert plan.top == [*FRAME.plan.value_counts().items()]
    day = summary(*file, "day")
    assert day.quantiles[0][1] == f"{FRAME.day.min():%Y-%m-%d}T00:00:00Z"
    assert day.quantiles[-1][1] == f"{FRAME.day.max():%Y-%m-%d}T00:00:00Z"
    active = summary(*file, "active")
    assert {value for value, _ in active.top or ()} == {True, False}


def test_values_are_those_that_a_training_reads(tmp_path: Path):
    path = tmp_path / "odd.csv"
    lines = [f"{n:05};{n},{n % 10}5;{n % 28 + 1}.{n % 12 + 1}.2024\n" for n in range(60)]
    path.write_text("".join(["zip;price;when\n", *lines, "00099;;31.12.2024\n"]))
    options = options_of(path)
    found, table = first_rows(path, options, 61), read_table(path, options)
    assert found.rows[14] == ["00014", 14.45, "2024-03-15T00:00:00Z"]
    assert found.rows[60] == ["00099", None, "2024-12-31T00:00:00Z"]
    assert table.arrays["price"].to_pylist() == [row[1] for row in found.rows]


@pytest.mark.parametrize(("content", "bins"), [("5\n5\n5\n", [3]), ("1\n1\n2\n", [2, *[0] * 8, 1])])
def test_few_values_have_a_histogram(tmp_path: Path, content: str, bins: list[int]):
    path = tmp_path / "few.csv"
    path.write_text(f"x,y\n{content.replace(chr(10), ',1' + chr(10))}")
    found = summary(path, options_of(path), "x")
    assert found.histogram is not None
    assert found.histogram.rows[: len(bins)] == bins


def test_it_is_done_in_a_process_of_its_own(tmp_path: Path):
    path = tmp_path / "data.csv"
    FRAME.to_csv(path, index=False)
    options = options_of(path)
    rows = asyncio.run(rows_apart(LookJob(str(path), options, 2, ("plan",))))
    assert rows.rows == [[one] for one in FRAME.plan[:2]]
    plan = asyncio.run(summary_apart(LookJob(str(path), options, column="plan")))
    assert plan.distinct == 3
    with pytest.raises(DatasetRefused, match="no column 'plna'"):
        asyncio.run(summary_apart(LookJob(str(path), options, column="plna")))
    with pytest.raises(DatasetRefused, match="MiB of memory"):
        asyncio.run(summary_apart(LookJob(str(path), options, column="plan", memory_mb=40)))
