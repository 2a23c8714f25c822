"""Pages of events, read from the log itself by the admission rule."""

from __future__ import annotations

import heapq
from collections import defaultdict

from msgspec import Raw, Struct

from autolearn.eventlog.admission import Progress
from autolearn.eventlog.log import Log
from autolearn.schemas.codec import EventRecord, decode_event
from autolearn.schemas.errors import LogError

__all__ = ["Place", "read_page"]

PATIENCE = 10.0


class Place(Struct, array_like=True, gc=False):
    """How far one partition was read: with the term and the last command, a page can go on."""

    partition: int
    next: int
    term: int
    last: int


def read_page(
    log: Log, topic: str, at: dict[int, Progress], until: dict[int, Progress], limit: int
) -> list[Raw]:
    """Return up to `limit` events past `at` as JSON, and move `at` behind them (blocks).

    Events of one partition come in their order, different partitions by the time of the command.

    Raises:
        LogError: what is on the log cannot be read in time.
    """
    start = {p: at[p].next for p, end in until.items() if at[p].next < end.next}
    found: dict[int, list[tuple[EventRecord, Raw]]] = defaultdict(list)
    count = 0
    reader = log.reader(topic, start) if start else None
    try:
        while reader and count < limit and any(at[p].next < until[p].next for p in start):
            messages = reader.read(limit - count, PATIENCE)
            if not messages:
                raise LogError(f"{topic} cannot be read at the moment.")
            for message in messages:
                partition, offset = message.partition() or 0, message.offset() or 0
                if offset >= until[partition].next:
                    continue
                value = message.value() or b""
                record = decode_event(value)
                at[partition].next = offset + 1
                if at[partition].admit(record):
                    found[partition].append((record, Raw(value)))
                    count += 1
    finally:
        if reader:
            reader.close()
    merged = heapq.merge(*found.values(), key=lambda pair: pair[0].time)
    return [value for _, value in merged]
