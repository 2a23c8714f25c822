"""Typed rows on top of a store, gathered into one atomic write per batch of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct

from autolearn.eventlog.admission import Progress
from autolearn.projections.store import Store, key, prefix_of
from autolearn.schemas.codec import to_json

__all__ = ["Rows"]

T = TypeVar("T", bound=Struct)

PROGRESS = "progress"


class Rows:
    """The rows of a store as Structs. What is put is seen at once by `get`, stored by `commit`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.pending: dict[bytes, Struct | None] = {}
        self.decoders: dict[type[Struct], msgspec.json.Decoder[Struct]] = {}

    def get(self, at: bytes, kind: type[T]) -> T | None:
        """Return a row, or None."""
        if at in self.pending:
            return self.pending[at]  # type: ignore[return-value]
        value = self.store.get(at)
        return None if value is None else self.decoder(kind).decode(value)  # type: ignore[return-value]

    def decoder(self, kind: type[Struct]) -> msgspec.json.Decoder[Struct]:
        """Return the decoder of a kind of row, made once."""
        if kind not in self.decoders:
            self.decoders[kind] = msgspec.json.Decoder(kind)
        return self.decoders[kind]

    def put(self, at: bytes, row: Struct) -> None:
        """Set a row."""
        self.pending[at] = row

    def delete(self, at: bytes) -> None:
        """Delete a row."""
        self.pending[at] = None

    def scan(self, prefix: bytes, kind: type[T]) -> list[tuple[bytes, T]]:
        """Return the rows whose key has the prefix, in order, pending ones included."""
        keys = {at for at, _ in self.store.scan(prefix)}
        keys.update(at for at in self.pending if at.startswith(prefix))
        rows = ((at, self.get(at, kind)) for at in sorted(keys))
        return [(at, row) for at, row in rows if row is not None]

    def commit(self, progress: Mapping[int, Progress]) -> None:
        """Write everything pending, and how far the log is folded into it: all or nothing."""
        written = {at: None if row is None else to_json(row) for at, row in self.pending.items()}
        for partition, reached in progress.items():
            written[key(PROGRESS, partition)] = to_json(reached)
        self.store.write(written)
        self.pending.clear()

    def progress(self) -> dict[int, Progress]:
        """Return how far the log is folded into the store, per partition."""
        found = {}
        for at, value in self.store.scan(prefix_of(PROGRESS)):
            found[int.from_bytes(at[-8:], "big")] = msgspec.json.decode(value, type=Progress)
        return found

    def reset(self) -> None:
        """Delete everything."""
        self.pending.clear()
        self.store.clear()
