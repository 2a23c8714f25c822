"""Counts of predictions by hour in a store, as they are read from a topic."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import msgspec
import structlog

from autolearn.eventlog.log import RecordSource
from autolearn.projections.storage.row_reader import RowReader
from autolearn.projections.storage.store import Readable, Store
from autolearn.projections.storage.table import NumberedTable, Table
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.prediction_hour import PredictionHour

logger = structlog.get_logger(__name__)

CLOSED = Table("closed-hour", PredictionHour)
"""Hours that are over, from `prediction-hours`."""
OPEN = Table("open-hour", PredictionHour)
"""Hours that are not over, from `open-hours`."""
FOLDED = Table("folded-hour", PredictionHour)
"""Hours as they were folded from `predictions` here."""
_LOG = Table("log-of-hours", str)
_BATCH = 2000


def key_of(table: Table[PredictionHour], row: PredictionHour) -> bytes:
    """Return the key of a row, in whichever table: by model, hour and version."""
    return table.key(*parts_of(row))


def parts_of(row: PredictionHour) -> tuple[str, str, str]:
    """Return the parts of the key of a row."""
    return row.model, row.hour, f"{row.version:010}{row.kind}"


def belongs_to(store: Store, log: str) -> bool:
    """Return whether a store is of the log with this id; one of another log is emptied.

    An empty store belongs to any, and is marked.
    """
    at, mark = _LOG.key("id"), msgspec.json.encode(log)
    found = store.get(at)
    if found not in (None, mark):
        store.clear()
    if found != mark:
        store.write({at: mark})
    return found in (None, mark)


class HourTopic:
    """Puts the records of a topic of hours into a table: the newest of each key counts.

    A row and the offset behind its record are written atomically. One thread may use it.
    """

    def __init__(
        self, log: RecordSource, topic: str, store: Store, table: Table[PredictionHour]
    ) -> None:
        self.log, self.topic, self.store, self.table = log, topic, store, table
        self.next_table = NumberedTable(f"next-of-{table.name}", int)
        known = RowReader(store).numbered(self.next_table).get(0, 0)
        begin, end = log.begins(topic)[0], log.ends(topic)[0]
        self.next = min(max(known, begin), end)
        self.reader = log.reader(topic, {0: self.next})

    def step(self, timeout: float) -> int:
        """Read some records; wait `timeout` seconds for the first. Return how many.

        Raises:
            LogError: the topic cannot be read.
        """
        records = self.reader.read(_BATCH, timeout)
        written: dict[bytes, bytes | None] = {}
        for record in records:
            self.next = record.offset + 1
            row = hour_in(record.key, record.value)
            if row is not None:
                written[key_of(self.table, row)] = record.value
        if records:
            written[self.next_table.key(0)] = msgspec.json.encode(self.next)
            self.store.write(written)
        return len(records)

    def catch_up(self) -> None:
        """Read everything that is on the topic at the call."""
        end = self.log.ends(self.topic)[0]
        while self.next < end and self.step(1.0):
            continue

    def close(self) -> None:
        """Close the connection."""
        self.reader.close()


def hour_in(key: bytes | None, value: bytes | None) -> PredictionHour | None:
    """Return the hour of a record; for a tombstone only what its key says. None if it is none."""
    try:
        if value is not None:
            return from_json(value, PredictionHour)
        model, hour, version, *kind = (key or b"").decode().split("/")
        number, shadow, batch = int(version), "shadow" in kind, "batch" in kind
        return PredictionHour(model=model, hour=hour, version=number, shadow=shadow, batch=batch)
    except (MalformedRecord, ValueError) as error:
        logger.warning("a record is no hour of predictions", key=key, why=str(error))
        return None


def hours_of(
    content: Readable, model: str, before: str = ""
) -> Iterator[tuple[str, bool, PredictionHour]]:
    """Yield the hours of a model, newest first, past a key: the key, whether it is closed, the row.

    An hour that is closed hides what was known while it was open.
    """
    found = [_scan(content, table, model, before) for table in (CLOSED, OPEN)]
    last = ""
    for at, closed, value in heapq.merge(*found, key=lambda one: one[:2], reverse=True):
        if at != last:
            yield at, closed, CLOSED.decode(value)
        last = at


def _scan(
    content: Readable, table: Table[PredictionHour], model: str, before: str
) -> Iterator[tuple[str, bool, bytes]]:
    prefix = table.prefix(model)
    after = prefix + before.encode() if before else b""
    for at, value in content.scan(prefix, after=after, reverse=True):
        yield at[len(prefix) :].decode(), table is CLOSED, value
