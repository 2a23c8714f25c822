"""Reads a file of typed columns once from its first row to its last."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa
from msgspec.structs import replace
from pyarrow import compute

from autolearn.artifacts.datasets.checks.number_checks import about_numbers, different_in
from autolearn.artifacts.datasets.checks.row_checks import (
    Sample,
    about_rows,
    about_values,
    spelling,
    tells_target,
)
from autolearn.artifacts.datasets.column_evidence import MISSING_WORDS, Evidence
from autolearn.artifacts.datasets.column_profile import ColumnTally, texts
from autolearn.artifacts.datasets.column_types import ColumnTyper
from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files.parquet_reader import ParquetFile
from autolearn.artifacts.datasets.files.text_reader import trimmed
from autolearn.artifacts.datasets.inspection_result import (
    COUNTED,
    COUNTED_TOGETHER,
    LETTER,
    MOST_FINDINGS,
    NO_VALUES,
    NUMBERS,
    ColumnProfile,
    Inspected,
    about_empty,
    floats,
)
from autolearn.schemas.datasets.findings import DataFinding
from autolearn.schemas.datasets.read_options import ReadOptions

pc: Any = compute
Values = Any


Each = Callable[[Callable[[Any, Any], Any], Any, Iterable[Any]], Iterator[Any]]
"""Yields function(shared, part) for each part, in their order: each(function, shared, parts)."""


class _Empty(NamedTuple):
    """What tallies begin as: the names and kinds of the columns, and the values that they count."""

    columns: tuple[tuple[str, str], ...]
    limit: int

    def tallies(self) -> list[ColumnTally]:
        return [ColumnTally(name, kind, limit=self.limit) for name, kind in self.columns]


def _counted(empty: _Empty, batch: pa.Table) -> list[ColumnTally]:
    """Count the rows of a batch alone."""
    tallies = empty.tallies()
    for tally, values in zip(tallies, batch.columns, strict=True):
        tally.add_typed(values.combine_chunks())
    return tallies


def inspect_typed(
    file: ParquetFile, target: str | None, wanted: Collection[str] = (), each: Each | None = None
) -> Inspected:
    """Read a whole file of typed columns; `each` counts batches elsewhere. Raises DatasetRefused.

    The first rows are looked at here.
    """
    limit = min(COUNTED, COUNTED_TOGETHER // max(1, len(file.names)))
    begin = _Empty(tuple(zip(file.names, file.kinds, strict=True)), limit)
    tallies = begin.tallies()
    sample, rows = Sample(), 0

    def read() -> Iterator[list[Values]]:
        nonlocal rows
        for batch in file.batches():
            rows += len(batch[0])
            sample.add(batch)
            yield batch

    if each is None:
        for batch in read():
            for tally, values in zip(tallies, batch, strict=True):
                tally.add_typed(values)
    else:
        names = [str(place) for place in range(len(tallies))]
        for counted in each(_counted, begin, (pa.table(batch, names) for batch in read())):
            for tally, more in zip(tallies, counted, strict=True):
                tally.add(more)
    if not rows:
        raise DatasetRefused("There are no rows: send at least one row of values.")
    findings = list(file.findings)
    every = [_profile_of(tally) for tally in tallies]
    kept = {target, *wanted}
    used = [place for place, one in enumerate(every) if one.missing < rows or one.name in kept]
    if not used:
        raise DatasetRefused(NO_VALUES)
    empty = [place for place in range(len(every)) if place not in used]
    findings += about_empty([file.names[place] for place in empty], len(every))
    columns = [every[place] for place in used]
    answers = None
    if target in file.names:
        place = file.names.index(target)
        answers = floats(sample.column(place), every[place].type)
    for place, column in zip(used, columns, strict=True):
        values = sample.column(place)
        findings += about_values(
            column.name, column.type, values,
            distinct=column.distinct, missing=column.missing, rows=rows,
        )  # fmt: skip
        if column.type in NUMBERS:
            numbers = floats(values, column.type)
            findings += about_numbers(
                column.name, column.type, numbers, (column.minimum, column.maximum),
                partial(different_in, numbers, None),
                is_target=column.name == target, exponents=False,
            )  # fmt: skip
        if column.name in file.texts:
            findings += _about_text(column.name, values)
        if column.type == "string" and column.labels is not None:
            findings += filter(None, [spelling(column.name, column.labels)])
        if answers is not None and target is not None and column.name != target:
            found = tells_target(column.name, floats(values, column.type), target, answers)
            findings += filter(None, [found])
    findings += about_rows(sample, used)
    types = "".join(LETTER[column.type] for column in columns)
    left_out = sorted({*file.left_out, *(file.used[place] for place in empty)})
    options = ReadOptions(format=file.format, left_out=tuple(left_out), types=types)
    return Inspected(columns, rows, options, _without_rows(findings)[:MOST_FINDINGS])


def _about_text(name: str, values: Values) -> Iterator[DataFinding]:
    """Yield findings about text in a typed file: it looks like another type, or missing."""
    words = pc.is_in(values, texts(*MISSING_WORDS))
    if not pc.any(words).as_py() and not pc.any(pc.match_substring_regex(values, "[0-9]")).as_py():
        return
    evidence = Evidence(name, limit=COUNTED)
    for part in values.chunks:
        evidence.add(trimmed(pc.cast(part, pa.string())))
    decided = ColumnTyper(evidence).decide(".")
    words = [one for one in decided.findings if one.code in ("missing-words", "perhaps-missing")]
    for one in words:
        shown = tuple(replace(example, line=None) for example in one.examples)
        yield DataFinding("typed-text", name, one.count, one.of, "missing values", shown)
    looks = {"integer": "numbers", "number": "numbers", "timestamp": "times"}.get(decided.type)
    if looks:
        yield DataFinding("typed-text", name, evidence.total, evidence.total, looks)
    for one in decided.findings if decided.type == "string" else ():
        if one.code.startswith(("partly-n", "partly-t", "not-all")):
            looks = "times" if one.code.endswith("times") else "numbers"
            yield DataFinding("typed-text", name, one.of - one.count, one.of, looks)
        elif one.code in ("unread-form", "numbers-with-words", "ambiguous-dates"):
            yield one


def _without_rows(findings: list[DataFinding]) -> list[DataFinding]:
    return [
        replace(one, examples=tuple(replace(shown, line=None) for shown in one.examples))
        for one in findings
    ]


def _profile_of(tally: ColumnTally) -> ColumnProfile:
    column, labels = tally.column(), tally.labels()
    return ColumnProfile(
        column.name, column.type, column.missing, column.distinct,
        column.minimum, column.maximum, tally.infinite, labels,
    )  # fmt: skip
