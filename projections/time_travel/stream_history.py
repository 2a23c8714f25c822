"""Pages of one stream's events, of which the read models know where they lie."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import Raw

from autolearn.eventlog.consumers.event_pages import BYTES, EventPage, Fits, FoundEvent, Places
from autolearn.eventlog.consumers.record_lookup import RecordLookup
from autolearn.eventlog.log import Message
from autolearn.eventlog.positions import PartitionPosition
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.codec import decode_event

__all__ = ["Lies", "lies", "read_stream"]

LOOKED = 5000
"""How many of a stream's events one page looks at, whether they fit or not."""
BATCH = 100
"""How many of them are read at once."""


class Lies(NamedTuple):
    """Where the events of a stream lie, of those before the places in `reached`."""

    partition: int
    offsets: list[int]
    reached: Places


def lies(moment: Snapshot, stream: str) -> Lies:
    """Return where the events of a stream lie at a moment."""
    partition, offsets = moment.offsets(stream)
    reached = {p: PartitionPosition.of(p, at) for p, at in moment.progress().items()}
    return Lies(partition, offsets, reached)


def read_stream(lookup: RecordLookup, at: Lies, after: Places, limit: int, fits: Fits) -> EventPage:
    """Return events of one stream past `after` that fit: up to `limit`, and about BYTES (blocks).

    Only the stream's own events are looked at. Behind the last of them the page is on every
    partition where the read models are: what lies there is of other streams.

    Raises:
        LogError: the log cannot be read.
    """
    wanted = at.offsets[bisect_left(at.offsets, after[at.partition].next) :]
    found: list[FoundEvent] = []
    places, looked, size = after, 0, 0
    for message in _read_at(lookup, at.partition, wanted[:LOOKED]):
        looked += 1
        value, offset = message.value() or b"", message.offset() or 0
        record = decode_event(value)
        # An admitted event says itself what the admission rule knows behind it.
        behind = PartitionPosition(at.partition, offset + 1, record.term, record.commandoffset)
        places = after | {at.partition: behind}
        if fits(record):
            found.append(FoundEvent(record, Raw(value), behind))
            size += len(value)
            if len(found) >= limit or size >= BYTES:
                break
    if looked < len(wanted):
        return EventPage(found, places)
    # A position that another process told may lie further than this one has come.
    reached = {p: place for p, place in at.reached.items() if place.next > places[p].next}
    return EventPage(found, places | reached)


def _read_at(lookup: RecordLookup, partition: int, offsets: Sequence[int]) -> Iterator[Message]:
    """Yield the records at these rising offsets of a partition, which are read some at a time."""
    for start in range(0, len(offsets), BATCH):
        yield from lookup.read({partition: offsets[start : start + BATCH]})
