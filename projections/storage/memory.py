"""The store in memory: the twin for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autolearn.projections.storage.store import Readable, Row, bounds


class MemoryStore:
    """A store that lives as long as this object."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return a value, or None."""
        return self.rows.get(key)

    def scan(self, prefix: bytes, *, after: bytes = b"", reverse: bool = False) -> Iterator[Row]:
        """Yield rows whose key has the prefix, in order; those past the key `after` if given."""
        low, high = bounds(prefix, after, reverse=reverse)
        keys = sorted((key for key in self.rows if low <= key < high), reverse=reverse)
        yield from [(key, self.rows[key]) for key in keys]

    def snapshot(self) -> Readable:
        """Return a snapshot of the content."""
        copy = MemoryStore()
        copy.rows = dict(self.rows)
        return copy

    def write(self, rows: Mapping[bytes, bytes | None]) -> None:
        """Write rows, and delete those that are None."""
        for key, value in rows.items():
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value

    def clear(self) -> None:
        """Delete everything."""
        self.rows.clear()

    def close(self) -> None:
        """Do nothing: there is no folder."""
