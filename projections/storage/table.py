"""Tables: the rows of one kind, under keys that begin with the table's name.

A key is the table's name and further parts, with a NUL between them. Parts are text (UTF-8); the
last one of a `NumberedTable` is an integer, 8 bytes big-endian.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

R = TypeVar("R")
Part = str | int | None


class Table(Generic[R]):
    """Rows of one type. `RowBatch` and `RowReader` read and write them."""

    def __init__(self, name: str, row: type[R]) -> None:
        self.name, self._start = name, f"{name}\0"
        self.decode = msgspec.json.Decoder(row).decode

    def key(self, a: Part, b: Part = None, c: Part = None, /) -> bytes:
        """Return the key of a row, of one to three parts (a fold makes many: this is quick)."""
        if b is None:
            return f"{self._start}{a}".encode()
        if c is None:
            return f"{self._start}{a}\0{b}".encode()
        return f"{self._start}{a}\0{b}\0{c}".encode()

    def prefix(self, *parts: str, start: str = "") -> bytes:
        """Return the prefix of the keys with these parts and a next one that begins so."""
        return "\0".join((self.name, *parts, start)).encode()


class IndexEntry(Struct, frozen=True, gc=False):
    """The row of an index: the id of what its key stands for."""

    id: str


class NumberedTable(Table[R]):
    """Rows in the order of a number, which is the last part of their keys, of one or two parts."""

    def key(self, a: Any, b: Any = None, _: Part = None, /) -> bytes:
        """Return the key of a row."""
        start, number = (self._start, a) if b is None else (f"{self._start}{a}\0", b)
        last: bytes = number.to_bytes(8, "big")
        return start.encode() + last


def last_part(at: bytes) -> str:
    """Return the last part of a key, which is text."""
    return at.rpartition(b"\0")[2].decode()
