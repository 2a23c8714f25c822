"""Typed rows on top of a store, gathered into one atomic write per batch of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec import Raw, Struct

from autolearn.eventlog.admission import PartitionProgress
from autolearn.projections.storage.row_reader import decode
from autolearn.projections.storage.store import Store, key, prefix_of
from autolearn.schemas.codec import to_json

T = TypeVar("T", bound=Struct)

PROGRESS = "progress"


class RowBatch:
    """The rows of a store as Structs. `get` sees what is put at once; `commit` stores it.

    A row that many events of a batch change is decoded and encoded once.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.pending: dict[bytes, Struct | None] = {}
        self.written: dict[bytes, bytes | None] = {}
        self.known: dict[bytes, Struct | None] = {}
        """Rows as they are stored: those of the newest batch, which the next one often needs."""
        self.grouped: dict[bytes, list[bytes]] = {}
        """Pending keys by their first two parts, up to `last_grouped`."""
        self.last_grouped = b""

    def get(self, at: bytes, kind: type[T]) -> T | None:
        """Return a row, or None. It must not be changed: `change` is for that.

        Any thread may call it: `commit` in another one hands pending rows to `known` first.
        """
        pending = self.pending
        if at in pending:
            return pending[at]  # type: ignore[return-value]
        known = self.known
        if at in known:
            return known[at]  # type: ignore[return-value]
        value = self.store.get(at)
        return None if value is None else decode(value, kind)

    def change(self, at: bytes, kind: type[T]) -> T | None:
        """Return a row to be changed in place, or None; the commit stores its last state."""
        row = self.pending.get(at)
        if row is None:
            row = self.get(at, kind)
            if row is not None:
                self.pending[at] = row
        return row  # type: ignore[return-value]

    def names(self, prefix: bytes) -> list[bytes]:
        """Return the keys of all rows below a prefix of two parts, pending ones included.

        Each pending key is looked at once: a batch may have many thousands, and many such calls.
        """
        for at in reversed(self.pending):
            if at == self.last_grouped:
                break
            part = at[: at.find(b"\0", at.find(b"\0") + 1) + 1]
            self.grouped.setdefault(part, []).append(at)
        self.last_grouped = next(reversed(self.pending), b"")
        found = {at for at, _ in self.store.scan(prefix)}.union(self.grouped.get(prefix, ()))
        return sorted(at for at in found if at not in self.pending or self.pending[at] is not None)

    def put(self, at: bytes, row: Struct) -> None:
        """Set a row."""
        self.pending[at] = row

    def put_once(self, at: bytes, row: Struct) -> None:
        """Set a row that no fold reads again: it is encoded at once, and not kept in memory."""
        self.written[at] = to_json(row)

    def put_data(self, at: bytes, data: Raw) -> None:
        """Set a row to the raw data of an event, as `put_once` does."""
        self.written[at] = bytes(data)

    def delete(self, at: bytes) -> None:
        """Delete a row."""
        self.pending[at] = None

    def commit(self, progress: Mapping[int, PartitionProgress]) -> None:
        """Write all pending rows and the progress atomically."""
        written = self.written
        for at, row in self.pending.items():
            written[at] = None if row is None else to_json(row)
        for partition, reached in progress.items():
            written[key(PROGRESS, partition)] = to_json(reached)
        self.store.write(written)
        self.known, self.pending, self.written = self.pending, {}, {}
        self.grouped, self.last_grouped = {}, b""

    def progress(self) -> dict[int, PartitionProgress]:
        """Return the progress of the store, per partition."""
        found = {}
        for at, value in self.store.scan(prefix_of(PROGRESS)):
            found[int.from_bytes(at[-8:], "big")] = decode(value, PartitionProgress)
        return found

    def reset(self) -> None:
        """Delete everything."""
        self.known, self.pending, self.written = {}, {}, {}
        self.grouped, self.last_grouped = {}, b""
        self.store.clear()
