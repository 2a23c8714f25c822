"""Rows of tables on top of a store, gathered into one atomic write per batch of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autolearn.eventlog.admission import PartitionProgress
from autolearn.projections.storage.row_reader import PROGRESS, RowReader
from autolearn.projections.storage.store import Store
from autolearn.projections.storage.table import NumberedTable, Part, R, Table, last_part
from autolearn.schemas.codec import to_json


class RowBatch:
    """The rows of a store. `get` sees what is put at once; `commit` stores it.

    A row that many events of a batch change is decoded and encoded once.
    """

    def __init__(self, store: Store) -> None:
        self.store, self.stored = store, RowReader(store)
        self.pending: dict[bytes, Any] = {}
        """Rows by their keys, None for a deleted one."""
        self.written: dict[bytes, bytes | None] = {}
        self.known: dict[bytes, Any] = {}
        """Rows as they are stored: those of the newest batch, which the next one often needs."""
        self.grouped: dict[bytes, list[bytes]] = {}
        """Pending keys by table and first part, up to `last_grouped`."""
        self.last_grouped = b""

    def get(self, table: Table[R], a: Part, b: Part = None, c: Part = None) -> R | None:
        """Return a row, or None. It must not be changed: `change` is for that.

        Any thread may call it: `commit` in another one hands pending rows to `known` first.
        """
        at, pending = table.key(a, b, c), self.pending
        if at in pending:
            return pending[at]  # type: ignore[no-any-return]
        known = self.known
        if at in known:
            return known[at]  # type: ignore[no-any-return]
        value = self.store.get(at)
        return None if value is None else table.decode(value)

    def change(self, table: Table[R], a: Part, b: Part = None, c: Part = None) -> R | None:
        """Return a row to be changed in place, or None; the commit stores its last state."""
        at = table.key(a, b, c)
        row: R | None = self.pending.get(at)
        if row is None:
            row = self.get(table, a, b, c)
            if row is not None:
                self.pending[at] = row
        return row

    def names(self, table: Table[Any], a: str) -> list[str]:
        """Return the second parts of all keys with this first one, pending ones included.

        Each pending key is looked at once: a batch may have many thousands, and many such calls.
        """
        prefix, pending = table.prefix(a), self.pending
        for at in reversed(pending):
            if at == self.last_grouped:
                break
            part = at[: at.find(b"\0", at.find(b"\0") + 1) + 1]
            self.grouped.setdefault(part, []).append(at)
        self.last_grouped = next(reversed(pending), b"")
        found = {at for at, _ in self.store.scan(prefix)}.union(self.grouped.get(prefix, ()))
        return sorted(last_part(at) for at in found if pending.get(at, at) is not None)

    def numbers(self, table: NumberedTable[Any], a: str) -> list[int]:
        """Return the numbers of all keys with this first part, pending ones included."""
        prefix = table.prefix(a, "")
        found = {at for at, _ in self.store.scan(prefix)}
        found |= {at for at in (*self.pending, *self.written) if at.startswith(prefix)}
        gone = {at for at, row in self.pending.items() if row is None}
        return sorted(int.from_bytes(at[-8:], "big") for at in found - gone)

    def put(self, table: Table[R], row: R | None, a: Part, b: Part = None, c: Part = None) -> None:
        """Set a row; None deletes it."""
        self.pending[table.key(a, b, c)] = row

    def put_once(self, table: Table[R], row: R, a: Part, b: Part = None, c: Part = None) -> None:
        """Set a row that no fold reads again: it is encoded at once, and not kept in memory.

        It replaces one that was deleted since the last commit.
        """
        at = table.key(a, b, c)
        self.written[at] = to_json(row)
        self.pending.pop(at, None)

    def delete(self, table: Table[Any], a: Part, b: Part = None, c: Part = None) -> None:
        """Delete a row."""
        self.pending[table.key(a, b, c)] = None

    def commit(self, progress: Mapping[int, PartitionProgress]) -> None:
        """Write all pending rows and the progress atomically."""
        written = self.written
        for at, row in self.pending.items():
            written[at] = None if row is None else to_json(row)
        for partition, reached in progress.items():
            written[PROGRESS.key(partition)] = to_json(reached)
        self.store.write(written)
        self.known = self.pending
        self._forget()

    def _forget(self) -> None:
        self.pending, self.written, self.grouped, self.last_grouped = {}, {}, {}, b""

    def reset(self) -> None:
        """Delete everything."""
        self.known = {}
        self._forget()
        self.store.clear()
