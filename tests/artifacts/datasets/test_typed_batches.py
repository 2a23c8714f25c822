"""Rows that are shown are the rows of a training: of every file that can be a dataset."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files import parquet_reader
from autolearn.artifacts.datasets.files.content import FileContent
from autolearn.artifacts.datasets.first_rows import json_values
from autolearn.artifacts.datasets.table import DatasetTable, read_table, table_batches
from autolearn.artifacts.datasets.typed_batches import typed_batches
from autolearn.schemas.datasets.read_options import ReadOptions
from tests.artifacts.datasets.cases import OWN, content_of
from tests.artifacts.datasets.read_case import read_as_a_user_would
from tests.artifacts.datasets.real_files import PATHS
from tests.artifacts.datasets.sent_content import sent

CASES = sorted((Path(__file__).parents[2] / "data" / "cases").glob("[!R]*"))


def values_of(
    content: FileContent,
    options: ReadOptions | None,
    types: dict[str, str],
    wanted: list[str],
    **more: int,
) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in wanted}
    for batch in typed_batches(content, options, types, wanted, **more):
        for name, values in batch.items():
            found[name] += json_values(values)
    return found


def same(path: Path, options: ReadOptions | None, table: DatasetTable) -> None:
    """Check all columns as they are sent, and every second one of the file on the disk."""
    wanted = {name: json_values(values) for name, values in table.arrays.items()}
    with sent(path) as content:
        assert values_of(content, options, table.types, [*wanted]) == wanted
    some = [*wanted][::2]
    assert values_of(path, options, table.types, some, rows=3) == {
        name: wanted[name] for name in some
    }

    same_in_batches(path, options, some)


def same_in_batches(path: Path, options: ReadOptions | None, some: list[str]) -> None:
    """Check that batches of a table are the table, with the written form of its numbers."""
    whole = read_table(path, options, written=some)
    batches = [*table_batches(path, options, 7, wanted=some, written=some)]
    assert [one.rows for one in batches[:-1]] == [7] * (len(batches) - 1)
    assert sum(one.rows for one in batches) == (whole.rows if some else 0)
    for name in some:
        for of in ("arrays", "written"):
            parts = [getattr(one, of)[name] for one in batches if name in getattr(one, of)]
            found = [value for part in parts for value in json_values(part)]
            expected = getattr(whole, of).get(name)
            assert found == ([] if expected is None else json_values(expected)), (of, name)


@pytest.mark.parametrize("name", OWN)
def test_a_case(name: str, tmp_path: Path) -> None:
    case, path = OWN[name], tmp_path / "data"
    path.write_bytes(content_of(case.content))
    read = read_as_a_user_would(path, case.hints, target=case.target, before=case.before)
    same(path, read.spec.read, read.table)


@pytest.mark.parametrize("path", [*PATHS, *CASES], ids=lambda path: path.name)
def test_a_real_file(path: Path) -> None:
    read = read_as_a_user_would(path)
    same(path, read.spec.read, read.table)


def test_a_version_without_read_options(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text(
        "\nsize,colour,ok,when,price\n1,red,true,2024-01-02,1.5\n2,,FALSE,2024-01-03T10:00,NA\n"
    )
    same(path, None, read_table(path))
    pa.parquet.write_table(pa.table({"a": [1, None], "b": ["x", "y"]}), path)
    same(path, None, read_table(path))


@pytest.mark.parametrize("format_", ["parquet", "arrow"])
def test_of_typed_files_only_what_is_asked_for_is_read(tmp_path: Path, format_: str) -> None:
    path, rows = tmp_path / "data", 300_000
    table = pa.table({name: pa.array(range(rows)) for name in "abcdefgh"})
    if format_ == "parquet":
        pa.parquet.write_table(table, path, row_group_size=rows, use_dictionary=False)
    else:
        pa.feather.write_feather(table, path, compression="uncompressed", chunksize=rows)
    options = ReadOptions(format=format_, types="iiiiiiii")
    with sent(path) as content:
        read = 0
        range_of = content.read

        def counted(offset: int, length: int) -> bytes:
            nonlocal read
            part = range_of(offset, length)
            read += len(part)
            return part

        content.read = counted  # type: ignore[method-assign]
        batches = typed_batches(content, options, dict.fromkeys("abcdefgh", "integer"), "ce")
        first = next(batches)
        assert [*first] == ["c", "e"]
        assert first["c"][:2].to_pylist() == [0, 1]
        batches.close()
    most = 4 << 20 if format_ == "parquet" else path.stat().st_size // 3
    assert read < most < path.stat().st_size


def test_a_file_of_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text("a,b\n1,2\n")
    options = ReadOptions(types="ii")
    for types in (["a", "c"], ["b", "a"], ["a"], ["a", "b", "c"]):
        with pytest.raises(DatasetRefused, match="other columns"):
            values_of(path, options, dict.fromkeys(types, "integer"), types)


def test_values_that_are_not_of_their_type_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text("a\nsecret\n")
    with pytest.raises(DatasetRefused, match=r"other values than its version says\.$"):
        values_of(path, ReadOptions(types="i"), {"a": "integer"}, ["a"])


def test_rows_of_a_batch(tmp_path: Path) -> None:
    path = tmp_path / "data"
    pa.parquet.write_table(pa.table({"a": range(10)}), path)
    options, types = ReadOptions(format="parquet", types="i"), {"a": "integer"}
    batches = typed_batches(path, options, types, ["a"], rows=4)
    assert [len(batch["a"]) for batch in batches] == [4, 4, 2]
    path.write_text("".join(f'{{"a": {n}}}\n' for n in range(10)))
    batches = typed_batches(path, ReadOptions(format="jsonl", types="i"), types, ["a"], rows=4)
    assert [len(batch["a"]) for batch in itertools.islice(batches, 2)] == [4, 4]
    assert parquet_reader.BATCH > 10
