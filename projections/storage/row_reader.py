"""Reads rows of tables, by key and in the order of the keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autolearn.eventlog.admission import PartitionProgress
from autolearn.projections.storage.store import Readable
from autolearn.projections.storage.table import NumberedTable, Part, R, Table, last_part

PROGRESS = NumberedTable("progress", PartitionProgress)
"""How far a store has come, by partition."""


class RowReader:
    """Rows of a store, or of a snapshot of it. Several rows are those whose keys have `parts`."""

    def __init__(self, content: Readable) -> None:
        self.content = content

    def get(self, table: Table[R], *parts: Part) -> R | None:
        """Return a row, or None."""
        value = self.content.get(table.key(*parts))
        return None if value is None else table.decode(value)

    def has(self, table: Table[Any], *parts: Part) -> bool:
        """Return whether there is a row."""
        return self.content.get(table.key(*parts)) is not None

    def scan(self, table: Table[R], *parts: str, after: int = 0) -> Iterator[R]:
        """Yield rows in the order of their keys, those of a numbered table past a number."""
        prefix = table.prefix(*parts)
        bound = prefix + after.to_bytes(8, "big") if after else b""
        for _, value in self.content.scan(prefix, after=bound):
            yield table.decode(value)

    def items(
        self, table: Table[R], *parts: str, start: str = "", after: str = ""
    ) -> Iterator[tuple[str, R]]:
        """Yield the last parts of keys and rows: of which the next part has `start`, past one."""
        bound = table.prefix(*parts, start=after) if after else b""
        for at, value in self.content.scan(table.prefix(*parts, start=start), after=bound):
            yield last_part(at), table.decode(value)

    def names(
        self, table: Table[Any], *parts: str, start: str = "", after: str = ""
    ) -> Iterator[str]:
        """Yield the last parts of keys, of which the next part begins with `start`, past one."""
        bound = table.prefix(*parts, start=after) if after else b""
        for at, _ in self.content.scan(table.prefix(*parts, start=start), after=bound):
            yield last_part(at)

    def newest(
        self, table: Table[Any], *parts: str, after: tuple[str, str] | None
    ) -> Iterator[str]:
        """Yield the names in an index by time, the newest first."""
        return (name for _, name in self.by_time(table, *parts, after=after))

    def by_time(
        self, table: Table[Any], *parts: str, after: tuple[str, str] | None
    ) -> Iterator[tuple[str, str]]:
        """Yield the times and names in an index by time, the newest first."""
        bound = table.prefix(*parts, after[0], start=after[1]) if after else b""
        for at, _ in self.content.scan(table.prefix(*parts), after=bound, reverse=True):
            _, time, name = at.decode().rsplit("\0", 2)
            yield time, name

    def progress(self) -> dict[int, PartitionProgress]:
        """Return how far the stored content has come, per partition."""
        return self.numbered(PROGRESS)

    def numbered(self, table: NumberedTable[R]) -> dict[int, R]:
        """Return the rows of a table by their numbers."""
        rows = self.content.scan(table.prefix())
        return {int.from_bytes(at[-8:], "big"): table.decode(value) for at, value in rows}
