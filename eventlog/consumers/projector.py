"""Projectors: admission, fold, and one atomic write per batch.

A projector feeds the deciders' state, the read models of every API process, the workers' view of
their runs, and the replay tool.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import structlog

from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.log import START_TIMEOUT, Record, RecordSource
from autolearn.eventlog.read import read_record
from autolearn.schemas.codec import NO_EVENT, EventRecord, event_on_log
from autolearn.schemas.errors import MalformedRecord

BATCH = 5000
logger = structlog.get_logger(__name__)


class Projection(Protocol):
    """A fold of events into a store."""

    def progress(self) -> Mapping[int, PartitionProgress]:
        """Return the stored progress per partition."""

    def fold(self, record: EventRecord, partition: int, offset: int, /) -> None:
        """Fold one admitted event of this partition and offset. The next commit stores it."""

    def commit(self, progress: Mapping[int, PartitionProgress]) -> None:
        """Write the folded rows and the progress atomically."""

    def reset(self) -> None:
        """Delete everything, so that the log is read again from its start."""


class Fold:
    """Folds records of `events` into a projection, in the order of each partition.

    `progress` is that of the fold; only `commit` stores it.
    """

    def __init__(
        self, topic: str, projection: Projection, progress: dict[int, PartitionProgress]
    ) -> None:
        self.topic, self.projection, self.progress = topic, projection, progress

    def take(self, record: Record) -> EventRecord | None:
        """Fold one record; return its event if it was admitted.

        Raises:
            MalformedRecord: an admitted event has a newer version, or its data do not fit; the
            message names its position.
        """
        event = _event_in(record)
        return event if self.take_event(record.partition, record.offset, event) else None

    def take_event(self, partition: int, offset: int, event: EventRecord) -> bool:
        """Fold one decoded event; return whether it was admitted."""
        at = self.progress[partition]
        at.next, at.id = offset + 1, event.id
        if not at.admit(event):
            return False
        try:
            self.projection.fold(event, partition, offset)
        except MalformedRecord as error:
            raise type(error)(
                f"{error.detail} It lies at offset {offset} of partition {partition} "
                f"of {self.topic}.",
                advice=error.advice,
            ) from error
        return True

    def commit(self) -> None:
        """Store the folded rows and the progress."""
        self.projection.commit(self.progress)


class Projector(Fold):
    """Reads partitions of `events` into a projection. One thread at a time may use it.

    Making one reads the last processed record again. If it is missing or different, the store
    belongs to another log, and the projection is reset (`restarted` is set).

    Raises:
        LogError: the log cannot be read, or that record does not come for START_TIMEOUT seconds.
    """

    def __init__(
        self, log: RecordSource, topic: str, projection: Projection, partitions: Iterable[int]
    ) -> None:
        stored = projection.progress()
        super().__init__(
            topic, projection, {p: stored.get(p, PartitionProgress()) for p in partitions}
        )
        self.log = log
        ends = log.ends(topic)
        self.restarted = not all(self._recognises(p, ends.get(p, 0)) for p in self.progress)
        if self.restarted:
            projection.reset()
            self.progress = {p: PartitionProgress() for p in self.progress}
        self.reader = log.reader(topic, {p: at.next for p, at in self.progress.items()})

    def _recognises(self, partition: int, end: int) -> bool:
        """Return whether the record before `next` is the one that was processed."""
        at = self.progress[partition]
        if at.next == 0:
            return True
        if at.next > end:
            return False
        found = read_record(self.log, self.topic, partition, at.next - 1, START_TIMEOUT)
        return _event_in(found).id == at.id

    def step(self, timeout: float, limit: int = BATCH) -> list[EventRecord]:
        """Read and fold up to `limit` records; wait `timeout` seconds for the first.

        Return the admitted events, which are stored by then.

        Raises:
            LogError: the log cannot be read.
            MalformedRecord: an admitted event cannot be folded; nothing of its batch is stored.
        """
        return self.fold_batch(self.reader.read(limit, timeout))

    def fold_batch(self, records: list[Record]) -> list[EventRecord]:
        """Fold and store records; return the admitted events."""
        admitted = self.fold(records)
        if records:
            self.commit()
        return admitted

    def fold(self, records: list[Record]) -> list[EventRecord]:
        """Fold records; they are stored with the next `commit`. Return the admitted events."""
        return [event for record in records if (event := self.take(record)) is not None]

    def catch_up(self, timeout: float = 1.0) -> None:
        """Fold every record that is on the log at the call."""
        ends = self.log.ends(self.topic)
        while self.short_of(ends):
            self.step(timeout)

    def behind(self) -> int:
        """Return the number of records on the log that are not folded."""
        return self.short_of(self.log.ends(self.topic))

    def short_of(self, ends: Mapping[int, int]) -> int:
        """Return the number of records before these offsets that are not folded."""
        return sum(max(0, ends[p] - at.next) for p, at in self.progress.items())

    def read_from_here(self) -> None:
        """Continue reading at the fold's progress, and drop what was read and not folded."""
        self.reader.close()
        self.reader = self.log.reader(self.topic, {p: at.next for p, at in self.progress.items()})

    def close(self) -> None:
        """Close the connection."""
        self.reader.close()


def _event_in(record: Record) -> EventRecord:
    """Decode a record's value; a value that is no event becomes one that never counts."""
    event = event_on_log(record.value)
    if event.type == NO_EVENT:
        why = "only AutoLearn may write to this topic: find out who else does"
        place = (record.topic, record.partition, record.offset)
        logger.warning("a record is no event, and is passed over", at=place, why=why)
    return event
