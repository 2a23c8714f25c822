"""The port to a store of ordered keys, with its RocksDB and in-memory forms.

Keys are bytes in lexicographic order, so integers inside keys are big-endian.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

Row = tuple[bytes, bytes]


class Readable(Protocol):
    """A readable ordered key-value store."""

    def get(self, key: bytes) -> bytes | None:
        """Return a value, or None."""

    def scan(self, prefix: bytes, *, after: bytes = b"", reverse: bool = False) -> Iterator[Row]:
        """Yield rows whose key has the prefix, in order; those past the key `after` if given."""


class Store(Readable, Protocol):
    """An ordered key-value store. Any thread may read, one at a time may write."""

    def snapshot(self) -> Readable:
        """Return a snapshot of the content, for one thread: later writes do not show."""

    def write(self, rows: Mapping[bytes, bytes | None]) -> None:
        """Write rows, and delete those that are None, atomically, also across a crash."""

    def clear(self) -> None:
        """Delete everything."""

    def close(self) -> None:
        """Flush memory to the disk, and close the folder."""


def bounds(prefix: bytes, after: bytes, *, reverse: bool) -> tuple[bytes, bytes]:
    """Return the first key and the end (exclusive) of a scan."""
    low, high = prefix, prefix + b"\xff" * 9  # the largest integer in a key has 8 of them
    if after and reverse:
        high = min(high, after)
    elif after:
        low = max(low, after + b"\x00")
    return low, high


def key(*parts: str | int) -> bytes:
    """Join a key's parts: text as UTF-8, integers as 8 bytes big-endian, a NUL between them."""
    return b"\0".join(
        [part.encode() if isinstance(part, str) else part.to_bytes(8, "big") for part in parts]
    )


def prefix_of(*parts: str | int) -> bytes:
    """Return the prefix of all keys that start with these parts and have more."""
    return key(*parts) + b"\x00"
