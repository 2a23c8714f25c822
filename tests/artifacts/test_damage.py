"""Whatever happened to a file: the same table comes back, or it is said what happened to it."""

from __future__ import annotations

import datetime as dt
import math
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from autolearn.artifacts.tables import DatasetRefused
from tests.artifacts.damage import DAMAGES, KINDS, File, made_table
from tests.artifacts.reading import Reading, read_as_a_user_would


def fault_of(path: Path, file: File) -> str:
    """Return what is silently wrong, "" if nothing is."""
    path.write_bytes(file.content)
    try:
        read = read_as_a_user_would(path, file.hints)
    except DatasetRefused as refused:
        if file.refusal and re.search(file.refusal, refused.detail):
            return ""
        return f"refused in other words: {refused.detail}"
    if file.must and not read.codes & set(file.must):
        return f"none of {file.must} is said, but {read.codes}"
    faults = [fault for name in file.table.names if (fault := fault_in(read, file, name))]
    return "; ".join(faults)


def fault_in(read: Reading, file: File, name: str) -> str:
    quoted = {"lines-in-value", "rows-in-value", "quote-in-value"}
    said = read.about(name) | read.about("") | (read.codes & quoted)
    if said & set(file.codes):
        return ""
    if name not in read.types:
        return f"{name} is gone"
    found, wanted = read.column(name), file.table.values[name]
    if len(found) != len(wanted):
        return f"{name} has {len(found)} rows, not {len(wanted)}"
    for row, (one, other) in enumerate(zip(found, wanted, strict=True)):
        if not is_same(one, other):
            return f"{name}, row {row}: {one!r}, not {other!r} ({said})"
    return ""


def is_same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, float) and isinstance(found, int | float):
        return math.isclose(found, wanted, rel_tol=1e-12, abs_tol=0.00006)
    if isinstance(found, dt.datetime):
        found = found.replace(tzinfo=None)
    if isinstance(found, bool) != isinstance(wanted, bool):
        return False
    return bool(found == wanted)


tables = some.builds(
    made_table,
    some.lists(some.sampled_from(KINDS), min_size=1, max_size=5),
    some.integers(4, 30),
    some.integers(0, 2**32),
    some.sampled_from([0.0, 0.1, 0.4]),
)
damaged = some.tuples(tables, some.sampled_from(sorted(DAMAGES)), some.integers(0, 2**32))


def check(given_: Any, folder: Path) -> None:
    table, name, seed = given_
    file = DAMAGES[name](table, random.Random(seed))
    fault = fault_of(folder / "data", file)
    assert not fault, f"{name}: {fault}\n{file.content[:2000]!r}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damage")


def test_there_are_thirty_ways() -> None:
    assert len(DAMAGES) >= 30


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage(name: str, folder: Path) -> None:
    """Each of them, on tables that have every kind of column."""
    for seed in range(3):
        table = made_table([*KINDS], 8 + seed * 7, seed, [0.0, 0.2][seed % 2])
        check((table, name, seed), folder)


@settings(max_examples=100)
@given(damaged)
def test_damaged_tables(folder: Path, given_: Any) -> None:
    check(given_, folder)


@pytest.mark.long
@pytest.mark.timeout(1200)
@settings(max_examples=10_000)
@given(damaged)
def test_ten_thousand_damaged_tables(folder: Path, given_: Any) -> None:
    check(given_, folder)
