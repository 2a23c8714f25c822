"""Bounds the commands on their way to the log, and sends each command once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from autolearn.eventlog.log import Delivered
from autolearn.schemas.errors import LogError


class LogBusy(LogError):
    """The log takes no more appends of this process now. `kind` is the problem's kind."""

    def __init__(self, detail: str, kind: str) -> None:
        super().__init__(detail)
        self.kind = kind


class Sending:
    """One append. The log's thread records its outcome: `at` is its partition and offset."""

    def __init__(self, size: int) -> None:
        self.size, self.began = size, time.monotonic()
        self.loop = asyncio.get_running_loop()
        self.written: asyncio.Future[None] | None = None
        self.at: tuple[int, int] | None = None
        self.error: LogError | None = None

    def note(self, error: LogError | None, partition: int, offset: int) -> None:
        """Record the outcome (in the log's thread); wake the event loop only if a request waits."""
        if error is None:
            self.at = (partition, offset)
        self.error = error
        if self.written is not None:
            self.loop.call_soon_threadsafe(self.wake)

    async def over(self, seconds: float) -> None:
        """Wait until the append is written, or failed; `seconds` at most."""
        if self.written is None:
            self.written = self.loop.create_future()
        if self.at is None and self.error is None:
            await asyncio.wait((self.written,), timeout=max(0.0, seconds))

    def wake(self) -> None:
        """Wake the requests that wait for it (on the event loop)."""
        if self.written is not None and not self.written.done():
            self.written.set_result(None)


class BoundedProducer:
    """The appends of one process that the log has not acknowledged.

    There are at most `limit` of them, with at most `limit_bytes` bytes. An append that Kafka does
    not acknowledge within `patience` seconds is still on its way, because librdkafka never gives it
    up; but then no other is sent. The log's thread removes acknowledged appends; all else runs on
    the event loop.
    """

    def __init__(self, limit: int, limit_bytes: int, patience: float) -> None:
        self.limit, self.limit_bytes, self.patience = limit, limit_bytes, patience
        self.lock = threading.Lock()
        self.sendings: dict[str, Sending] = {}
        self.bytes = 0

    @property
    def stalled(self) -> bool:
        """Whether the oldest append is not acknowledged for too long."""
        with self.lock:
            oldest = next(iter(self.sendings.values()), None)
        return oldest is not None and time.monotonic() - oldest.began > self.patience

    def require_room(self, size: int) -> None:
        """Check that a command of so many bytes can be sent now.

        Raises:
            LogBusy: it cannot.
        """
        if self.stalled:
            raise LogBusy(
                "Kafka takes no appends: nothing was sent. Repeat the request, with the same "
                "Idempotency-Key if it has one.",
                kind="log-unavailable",
            )
        if len(self.sendings) >= self.limit or self.bytes + size > self.limit_bytes:
            raise LogBusy(
                f"Kafka does not keep up: {len(self.sendings)} commands ({self.bytes:,} bytes) of "
                "this process are on their way to it. Nothing was sent: try again.",
                kind="log-behind",
            )

    def add(
        self, command: str, size: int, wrote: Callable[[int, int], None]
    ) -> tuple[Sending, Delivered]:
        """Register an append before it is sent; return it, and its callback for the log.

        `wrote(partition, offset)` is called when it is on the log (in the log's thread).
        """
        sending = Sending(size)
        with self.lock:
            self.sendings[command] = sending
            self.bytes += size

        def delivered(error: LogError | None, partition: int, offset: int) -> None:
            self.remove(command)
            if error is None:
                wrote(partition, offset)
            sending.note(error, partition, offset)

        return sending, delivered

    def remove(self, command: str) -> None:
        """Forget an append (any thread)."""
        with self.lock:
            sending = self.sendings.pop(command, None)
            self.bytes -= sending.size if sending is not None else 0
