"""The sources of a chain's records: the brokers, or a backup."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from autolearn.eventlog.integrity.hash_chain import HEADER, header_of
from autolearn.eventlog.log import Log
from autolearn.eventlog.read import read_between
from autolearn.operations.backup.errors import Damaged
from autolearn.operations.backup.format import PartitionLog, as_bytes
from autolearn.operations.backup.read import BackupSet
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

_PATIENCE = 30.0
"""Seconds within which a record of the log must come."""


class Written(NamedTuple):
    """A record as it lies there; `told` is the chain's hash in its header, if it has one."""

    offset: int
    value: bytes
    told: bytes | None


class UnreadableSource(Exception):
    """The next record cannot be read."""


class Source(Protocol):
    """Records of `events` and of `checkpoints`, up to the ends at its opening."""

    made: str | None
    """The time of the copy from the log; None: it is the log."""

    def spans(self) -> dict[int, tuple[int, int]]:
        """Return, per partition of `events`, the first offset and the end (exclusive)."""

    def records(self, partition: int, start: int = 0) -> Iterator[Written]:
        """Yield the records of `events` from an offset on. Raises LogError, UnreadableSource."""

    def tokens(self) -> Iterator[tuple[int, bytes]]:
        """Yield the partition and value of every checkpoint. Raises LogError, UnreadableSource."""


class LogSource:
    """The log on the brokers."""

    made: str | None = None

    def __init__(self, log: Log, settings: Settings) -> None:
        self.log, topics = log, Topics.of(settings)
        self.events, self.checkpoints = topics.events.name, topics.checkpoints.name
        # The checkpoints first: then the log holds what they attest.
        known = self.checkpoints in log.partitions()
        self.signed = self._span_of(self.checkpoints) if known else {}
        self.written = self._span_of(self.events)

    def _span_of(self, topic: str) -> dict[int, tuple[int, int]]:
        ends, begins = self.log.ends(topic), self.log.begins(topic)
        return {partition: (begins[partition], end) for partition, end in sorted(ends.items())}

    def spans(self) -> dict[int, tuple[int, int]]:
        """Return, per partition of `events`, the first offset and the end."""
        return self.written

    def records(self, partition: int, start: int = 0) -> Iterator[Written]:
        """Yield the records of `events` from an offset on."""
        begin, end = self.written[partition]
        begins, ends = {partition: max(start, begin)}, {partition: end}
        for record in read_between(self.log, self.events, begins, ends, _PATIENCE):
            yield Written(record.offset, record.content, header_of(record.headers))

    def tokens(self) -> Iterator[tuple[int, bytes]]:
        """Yield the partition and value of every checkpoint."""
        for partition, (begin, end) in self.signed.items():
            begins, ends = {partition: begin}, {partition: end}
            for record in read_between(self.log, self.checkpoints, begins, ends, _PATIENCE):
                yield partition, record.content


class BackupSource:
    """The log in a backup. Its checksums are ignored: an attacker can change them too."""

    def __init__(self, folder: Path) -> None:
        """Open a backup.

        Raises:
            BackupRefused: the folder is no backup, or its manifest cannot be read.
        """
        self.backup = BackupSet(folder)
        manifest = self.backup.manifest
        self.made: str | None = manifest.made
        self.parts = {part.partition: part for part in manifest.topic("events").partitions}
        signed = [topic for topic in manifest.topics if topic.topic == "checkpoints"]
        self.signed = [part for topic in signed for part in topic.partitions]

    def spans(self) -> dict[int, tuple[int, int]]:
        """Return, per partition of `events`, the first offset and the end, as the manifest says."""
        return {p: (part.first, part.end) for p, part in sorted(self.parts.items())}

    def records(self, partition: int, start: int = 0) -> Iterator[Written]:
        """Yield the records of `events` from an offset on."""
        for offset, value, told in self.read(self.parts[partition]):
            if offset >= start:
                yield Written(offset, value, told)

    def tokens(self) -> Iterator[tuple[int, bytes]]:
        """Yield the partition and value of every checkpoint."""
        for part in self.signed:
            for _, value, _ in self.read(part):
                yield part.partition, value

    def read(self, part: PartitionLog) -> Iterator[Written]:
        """Yield the records of a file."""
        try:
            for line in self.backup.lines(part):
                headers = [(name, as_bytes(text)) for name, text in line.headers if name == HEADER]
                yield Written(line.offset, as_bytes(line.value) or b"", header_of(headers))
        except Damaged as error:
            raise UnreadableSource(error.detail) from None
