"""What a step's function can say while it works: changes, notes, files."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal

import msgspec
import pyarrow as pa

from autolearn.schemas.bounds import LONGEST_TEXT, cut
from autolearn.schemas.pipelines.results import LOG, MOST_SAMPLES, REPORT, TABLE, StepChange
from autolearn.schemas.values import JsonValue

MOST_CHANGES, MOST_NOTES = 500, 100
"""What a report has at most."""
_LONGEST_SAMPLES = 64 << 10
"""Bytes of all samples of a report together."""
_LONGEST_VALUE = 200
What = Literal["removed", "changed", "added", "failed", "warned"]


class StepContext:
    """The account of one call of a step's function."""

    def __init__(
        self,
        *,
        seed: int = 0,
        sensitive: Collection[str] = (),
        folder: Path | None = None,
        artifacts: Any = None,
        phase: Any = lambda _: None,
    ) -> None:
        self.seed, self.sensitive = seed, frozenset(sensitive)
        self.folder, self.artifacts, self.phase = folder, artifacts, phase
        self.changes: list[StepChange] = []
        self.notes: list[str] = []
        self.made_from: dict[str, tuple[str, ...]] = {}
        self.naive: dict[str, dict[str, dict[str, float]]] = {}
        self._sampled = 0

    def add(
        self, what: What, reason: str, rows: int | pa.Table, sample: pa.Table | None, column: str
    ) -> None:
        """Add a change; its sample has the first rows of a table, without sensitive columns."""
        table = rows if isinstance(rows, pa.Table) else sample
        count = rows.num_rows if isinstance(rows, pa.Table) else int(rows)
        if len(self.changes) < MOST_CHANGES:
            shown = () if table is None else self._sample_of(table)
            self.changes.append(StepChange(what, cut(reason, LONGEST_TEXT), count, column, shown))

    def _sample_of(self, table: pa.Table) -> tuple[dict[str, JsonValue], ...]:
        names = [name for name in table.column_names if name not in self.sensitive]
        rows = []
        for row in table.select(names).slice(0, MOST_SAMPLES).to_pylist():
            shown = {name: _shown(value) for name, value in row.items()}
            self._sampled += len(msgspec.json.encode(shown))
            if self._sampled > _LONGEST_SAMPLES:
                break
            rows.append(shown)
        return tuple(rows)


_now: ContextVar[StepContext | None] = ContextVar("step", default=None)


@contextlib.contextmanager
def within(context: StepContext) -> Iterator[StepContext]:
    """Make this the context of the functions that are called within."""
    token = _now.set(context)
    try:
        yield context
    finally:
        _now.reset(token)


def context() -> StepContext:
    """Return the context of the step that runs; outside of one, a context that nobody reads."""
    return _now.get() or StepContext()


class _Reporting:
    """Says what a step removed or changed. `rows` are a table of these rows, or their number."""

    def removed(
        self, reason: str, rows: int | pa.Table, *, sample: pa.Table | None = None, column: str = ""
    ) -> None:
        """Say that rows are not in the result."""
        context().add("removed", reason, rows, sample, column)

    def changed(
        self, reason: str, rows: int | pa.Table, *, sample: pa.Table | None = None, column: str = ""
    ) -> None:
        """Say that rows have another value; the rows are those before it."""
        context().add("changed", reason, rows, sample, column)

    def added(
        self, reason: str, rows: int | pa.Table, *, sample: pa.Table | None = None, column: str = ""
    ) -> None:
        """Say that a column, or rows, are new."""
        context().add("added", reason, rows, sample, column)

    def failed(
        self, reason: str, rows: int | pa.Table, *, sample: pa.Table | None = None, column: str = ""
    ) -> None:
        """Say that rows break a rule."""
        context().add("failed", reason, rows, sample, column)

    def warned(
        self, reason: str, rows: int | pa.Table, *, sample: pa.Table | None = None, column: str = ""
    ) -> None:
        """Say that rows break a soft rule."""
        context().add("warned", reason, rows, sample, column)

    def note(self, sentence: str) -> None:
        """Add a sentence to the report."""
        if len(context().notes) < MOST_NOTES:
            context().notes.append(cut(sentence, LONGEST_TEXT))

    def made_from(self, column: str, sources: Sequence[str]) -> None:
        """Say from which columns one was made: it is sensitive if one of these is.

        A new column of which nothing is said is sensitive if any column of the inputs is.
        """
        context().made_from[column] = tuple(sources)


report = _Reporting()


def write_file(name: str) -> Path:
    """Return the path of a file of the step's result, to be written.

    Raises ValueError: it is not a plain name, or one of ours.
    """
    now = context()
    if Path(name).name != name or name.startswith(".") or name in (TABLE, REPORT, LOG):
        raise ValueError(f"{name!r} is not a name of a file that a step may write")
    if now.folder is None:
        raise ValueError("files are written by a step that runs")
    return now.folder / name


def _shown(value: Any) -> JsonValue:
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, bool | int | float) or value is None:
        return value
    return cut(str(value.isoformat() if hasattr(value, "isoformat") else value), _LONGEST_VALUE)
