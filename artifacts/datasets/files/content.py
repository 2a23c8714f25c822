"""The bytes of a file that is read: on the disk, or sent by another process on demand.

Light: the process that sends them imports this, too.
"""

from __future__ import annotations

import io
import os
import struct
import threading
from typing import Any, BinaryIO, Literal, Protocol

READ, ANSWER = b"r", b"a"
HEAD = struct.Struct(">cQQ")
"""The head of a message of the reading process: what it is, an offset (0 in an answer), a
length."""
LARGEST_READ = 4 << 20
"""Bytes of one range."""
_BUFFER = 1 << 18


class FileContent(Protocol):
    """A file that can be opened several times, as a Path can."""

    def open(self, mode: Literal["rb"]) -> BinaryIO:
        """Open it for reading, at its beginning."""


class SentContent:
    """A file of `size` bytes whose ranges another process sends: asked for on `ask`, got on `get`.

    Safe to use from many threads.
    """

    def __init__(self, size: int, get: BinaryIO, ask: BinaryIO) -> None:
        self.size, self._get, self._ask = size, get, ask
        self._turn = threading.Lock()

    def open(self, mode: Literal["rb"]) -> BinaryIO:  # noqa: ARG002 - as of a Path
        """Open it for reading, at its beginning."""
        return io.BufferedReader(_SentFile(self), _BUFFER)

    def read(self, offset: int, length: int) -> bytes:
        """Return a range. Raises EOFError when the other process has gone away."""
        length = min(length, LARGEST_READ, max(0, self.size - offset))
        if not length:
            return b""
        with self._turn:
            self._ask.write(HEAD.pack(READ, offset, length))
            self._ask.flush()
            content = self._get.read(length)
        if len(content) < length:
            raise EOFError
        return content


class _SentFile(io.RawIOBase):
    """One reader of a `SentContent`."""

    def __init__(self, content: SentContent) -> None:
        self._content, self._place = content, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._content.size}
        self._place = begin[whence] + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        content = self._content.read(self._place, len(buffer))
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)
