"""Damaged tables at random, and what is silently wrong with what comes back of one."""

from __future__ import annotations

import datetime as dt
import math
import random
import re
from pathlib import Path
from typing import Any

from hypothesis import strategies as some

from autolearn.artifacts.datasets.errors import DatasetRefused
from tests.artifacts.datasets.damage.table import DAMAGES, KINDS, File, Made, made_table
from tests.artifacts.datasets.read_case import Reading, read_as_a_user_would

Damaged = tuple[Made, str, int]

tables = some.builds(
    made_table,
    some.lists(some.sampled_from(KINDS), min_size=1, max_size=5),
    some.integers(4, 30),
    some.integers(0, 2**32),
    some.sampled_from([0.0, 0.1, 0.4]),
)
damaged = some.tuples(tables, some.sampled_from(sorted(DAMAGES)), some.integers(0, 2**32))


def damaged_file(example: Damaged) -> File:
    """Return the file of one of `damaged`."""
    table, name, seed = example
    return DAMAGES[name](table, random.Random(seed))


def fault_of(path: Path, file: File) -> str:
    """Return what is silently wrong, "" if nothing is."""
    path.write_bytes(file.content)
    try:
        read = read_as_a_user_would(path, file.hints)
    except DatasetRefused as refusal:
        return refused(file, refusal.detail)
    return fault_in(read, file)


def refused(file: File, words: str) -> str:
    """Return "" if a refusal names the damage."""
    named = file.refusal and re.search(file.refusal, words)
    return "" if named else f"refused in other words: {words}"


def fault_in(read: Reading, file: File) -> str:
    """Return what is silently wrong in what was read."""
    if file.must and not read.codes & set(file.must):
        return f"none of {file.must} is said, but {read.codes}"
    faults = [fault for name in file.table.names if (fault := fault_in_column(read, file, name))]
    return "; ".join(faults)


def fault_in_column(read: Reading, file: File, name: str) -> str:
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
