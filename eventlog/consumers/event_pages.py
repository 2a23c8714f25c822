"""Pages of events, read from the log itself by the admission rule."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import NamedTuple

from msgspec import Raw

from autolearn.eventlog.log import Record, RecordSource
from autolearn.eventlog.positions import PartitionPosition
from autolearn.schemas.bounds import PAGE_BYTES, PAGE_LOOKED
from autolearn.schemas.codec import EventRecord, event_on_log
from autolearn.schemas.errors import LogError

_PATIENCE = 10.0
"""Seconds without any record after which reading fails."""
LOOKED, BYTES = PAGE_LOOKED, PAGE_BYTES
"""The records that one page reads at most, and the bytes that fill it."""

Fits = Callable[[EventRecord], bool]
Places = dict[int, PartitionPosition]


class FoundEvent(NamedTuple):
    """An admitted event as it lies on the log, and the position behind it."""

    record: EventRecord
    value: Raw
    behind: PartitionPosition


class EventPage(NamedTuple):
    """Some events in order, and the positions behind all of them."""

    found: list[FoundEvent]
    places: Places


def places_of(reached: Mapping[int, PartitionPosition], partitions: Mapping[int, object]) -> Places:
    """Return a position for each partition: the reached one, or the start."""
    return {p: reached.get(p, PartitionPosition(p)) for p in sorted(partitions)}


class _Column:
    """A read of one partition: at most `limit` matching events, up to the offset `end`.

    `share` is its part of the page's bounds: 1 / the number of partitions.
    """

    def __init__(
        self, start: PartitionPosition, end: int, limit: int, fits: Fits, share: float
    ) -> None:
        self.end, self.limit, self.fits = end, limit, fits
        self.most_looked, self.most_bytes = LOOKED * share, BYTES * share
        self.partition = start.partition
        self.at = start.progress()
        self.found: list[FoundEvent] = []
        self.looked = self.bytes = 0

    @property
    def full(self) -> bool:
        """Whether nothing more is to be read."""
        return (
            self.at.next >= self.end
            or len(self.found) >= self.limit
            or self.looked >= self.most_looked
            or self.bytes >= self.most_bytes
        )

    def take(self, record: Record) -> None:
        """Read one record."""
        value = record.content
        event = event_on_log(value)
        self.at.next = record.offset + 1
        self.looked += 1
        if self.at.admit(event) and self.fits(event):
            self.bytes += len(value)
            self.found.append(FoundEvent(event, Raw(value), self.place()))

    def place(self) -> PartitionPosition:
        """Return how far this is."""
        return PartitionPosition.of(self.partition, self.at)


def read_page(
    log: RecordSource,
    topic: str,
    after: Places,
    ends: Mapping[int, int],
    limit: int,
    fits: Fits,
    most: int | None = None,
) -> EventPage:
    """Return matching events past `after`: up to `limit` of each partition, `most` in all (blocks).

    Events of one partition keep their order; those of different ones are ordered by their commands'
    times. A page may be empty before the end: it reads at most LOOKED records. It ends when it has
    BYTES.

    Raises:
        LogError: the log cannot be read in time.
    """
    share = 1 / len(after)
    columns = {p: _Column(place, ends[p], limit, fits, share) for p, place in after.items()}
    read(log, topic, columns)
    merged = heapq.merge(
        *(column.found for column in columns.values()), key=lambda one: one.record.time
    )
    taken = list(_in_bytes(islice(merged, most)))
    places = after | {one.behind.partition: one.behind for one in taken}
    for partition, column in columns.items():
        all_taken = not column.found or column.found[-1].behind == places[partition]
        if all_taken and column.at.next > places[partition].next:
            places[partition] = column.place()  # what does not fit is not read again
    return EventPage(taken, places)


def _in_bytes(found: Iterable[FoundEvent]) -> Iterator[FoundEvent]:
    size = 0
    for one in found:
        size += len(one.value)
        if size > BYTES and size > len(one.value):
            return
        yield one


def read(log: RecordSource, topic: str, columns: Mapping[int, _Column]) -> None:
    """Fill the columns."""
    start = {p: column.at.next for p, column in columns.items() if not column.full}
    if not start:
        return
    with closing(log.reader(topic, start)) as reader:
        while not all(column.full for column in columns.values()):
            records = reader.read(1000, _PATIENCE)
            if not records:
                raise LogError(f"{topic} cannot be read at the moment.")
            for record in records:
                column = columns[record.partition]
                if not column.full:
                    column.take(record)
