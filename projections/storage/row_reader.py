"""Reads rows of the read models as Structs, by key and in key order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec
from msgspec import Struct

from autolearn.projections.storage.store import Readable

T = TypeVar("T", bound=Struct)


class _Decoders(dict[type[Struct], msgspec.json.Decoder[Struct]]):
    """A decoder for each kind of row, made when it is needed first."""

    def __missing__(self, kind: type[Struct]) -> msgspec.json.Decoder[Struct]:
        return self.setdefault(kind, msgspec.json.Decoder(kind))


_DECODERS = _Decoders()


class RowReader:
    """Rows of a store, or of a snapshot of it."""

    def __init__(self, content: Readable) -> None:
        self.content = content

    def get(self, at: bytes, kind: type[T]) -> T | None:
        """Return a row, or None."""
        value = self.content.get(at)
        return None if value is None else decode(value, kind)

    def scan(self, prefix: bytes, kind: type[T], after: bytes = b"") -> Iterator[T]:
        """Yield rows in the order of their keys."""
        for _, value in self.content.scan(prefix, after=after):
            yield decode(value, kind)


def decode(value: bytes, kind: type[T]) -> T:
    """Decode a row."""
    return _DECODERS[kind].decode(value)  # type: ignore[return-value]
