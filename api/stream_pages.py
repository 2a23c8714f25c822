"""Pages of one stream's events, of which the read models know where they lie."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import NamedTuple

from msgspec import Raw

from autolearn.api.event_pages import PATIENCE, Fits, Found, Page, Places
from autolearn.eventlog.log import Log
from autolearn.eventlog.positions import Place
from autolearn.projections.queries import Moment
from autolearn.schemas.codec import decode_event
from autolearn.schemas.errors import LogError

__all__ = ["Lies", "lies", "read_stream"]

LOOKED = 5000
"""How many of a stream's events one page looks at, whether they fit or not."""
GAP = 5000
"""Other records between two wanted ones: reading them costs as much as a new reader."""


class Lies(NamedTuple):
    """Where the events of a stream lie, of those before the places in `reached`."""

    partition: int
    offsets: list[int]
    reached: Places


def lies(moment: Moment, stream: str) -> Lies:
    """Return where the events of a stream lie at a moment."""
    partition, offsets = moment.offsets(stream)
    reached = {p: Place.of(p, at) for p, at in moment.progress().items()}
    return Lies(partition, offsets, reached)


def read_stream(log: Log, topic: str, at: Lies, after: Places, limit: int, fits: Fits) -> Page:
    """Return up to `limit` events of one stream past `after` that fit (blocks).

    Only the stream's own events are looked at. Behind the last of them the page is on every
    partition where the read models are: what lies there is of other streams.

    Raises:
        LogError: what is on the log cannot be read in time.
    """
    wanted = at.offsets[bisect_left(at.offsets, after[at.partition].next) :]
    found: list[Found] = []
    places, looked = after, 0
    with closing(read_at(log, topic, at.partition, wanted[:LOOKED])) as values:
        for offset, value in values:
            looked += 1
            record = decode_event(value)
            # An admitted event says itself what the admission rule knows behind it.
            behind = Place(at.partition, offset + 1, record.term, record.commandoffset)
            places = after | {at.partition: behind}
            if fits(record):
                found.append(Found(record, Raw(value), behind))
                if len(found) >= limit:
                    break
    if looked < len(wanted):
        return Page(found, places)
    # A position that another process told may lie further than this one has come.
    reached = {p: place for p, place in at.reached.items() if place.next > places[p].next}
    return Page(found, places | reached)


def read_at(
    log: Log, topic: str, partition: int, offsets: Sequence[int]
) -> Generator[tuple[int, bytes], None, None]:
    """Yield the records at these rising offsets of a partition, each with its offset."""
    start = 0
    for end in range(1, len(offsets) + 1):
        if end == len(offsets) or offsets[end] - offsets[end - 1] > GAP:
            yield from read_run(log, topic, partition, offsets[start:end])
            start = end


def read_run(
    log: Log, topic: str, partition: int, offsets: Sequence[int]
) -> Generator[tuple[int, bytes], None, None]:
    """Yield the records at these offsets, and read over those between them."""
    wanted, last = set(offsets), offsets[-1]
    reader = log.reader(topic, {partition: offsets[0]})
    try:
        at = -1
        while at < last:
            messages = reader.read(min(1000, last - max(at, offsets[0] - 1)), PATIENCE)
            if not messages:
                raise LogError(f"{topic} cannot be read at the moment.")
            for message in messages:
                at = message.offset() or 0
                if at in wanted:
                    yield at, message.value() or b""
    finally:
        reader.close()
