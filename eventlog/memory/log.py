"""The log's in-memory twin, for tests of pure logic: same contract, no broker."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from time import time_ns

from autolearn.eventlog.log import Delivered, Record, RecordReader
from autolearn.eventlog.memory.partitioner import partition_of
from autolearn.schemas.bounds import LARGEST_MESSAGE
from autolearn.schemas.codec import Headers
from autolearn.schemas.errors import LogError, TooLarge, TopicMismatch
from autolearn.schemas.topics import Topic


class _MemoryReader:
    """Reads some partitions of one topic in order."""

    def __init__(self, log: MemoryLog, topic: str, start: Mapping[int, int]) -> None:
        self.log, self.topic, self.next = log, topic, dict(start)

    def read(self, limit: int, timeout: float) -> list[Record]:
        """Return up to `limit` records; wait up to `timeout` seconds for the first of them."""
        with self.log.changed:
            self.log.changed.wait_for(self.available, timeout)
            found: list[Record] = []
            for partition, offset in self.next.items():
                records = self.log.topics[self.topic][partition][offset:][: limit - len(found)]
                self.next[partition] += len(records)
                found += records
            return found

    def available(self) -> bool:
        """Return whether there is something to read."""
        partitions = self.log.topics[self.topic]
        for partition, offset in self.next.items():
            if offset > len(partitions[partition]):
                raise LogError(f"Reading {self.topic} failed: offset {offset} is past the end.")
            if offset < self.log.kept.get((self.topic, partition), 0):
                raise LogError(f"Reading {self.topic} failed: offset {offset} is not kept.")
        return any(len(partitions[p]) > offset for p, offset in self.next.items())

    def move(self, partition: int, offset: int) -> None:
        """Continue at these offsets, and read no other partition any more."""
        self.next = {partition: offset}

    def rest(self) -> None:
        """Read nothing until the next `move`."""
        self.next = {}

    def close(self) -> None:
        """Do nothing: there is no connection."""


class MemoryLog:
    """A log that lives as long as this object."""

    def __init__(self) -> None:
        self.topics: dict[str, list[list[Record]]] = {}
        self.kept: dict[tuple[str, int], int] = {}
        self.changed = threading.Condition()

    def create(self, topics: Iterable[Topic], timeout: float = 30.0) -> None:  # noqa: ARG002
        """Create the missing topics, and check the number of partitions of the others."""
        for topic in topics:
            partitions = self.topics.setdefault(topic.name, [[] for _ in range(topic.partitions)])
            if len(partitions) != topic.partitions:
                raise TopicMismatch(f"The topic {topic.name} has {len(partitions)} partitions.")

    def reader(
        self,
        topic: str,
        start: Mapping[int, int],
        *,
        fetch: int | None = None,  # noqa: ARG002
    ) -> RecordReader:
        """Return a reader of the partitions in `start`, from these offsets on."""
        return _MemoryReader(self, topic, start)

    def ends(self, topic: str) -> dict[int, int]:
        """Return the next offset per partition."""
        if topic not in self.topics:
            raise LogError(f"The topic {topic} cannot be read: it does not exist.")
        return {p: len(records) for p, records in enumerate(self.topics[topic])}

    def begins(self, topic: str) -> dict[int, int]:
        """Return the oldest kept offset per partition."""
        return {partition: self.kept.get((topic, partition), 0) for partition in self.ends(topic)}

    def partitions(self) -> dict[str, int]:
        """Return every topic, and its number of partitions."""
        return {name: len(partitions) for name, partitions in self.topics.items()}

    def cluster(self) -> str:
        """Return the id of this log."""
        return f"memory-{id(self):x}"

    def delete_before(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Delete, per partition, the records before an offset (they are only hidden)."""
        ends = self.ends(topic)
        for partition, offset in offsets.items():
            if offset > ends[partition]:
                raise LogError(f"{topic} has no offset {offset} on partition {partition}.")
            self.kept[topic, partition] = max(offset, self.kept.get((topic, partition), 0))

    def offsets_at(self, topic: str, time: int) -> dict[int, int]:
        """Return, per partition, the offset of the first record whose time is `time` or later."""
        ends = self.ends(topic)
        with self.changed:
            return {
                p: next((m.offset for m in self.topics[topic][p][:end] if m.time >= time), end)
                for p, end in ends.items()
            }

    def append(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: str | bytes | None,
        partition: int | None = None,
        headers: Headers = (),
        time: int | None = None,
        delivered: Delivered | None = None,
    ) -> None:
        """Write one record at once."""
        if topic not in self.topics:
            raise LogError(f"{topic}: there is no such topic.")
        if len(value or b"") > LARGEST_MESSAGE + 64 * 1024:
            raise TooLarge(f"{topic}: the record is too large.")
        key = key.encode() if isinstance(key, str) else key
        with self.changed:
            partitions = self.topics[topic]
            if partition is None:
                partition = partition_of(key or b"", len(partitions))
            records = partitions[partition]
            offset, time = len(records), time or time_ns() // 10**6
            records.append(Record(topic, partition, offset, key, value, time, headers))
            self.changed.notify_all()
        if delivered is not None:
            delivered(None, partition, offset)

    def flush(self, timeout: float) -> None:
        """Do nothing: every append is written when it returns."""

    def close(self) -> None:
        """Do nothing: there is no connection."""
