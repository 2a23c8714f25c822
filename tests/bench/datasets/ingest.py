"""How right files are read, and how fast: in the confined process, as at an upload.

Right: the columns of real files (tests/data/real) against what a person says they are, beside what
pandas and DuckDB find out by themselves; once more without codes, which only their names tell from
numbers. Silent: damaged tables that come back changed without a word. Fast: a CSV of 400,000 rows
with numbers, text and times, beside Arrow's and DuckDB's bare reading of the same file, which have
two threads: the fastest of three rounds each.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import tempfile
import time
from pathlib import Path
from random import Random

import pyarrow.csv

from autolearn.artifacts.datasets.sandbox import ProfileJob, profile_apart
from tests.artifacts.datasets.damage import DAMAGES, KINDS, made_table
from tests.artifacts.datasets.damage.check import fault_of
from tests.artifacts.datasets.real_files import (
    PATHS,
    as_duckdb,
    as_pandas,
    ours,
    right,
    wrong_columns,
)
from tests.bench.datasets.measured_run import peak_pss
from tests.bench.peers import peer_python, told

ROWS, DAMAGED = 400_000, 1_000
ROUNDS, THREADS = 3, 2
DUCKDB_SCRIPT = Path(__file__).with_name("duckdb_reader.py")


async def ingest() -> dict[str, float]:
    """Measure all of it."""
    python = peer_python()
    with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder:
        path = Path(folder) / "data.csv"
        write(path)
        question = ProfileJob(path=str(path), name="x", version="v", bytes=path.stat().st_size)
        pyarrow.set_cpu_count(THREADS)
        took, arrow, duckdb, peaks = [], [], [], []
        for _ in range(ROUNDS):
            seconds, peak = await ingested(question)
            took.append(seconds)
            peaks.append(peak)
            arrow.append(read_by_arrow(path))
            answer = told([python, str(DUCKDB_SCRIPT), str(path), str(THREADS), *map(str, PATHS)])
            assert answer["rows"] == ROWS
            duckdb.append(answer["seconds"])
        silent = await asyncio.to_thread(silently_wrong, Path(folder) / "damaged")
    readers = {
        "": ours,
        "_pandas": as_pandas,
        "_duckdb": lambda path: as_duckdb(answer["types"][str(path)]),
    }
    return {
        **{
            f"inference_right{whose}{'_codes_text' * strict}": right(
                wrong_columns(reader, codes_are_text=strict)
            )
            for strict in (False, True)
            for whose, reader in readers.items()
        },
        "silent_wrong": silent,
        "ingest_rows_per_s": ROWS / min(took),
        "ingest_rows_per_s_arrow": ROWS / min(arrow),
        "ingest_rows_per_s_duckdb": ROWS / min(duckdb),
        "ingest_peak_pss_mb": max(peaks),
    }


async def ingested(question: ProfileJob) -> tuple[float, float]:
    """Profile a file as at an upload; return the seconds and the most memory (PSS, MiB)."""
    began = time.perf_counter()
    reading = asyncio.create_task(profile_apart(question))
    peak = await peak_pss(reading, pause=0.02)
    took = time.perf_counter() - began
    assert (await reading).rows == ROWS
    return took, peak


def read_by_arrow(path: Path) -> float:
    """Read a file into memory with Arrow alone; return the seconds."""
    began = time.perf_counter()
    assert pyarrow.csv.read_csv(path).num_rows == ROWS
    return time.perf_counter() - began


def write(path: Path) -> None:
    some = Random(0)
    first = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    with path.open("w") as file:
        file.write("a,b,c,d,e,place,when\n")
        for row in range(ROWS):
            numbers = ",".join(f"{some.gauss(0, 100):.4f}" for _ in range(4))
            when = (first + dt.timedelta(minutes=row)).isoformat()
            file.write(f"{numbers},{some.randint(0, 9999)},town {row % 40},{when}\n")


def silently_wrong(path: Path) -> int:
    """Return how many damaged tables come back changed, and nothing is said."""
    wrong = 0
    for seed in range(DAMAGED):
        some = Random(seed)
        kinds = [some.choice(KINDS) for _ in range(some.randint(1, 5))]
        table = made_table(kinds, some.randint(4, 30), seed, some.choice([0, 0.1, 0.4]))
        name = sorted(DAMAGES)[seed % len(DAMAGES)]
        wrong += bool(fault_of(path, DAMAGES[name](table, some)))
    return wrong
