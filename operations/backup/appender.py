"""Appends records to one partition, each at its own offset."""

from __future__ import annotations

from autolearn.eventlog.log import Producer
from autolearn.operations.backup.format import Line, as_bytes
from autolearn.schemas.errors import LogError

MOST_RECORDS, MOST_BYTES = 5000, 32 * 1024 * 1024
"""The most records and bytes in flight."""
_AGAIN = "Restore again: it goes on where it stopped. Do not start anything on these topics before."


class Appender:
    """Appends lines in order. `flush` waits until all of them are written; `patience` in seconds.

    Both raise LogError when a record is not written, or lies at another offset than its own: then
    another process writes to the topic.
    """

    def __init__(self, log: Producer, topic: str, partition: int, patience: float) -> None:
        self.log, self.topic, self.partition, self.patience = log, topic, partition, patience
        self.failure: LogError | None = None
        self.records = self.bytes = 0

    def append(self, line: Line) -> None:
        """Send one record."""
        value = as_bytes(line.value)

        def delivered(error: LogError | None, _: int, offset: int) -> None:
            if error is None and offset != line.offset:
                error = LogError(
                    f"Record {line.offset} was written at offset {offset} of partition "
                    f"{self.partition} of {self.topic}: somebody else writes there.",
                    advice="Stop whatever runs, delete these topics, and restore again.",
                )
            self.failure = self.failure or error

        self.log.append(
            self.topic,
            value,
            key=as_bytes(line.key),
            partition=self.partition,
            headers=tuple((name, as_bytes(text)) for name, text in line.headers),  # type: ignore[misc]
            time=line.time if line.time > 0 else None,
            delivered=delivered,
        )
        self.records += 1
        self.bytes += len(value or b"")
        if self.records >= MOST_RECORDS or self.bytes >= MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Wait until everything is written."""
        try:
            self.log.flush(self.patience)
        except LogError as error:
            raise LogError(error.detail, title="The restore was cut off", advice=_AGAIN) from error
        if self.failure is not None:
            raise self.failure
        self.records = self.bytes = 0
