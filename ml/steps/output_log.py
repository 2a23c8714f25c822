"""What a step's function writes to its standard output and error, in bounded space."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

KEPT = 1 << 20
"""Bytes that are kept: half of them the first ones, half the last."""
_DRAINING_SECONDS = 1.0
"""That are waited for a process which the function has left behind."""


class OutputLog:
    """The first and the last bytes of an output, and how many there were between."""

    def __init__(self, kept: int = KEPT) -> None:
        self._half = kept // 2
        self._head, self._tail, self._total = bytearray(), bytearray(), 0
        self._lock = threading.Lock()

    def add(self, data: bytes) -> None:
        """Add output."""
        with self._lock:
            self._total += len(data)
            room = self._half - len(self._head)
            self._head += data[: max(0, room)]
            self._tail += data[max(0, room) :]
            if len(self._tail) > 2 * self._half:
                del self._tail[: -self._half]

    def text(self) -> str:
        """Return the output, with a line where some of it is left out."""
        with self._lock:
            tail = bytes(self._tail[-self._half :])
            left_out = self._total - len(self._head) - len(tail)
            gap = f"\n[{left_out:,} bytes are left out]\n".encode() if left_out else b""
            return (bytes(self._head) + gap + tail).decode(errors="replace")

    def drain(self, descriptor: int) -> None:
        """Add all that comes from a pipe."""
        with contextlib.suppress(OSError):
            while data := os.read(descriptor, 1 << 16):
                self.add(data)
        os.close(descriptor)


@contextlib.contextmanager
def captured(log: OutputLog) -> Iterator[None]:
    """Send this process's output, and that of the processes it starts, to the log meanwhile."""
    reading, writing = os.pipe()
    before = [os.dup(1), os.dup(2)]
    for descriptor in (1, 2):
        os.dup2(writing, descriptor)
    os.close(writing)
    thread = threading.Thread(target=log.drain, args=(reading,), daemon=True)
    thread.start()
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        with (
            open(1, "w", buffering=1, closefd=False, errors="replace") as said,
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            yield
    finally:
        for descriptor, kept in zip((1, 2), before, strict=True):
            os.dup2(kept, descriptor)
            os.close(kept)
        thread.join(_DRAINING_SECONDS)
