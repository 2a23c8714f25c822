"""The newest events of the log, read once for all subscribed clients."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Raw

from autolearn.api.commands.answer_waiters import AnswerWaiters
from autolearn.api.http.problems import too_many
from autolearn.api.limits.executors import ThreadLane
from autolearn.api.state.log_reader import LogReader
from autolearn.eventlog.consumers.event_pages import FoundEvent, Places, places_of
from autolearn.eventlog.log import Record, RecordReader, RecordSource
from autolearn.eventlog.positions import PartitionPosition
from autolearn.schemas.codec import event_on_log

KEPT = 4096
_KEPT_BYTES = 16 * 1024 * 1024
"""The number and bytes of kept events: a client further behind reads the log itself."""
HELD_BYTES = 256 * 1024
"""Bytes of unread events that a client holds, and one event more."""
_IDLE = 30.0
"""Seconds between two checks for subscribed clients."""
_FULL_RETRY = 10
"""Seconds after which a refused client should come back."""


class EventTail:
    """The newest admitted events, in the order in which they were read.

    While a client is subscribed, one reader of the log fills it; without one, nothing runs. An
    event is here only when the read models hold it. `failure` is why no more come. Everything runs
    on the event loop, the reading aside.
    """

    def __init__(
        self,
        log: RecordSource,
        reader: LogReader,
        arrivals: AnswerWaiters,
        executor: ThreadLane,
        most: int,
    ) -> None:
        self.log, self.reader, self.arrivals = log, reader, arrivals
        self.executor, self.most = executor, most
        self.followers = self.others = 0
        self.closed = False
        self.failure: Exception | None = None
        self.task: asyncio.Task[None] | None = None
        self.kept: deque[FoundEvent] = deque()
        self.first = self.bytes = 0
        self.start: Places = {}
        self.end: Places = {}
        self.changed: asyncio.Future[None] | None = None

    # Subscribed clients

    def require_room(self) -> None:
        """Raise a problem if too many clients are subscribed already."""
        many = self.followers + self.others
        if many >= self.most:
            raise too_many(
                f"{many} clients follow the log here, and no more may: try again, or ask another "
                "process.",
                retry_after=_FULL_RETRY,
            )

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a client that follows something else than the events."""
        self.others += 1
        try:
            yield
        finally:
            self.others -= 1

    @contextmanager
    def following(self) -> Iterator[None]:
        """Keep the reader running for one client."""
        self.followers += 1
        if self.task is None or self.task.done():
            self.begin()
            self.task = asyncio.create_task(self.run(), name="tail")
        try:
            yield
        finally:
            self.followers -= 1
            if not self.followers:
                self.arrivals.notify([])  # the reader need not wait for events any more

    def past(self, number: int, at: Places) -> tuple[list[FoundEvent], int] | None:
        """Return some events past a place, and the number for the next call; None if some are gone.

        Start with -1. Numbers count the events that were ever here. Raises the failure of the
        reader.
        """
        if self.failure is not None:
            raise self.failure
        if number < self.first:
            if any(at[p].next < place.next for p, place in self.start.items()):
                return None
            number = self.first
        end = self.first + len(self.kept)
        new: list[FoundEvent] = []
        size = 0
        while number < end and size < HELD_BYTES:
            one = self.kept[number - self.first]
            number += 1
            if one.behind.next > at[one.behind.partition].next:
                new.append(one)
                size += len(one.value)
        return new, number

    async def more(self, number: int, seconds: float) -> None:
        """Wait until there are more than `number` events, or no more come; `seconds` at most."""
        if number < self.first + len(self.kept) or self.closed or self.failure:
            return
        if self.changed is None:
            self.changed = asyncio.get_running_loop().create_future()
        await asyncio.wait((self.changed,), timeout=seconds)

    def wake(self) -> None:
        """Wake all waiting clients."""
        changed, self.changed = self.changed, None
        if changed is not None:
            changed.set_result(None)

    def close(self) -> None:
        """Tell all clients that the process stops."""
        self.closed = True
        self.wake()

    async def stop(self) -> None:
        """Wait until nothing of this runs."""
        self.close()
        self.arrivals.notify([])
        if self.task is not None:
            await self.task

    # The one reader

    async def run(self) -> None:
        """Read the log while a client is subscribed."""
        try:
            while self.wanted:
                await self.read_on()
        except Exception as error:  # noqa: BLE001 - told to all who follow, whatever it is
            self.failure = error
            self.wake()

    @property
    def wanted(self) -> bool:
        """Whether a client waits for events."""
        return self.followers > 0 and not self.closed

    def begin(self) -> None:
        """Start anew at the position of the read models."""
        self.failure = None
        self.first += len(self.kept) + 1  # so that no client misses a gap
        self.kept.clear()
        self.bytes = 0
        reached = self.reader.queries.progress()
        partitions = dict.fromkeys(range(self.reader.topics.events.partitions))
        places = {p: PartitionPosition.of(p, at) for p, at in reached.items()}
        self.start = places_of(places, partitions)
        self.end = dict(self.start)

    async def read_on(self) -> None:
        """Read from the position of the read models, until no client is subscribed."""
        self.begin()
        start = {p: place.next for p, place in self.end.items()}
        topic, run = self.reader.topics.events.name, self.executor.run
        reader = await run(lambda: self.log.reader(topic, start))
        try:
            while self.wanted:
                await self.arrivals.until(lambda: not self.wanted or self.behind(), _IDLE)
                if self.wanted and self.behind():
                    await self.take(reader)
        finally:
            await run(reader.close)

    def behind(self) -> bool:
        """Return whether the read models are further than this."""
        reached = self.reader.queries.progress()
        return any(at.next > self.end[p].next for p, at in reached.items())

    async def take(self, reader: RecordReader) -> None:
        """Read new records, and keep them as soon as the read models hold them."""
        found = [
            one
            for record in await self.executor.run(lambda: reader.read(1000, 1.0))
            if (one := self.admitted(record)) is not None
        ]
        needed = {one.behind.partition: one.behind.next for one in found}
        while self.wanted and not self.reader.holds(needed):
            await self.arrivals.until(lambda: not self.wanted or self.reader.holds(needed), _IDLE)
        for one in found:
            self.keep(one)
        self.wake()

    def admitted(self, record: Record) -> FoundEvent | None:
        """Process one record, and return its event if it is admitted."""
        partition, value = record.partition, record.content
        event = event_on_log(value)
        at = self.end[partition].progress()
        at.next = record.offset + 1
        counts = at.admit(event)
        behind = PartitionPosition.of(partition, at)
        self.end[partition] = behind
        return FoundEvent(event, Raw(value), behind) if counts else None

    def keep(self, one: FoundEvent) -> None:
        """Keep one event, and drop the oldest when there are too many."""
        self.kept.append(one)
        self.bytes += len(one.value)
        while len(self.kept) > KEPT or self.bytes > _KEPT_BYTES:
            oldest = self.kept.popleft()
            self.first += 1
            self.bytes -= len(oldest.value)
            self.start[oldest.behind.partition] = oldest.behind
