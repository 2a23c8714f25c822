"""The process that reads stored files: what it reads, and what becomes of hostile ones."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from msgspec.structs import replace
from pyarrow import parquet

from autolearn.artifacts.datasets import reader_process
from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.reader_process import (
    ColumnJob,
    RowsJob,
    rows_apart,
    summary_apart,
)
from autolearn.artifacts.store.errors import ArtifactUnreadable
from autolearn.schemas.datasets.read_options import ColumnFormat, ReadOptions

JOB = RowsJob(
    options=ReadOptions(types="in"),
    types={"a": "integer", "b": "number"},
    columns=("b", "a"),
    limit=10,
    most=1 << 20,
)


def read(job: RowsJob, content: bytes) -> list[list[Any]]:
    async def range_of(offset: int, length: int) -> bytes:
        return content[offset : offset + length]

    rows = asyncio.run(rows_apart(job, len(content), range_of))
    return [msgspec.json.decode(row) for row in rows]


def test_rows_of_a_file_that_it_never_opens() -> None:
    assert read(JOB, b"a,b\n1,2.5\n3,\n") == [[2.5, 1], [None, 3]]
    assert read(replace(JOB, hidden=("b",)), b"a,b\n1,2.5\n3,\n") == [[None, 1], [None, 3]]


def test_a_column_is_summed_up() -> None:
    content = b"a,b\n1,2.5\n3,\n1,4\n"

    async def range_of(offset: int, length: int) -> bytes:
        return content[offset : offset + length]

    job = ColumnJob(options=JOB.options, types=JOB.types, column="a")
    found = asyncio.run(summary_apart(job, len(content), range_of))
    with pytest.raises(DatasetRefused, match="crashes the reader"):
        asyncio.run(summary_apart(job, len(content) + 1, range_of))
    assert (found.rows, found.distinct, found.top) == (3, 2, [(1, 2), (3, 1)])


def test_a_zone_is_known_there() -> None:
    options = ReadOptions(types="t", formats={"0": ColumnFormat(zone="Europe/Rome")})
    job = replace(JOB, options=options, types={"at": "timestamp"}, columns=("at",))
    assert read(job, b"at\n2024-07-01T12:00\n") == [["2024-07-01T10:00:00Z"]]


def test_a_refusal_is_told_but_for_values_that_are_sensitive() -> None:
    content = b'{"a": 1, "b": 2}\n{"secret": 3}\n'
    job = replace(JOB, options=ReadOptions(format="jsonl", types="in", names=("a", "b")))
    with pytest.raises(DatasetRefused, match="Line 2 has a key 'secret'"):
        read(job, content)
    with pytest.raises(DatasetRefused) as caught:
        read(replace(job, quiet=True), content)
    assert "secret" not in caught.value.detail


def test_limits_of_time_and_memory_are_kept() -> None:
    began = time.monotonic()
    with pytest.raises(DatasetRefused, match="more than 64 MiB of memory"):
        read(replace(JOB, memory_mb=64), b"a,b\n1,2\n")
    many = b'{"a": 1, "b": 2}\n' * 3_000_000
    slow = replace(JOB, options=ReadOptions(format="jsonl", types="in"), limit=10_000_000, cpu_s=1)
    with pytest.raises(DatasetRefused, match="1 s of processor time"):
        read(slow, many)
    assert time.monotonic() - began < 60


def test_what_the_store_raises_ends_it() -> None:
    async def none(_: int, __: int) -> bytes:
        raise ArtifactUnreadable

    with pytest.raises(ArtifactUnreadable):
        asyncio.run(rows_apart(JOB, 10, none))


HOSTILE = """
import struct, sys, os
sys.stdin.buffer.readline()
out = sys.stdout.buffer
out.write({0}); out.flush()
sys.stdin.buffer.read()
"""
HEAD = 'struct.pack(">cQQ", {}, {}, {})'


@pytest.mark.parametrize(
    "said",
    [
        HEAD.format("b'r'", 0, 1 << 40),
        HEAD.format("b'a'", 0, 1 << 40),
        HEAD.format("b'a'", 0, 3) + " + b'{{]'",
        HEAD.format("b'a'", 0, 13) + """ + b'{{"rows":[[}}]}}'""",
        "b'short'",
    ],
)
def test_a_taken_over_process_gets_nothing_and_gives_nothing(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may write what it likes: no large range is read, and no large answer is waited for."""
    (tmp_path / "taken_over.py").write_text(
        HOSTILE.format(said.replace("{{", "{").replace("}}", "}"))
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    start = reader_process.start_reader
    monkeypatch.setattr(reader_process, "start_reader", lambda _: start("taken_over"))
    with pytest.raises(DatasetRefused, match="or crashes the reader"):
        read(replace(JOB, cpu_s=1), b"a,b\n1,2\n")


def test_a_large_parquet_file_is_read_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "data"
    rows = 500_000
    table = pa.table({"a": range(rows), "b": [n / 7 for n in range(rows)]})
    parquet.write_table(table, path, row_group_size=rows, use_dictionary=False)
    content, served = path.read_bytes(), 0

    async def range_of(offset: int, length: int) -> bytes:
        nonlocal served
        served += length
        return content[offset : offset + length]

    job = replace(JOB, options=ReadOptions(format="parquet", types="in"))
    assert len(asyncio.run(rows_apart(job, len(content), range_of))) == 10
    assert served < len(content) // 2
