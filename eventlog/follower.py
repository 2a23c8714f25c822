"""The one way in which `events` are read: admission, fold, and one atomic write per batch.

The same Follower feeds the deciders' state, the read models of every API process, the workers'
view of their runs, and the replay tool.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from autolearn.eventlog.admission import Progress
from autolearn.eventlog.log import Log, Message, Reader
from autolearn.schemas.codec import EventRecord, decode_event
from autolearn.schemas.errors import MalformedRecord

__all__ = ["Follower", "Projection"]

BATCH = 5000


class Projection(Protocol):
    """A fold of events into a store."""

    def progress(self) -> Mapping[int, Progress]:
        """Return how far the stored content has come, per partition."""
        ...

    def fold(self, record: EventRecord) -> None:
        """Take one admitted event in. It is stored with the next commit."""
        ...

    def commit(self, progress: Mapping[int, Progress]) -> None:
        """Write what was folded and how far that is, both or neither."""
        ...

    def reset(self) -> None:
        """Delete everything: the log is read again from its start."""
        ...


class Follower:
    """Reads partitions of `events` into a projection. One thread at a time may use it.

    `progress` is how far the fold has come. On start the last record read before is read once
    more: if it is not there, or another, then another log lies under the store, and the projection
    is reset (`restarted` says so).
    """

    def __init__(
        self, log: Log, topic: str, projection: Projection, partitions: Iterable[int]
    ) -> None:
        self.log, self.topic, self.projection = log, topic, projection
        self.progress = {p: Progress() for p in partitions}
        self.restarted = False
        self.admitted = 0
        self.resume()

    def resume(self) -> None:
        """Go on where the projection was left, or start again on another log."""
        for partition, stored in self.projection.progress().items():
            if partition in self.progress:
                self.progress[partition] = stored
        ends = self.log.ends(self.topic)
        known = {p: stored for p, stored in self.progress.items() if stored.next}
        if not all(self.recognises(p, stored, ends.get(p, 0)) for p, stored in known.items()):
            self.projection.reset()
            self.progress = {p: Progress() for p in self.progress}
            self.restarted = True
        self.reader = self.open_reader()

    def recognises(self, partition: int, stored: Progress, end: int) -> bool:
        """Say whether the record before `next` is the one that was read."""
        if stored.next > end:
            return False
        reader = self.log.reader(self.topic, {partition: stored.next - 1})
        try:
            while not (found := reader.read(1, 10.0)):
                continue
        finally:
            reader.close()
        return record_of(found[0]).id == stored.id

    def open_reader(self) -> Reader:
        """Return a reader from where the fold has come."""
        return self.log.reader(self.topic, {p: at.next for p, at in self.progress.items()})

    def step(self, timeout: float, limit: int = BATCH) -> list[EventRecord]:
        """Read and fold what is there, up to `limit` records; wait `timeout` seconds for the first.

        Returns the admitted events, which are stored when this returns.

        Raises:
            LogError: the log cannot be read.
            MalformedRecord: a record is not an event of ours, or of a newer version; the message
                names its position, and nothing of its batch is stored.
        """
        messages = self.reader.read(limit, timeout)
        admitted = [record for message in messages if (record := self.take(message)) is not None]
        if messages:
            self.projection.commit(self.progress)
            self.admitted += len(admitted)
        return admitted

    def take(self, message: Message) -> EventRecord | None:
        """Fold one message, and return its event if it was admitted."""
        partition, offset = message.partition() or 0, message.offset() or 0
        record = record_of(message)
        at = self.progress[partition]
        at.next, at.id = offset + 1, record.id
        if not at.admit(record):
            return None
        try:
            self.projection.fold(record)
        except MalformedRecord as error:
            raise type(error)(
                f"{error.detail} It lies at offset {offset} of partition {partition} "
                f"of {self.topic}.",
                advice=error.advice,
            ) from error
        return record

    def catch_up(self, timeout: float = 1.0) -> None:
        """Fold until everything is folded that was on the log when this was called."""
        ends = self.log.ends(self.topic)
        while any(at.next < ends[p] for p, at in self.progress.items()):
            self.step(timeout)

    def behind(self) -> int:
        """Return how many records are on the log but not folded yet."""
        ends = self.log.ends(self.topic)
        return sum(max(0, ends[p] - at.next) for p, at in self.progress.items())

    def close(self) -> None:
        """Let go of the connection."""
        self.reader.close()


def record_of(message: Message) -> EventRecord:
    """Return the event of a message.

    Raises:
        MalformedRecord: it is not an event of ours; the message names its position.
    """
    try:
        return decode_event(message.value() or b"")
    except MalformedRecord as error:
        raise MalformedRecord(
            f"{error.detail} It lies at offset {message.offset()} of {message.topic()}, "
            f"partition {message.partition()}.",
            advice="Only AutoLearn may write to this topic: find out who else does.",
        ) from None
