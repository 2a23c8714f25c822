"""Pages of one stream's events, whose offsets the read models know."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import Raw

from autolearn.eventlog.consumers.event_pages import BYTES, EventPage, Fits, FoundEvent, Places
from autolearn.eventlog.consumers.record_lookup import RecordLookup
from autolearn.eventlog.log import Record
from autolearn.eventlog.positions import PartitionPosition
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.codec import decode_event
from autolearn.schemas.values import StreamId

_LOOKED = 5000
"""Events of a stream that one page reads at most, matching or not."""
BATCH = 100
"""Events that are read at once."""


class Lies(NamedTuple):
    """The offsets of a stream's events before the positions in `reached`."""

    partition: int
    offsets: list[int]
    reached: Places


def lies(snapshot: Snapshot, stream: StreamId) -> Lies:
    """Return the offsets of a stream's events in a snapshot."""
    partition, offsets = snapshot.streams.offsets(stream)
    reached = {p: PartitionPosition.of(p, at) for p, at in snapshot.rows.progress().items()}
    return Lies(partition, offsets, reached)


def read_stream(lookup: RecordLookup, at: Lies, after: Places, limit: int, fits: Fits) -> EventPage:
    """Return matching events of one stream past `after`: up to `limit`, and about BYTES (blocks).

    Only the stream's own events are read. Behind the last of them the page is on every partition at
    the position of the read models: later records there are of other streams.

    Raises:
        LogError: the log cannot be read.
    """
    wanted = at.offsets[bisect_left(at.offsets, after[at.partition].next) :]
    found: list[FoundEvent] = []
    places, looked, size = after, 0, 0
    for record in _read_at(lookup, at.partition, wanted[:_LOOKED]):
        looked += 1
        value, offset = record.content, record.offset
        event = decode_event(value)
        # An admitted event itself has the state of the admission rule behind it.
        behind = PartitionPosition(at.partition, offset + 1, event.term, event.commandoffset)
        places = after | {at.partition: behind}
        if fits(event):
            found.append(FoundEvent(event, Raw(value), behind))
            size += len(value)
            if len(found) >= limit or size >= BYTES:
                break
    if looked < len(wanted):
        return EventPage(found, places)
    # Another process's position may lie ahead of this process.
    reached = {p: place for p, place in at.reached.items() if place.next > places[p].next}
    return EventPage(found, places | reached)


def _read_at(lookup: RecordLookup, partition: int, offsets: Sequence[int]) -> Iterator[Record]:
    """Yield the records at these ascending offsets of a partition, read in batches."""
    for start in range(0, len(offsets), BATCH):
        yield from lookup.read({partition: offsets[start : start + BATCH]})
