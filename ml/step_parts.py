"""The row by row part of AutoLearn's own steps, done for some rows at a time, also on a cluster.

The table and the report are those of the step done at once: parts come back in their order, and
what they say is put together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, Self, TypeVar

import pyarrow as pa

from autolearn.ml.plugins import find_step
from autolearn.ml.steps import tables
from autolearn.ml.steps.call import call
from autolearn.ml.steps.context import StepContext, What
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.events import StepRequested
from autolearn.schemas.pipelines.results import MOST_SAMPLES
from autolearn.schemas.values import JsonValue

_TOGETHER: dict[str, tuple[str, ...]] = {
    "select": ("limit",),
    "clean": (
        *("duplicates", "duplicates_by", "outliers", "outliers_by", "factor", "quantiles", "gaps"),
    ),
    "features": (),
}
"""By step the parameters that need all rows at once."""
_MANY = 1_000_000
"""Rows from which a step is done in parts, so that they are never in memory together."""
_REPORTED = 1.0
"""Seconds between two reports of the rows that are done."""


S = TypeVar("S")
P = TypeVar("P")
R = TypeVar("R")


class Where(Protocol):
    """Where parts are done: a `DaskCluster`, or `Here`."""

    def each(self, function: Callable[[S, P], R], shared: S, parts: Iterable[P]) -> Iterator[R]:
        """Yield function(shared, part) for each part, in their order."""


class Here:
    """Parts are done in this process, one after the other."""

    def each(self, function: Callable[[S, P], R], shared: S, parts: Iterable[P]) -> Iterator[R]:
        """Yield function(shared, part) for each part, in their order."""
        return (function(shared, part) for part in parts)


class _Change(NamedTuple):
    """What a part has removed or changed: how many rows, and the first of them."""

    what: What
    reason: str
    column: str
    rows: int
    sample: pa.Table | None


class _PartContext(StepContext):
    """The account of a part, to be put together with others."""

    def __init__(self, seed: int, sensitive: frozenset[str]) -> None:
        super().__init__(seed=seed, sensitive=sensitive)
        self.found: list[_Change] = []

    def add(
        self, what: What, reason: str, rows: int | pa.Table, sample: pa.Table | None, column: str
    ) -> None:
        """Keep a change, and the first of its rows."""
        table = rows if isinstance(rows, pa.Table) else sample
        count = rows.num_rows if isinstance(rows, pa.Table) else int(rows)
        first = pa.array(
            range(min(MOST_SAMPLES, 0 if table is None else table.num_rows)), pa.int64()
        )
        shown = None if table is None else table.take(first)
        self.found.append(_Change(what, reason, column, count, shown))


class _Call(NamedTuple):
    """The step that is done for each part."""

    step: str
    whose: str
    parameters: dict[str, JsonValue]
    seed: int
    sensitive: frozenset[str]


class _Done(NamedTuple):
    """What a part gave; `made_from` is as in a StepContext."""

    table: pa.Table
    changes: list[_Change]
    made_from: dict[str, tuple[str, ...]]


class _Written(NamedTuple):
    """The columns and the rows of a table that is written."""

    names: list[str]
    rows: int


class StepParts(NamedTuple):
    """A step whose parameters are those for each row, and `then` those for all rows."""

    call: _Call
    spec: DatasetSpec
    context: StepContext
    then: dict[str, JsonValue]

    @classmethod
    def of(cls, request: StepRequested, whose: str, context: StepContext) -> Self | None:
        """Return the parts of a step; None if it is not done in parts."""
        asked, together = request.parameters, _TOGETHER.get(request.function)
        if together is None:
            return None
        each = {name: value for name, value in asked.items() if name not in together}
        then = {name: value for name, value in asked.items() if name in together}
        if not each or (then and request.function == "select"):
            return None
        call = _Call(request.function, whose, each, context.seed, context.sensitive)
        return cls(call, request.tables[0], context, then)

    @property
    def are_many(self) -> bool:
        """Whether the rows are too many to be in memory together, and need not be."""
        return self.spec.rows >= _MANY and not self.then

    def do(self, where: Where, file: Path, path: Path, report: Callable[[str], None]) -> _Written:
        """Do the step for the rows of a file, and write its table.

        Raises InputError, Interrupted, and what the function raises.
        """
        writer, whole = tables.TableWriter(path), list[pa.Table]()
        changes = dict[tuple[What, str, str], list[_Change]]()
        told, rows = time.monotonic(), 0
        for done in where.each(_do_part, self.call, tables.batches(file, self.spec)):
            for one in done.changes:
                changes.setdefault((one.what, one.reason, one.column), []).append(one)
            self.context.made_from |= done.made_from
            if self.then:
                whole.append(done.table)
            else:
                writer.add(done.table)
            rows += done.table.num_rows
            if time.monotonic() - told > _REPORTED:
                told = time.monotonic()
                report(f"running, {rows:,} rows done")
        for same in sorted(changes.values(), key=lambda same: self._place(same[0])):
            self._add(same)
        if self.then:
            step, table = find_step(self.call.step), pa.concat_tables(whole)
            table = call(step, self.call.whose, [table], None, self.then, self.context)
            tables.write(table, path)
            return _Written(table.column_names, table.num_rows)
        tables.require_rows(writer.rows, self.call.whose)
        writer.close()
        return _Written(writer.names, writer.rows)

    def _place(self, change: _Change) -> tuple[bool, int]:
        """Return when the step makes a change: first in texts, then by types (`clean`)."""
        types = self.call.parameters.get("types")
        if isinstance(types, dict) and change.reason != "text":
            return True, [*types].index(change.column)
        names = [column.name for column in self.spec.columns]
        return False, names.index(change.column) if change.column else 0

    def _add(self, same: list[_Change]) -> None:
        """Add to the report what several parts say of the same."""
        samples = [one.sample for one in same if one.sample is not None]
        sample = pa.concat_tables(samples).slice(0, MOST_SAMPLES) if samples else None
        rows = sum(one.rows for one in same)
        self.context.add(same[0].what, same[0].reason, rows, sample, same[0].column)


def _do_part(asked: _Call, rows: pa.Table) -> _Done:
    """Do a step for some rows."""
    context = _PartContext(asked.seed, asked.sensitive)
    table = call(
        find_step(asked.step), asked.whose, [rows], None, asked.parameters, context, part=True
    )
    return _Done(table, context.found, context.made_from)
