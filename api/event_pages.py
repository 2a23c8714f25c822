"""Pages of events, read from the log itself by the admission rule."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

from msgspec import Raw

from autolearn.eventlog.log import Log, Message
from autolearn.eventlog.positions import Place
from autolearn.schemas.codec import decode_event
from autolearn.schemas.errors import LogError

__all__ = ["read_page"]

PATIENCE = 10.0


class Found(NamedTuple):
    """An admitted event as it lies on the log, and the place behind it."""

    time: str
    event: Raw
    behind: Place


class Column:
    """What is read of one partition: at most `limit` events, up to the offset `end`."""

    def __init__(self, start: Place, end: int, limit: int) -> None:
        self.end, self.limit = end, limit
        self.partition = start.partition
        self.at = start.progress()
        self.found: list[Found] = []

    @property
    def full(self) -> bool:
        """Whether nothing more is to be read."""
        return self.at.next >= self.end or len(self.found) >= self.limit

    def take(self, message: Message) -> None:
        """Read one message."""
        value = message.value() or b""
        record = decode_event(value)
        self.at.next = (message.offset() or 0) + 1
        if self.at.admit(record):
            self.found.append(Found(record.time, Raw(value), self.place()))

    def place(self) -> Place:
        """Return how far this is."""
        return Place(self.partition, self.at.next, self.at.term, self.at.last)


def read_page(
    log: Log, topic: str, after: Mapping[int, Place], ends: Mapping[int, int], limit: int
) -> tuple[list[Raw], list[Place]]:
    """Return up to `limit` events past `after`, and the places behind them (blocks).

    Events of one partition come in their order, those of different ones by their commands' times.

    Raises:
        LogError: what is on the log cannot be read in time.
    """
    columns = {p: Column(after.get(p, Place(p)), end, limit) for p, end in sorted(ends.items())}
    read(log, topic, columns)
    merged = heapq.merge(*(column.found for column in columns.values()), key=lambda one: one.time)
    taken = list(islice(merged, limit))
    places = {p: after.get(p, Place(p)) for p in columns}
    places |= {one.behind.partition: one.behind for one in taken}
    for partition, column in columns.items():
        all_taken = not column.found or column.found[-1].behind == places[partition]
        if all_taken and column.at.next > places[partition].next:
            places[partition] = column.place()  # what was not admitted is not read again
    return [one.event for one in taken], list(places.values())


def read(log: Log, topic: str, columns: Mapping[int, Column]) -> None:
    """Fill the columns."""
    start = {p: column.at.next for p, column in columns.items() if not column.full}
    if not start:
        return
    reader = log.reader(topic, start)
    try:
        while not all(column.full for column in columns.values()):
            messages = reader.read(1000, PATIENCE)
            if not messages:
                raise LogError(f"{topic} cannot be read at the moment.")
            for message in messages:
                column = columns[message.partition() or 0]
                if not column.full:
                    column.take(message)
    finally:
        reader.close()
