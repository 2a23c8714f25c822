"""Changelogs as Faust and Quix Streams would have written them, folding the events of a history.

Their state is one row per session: how it stands, and how each of its runs stands. That is less
than what our views know (no requests, no results, no answers, no places of events), so their
records are smaller than the events. There is one record per event, as a system writes it whose
events of one session come seconds apart; the cleaner has compacted nothing yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Raw, Struct

from tests.bench.history import Record

STATUS = re.compile("[A-Z][a-z]+")
"""The words of a type; the last one says how something stands now."""


class Event(Struct):
    """What the fold reads of an event."""

    type: str
    time: str
    sequence: int
    data: Raw


class About(Struct):
    """What the fold reads of an event's data."""

    run: str = ""
    title: str = ""


class Session(Struct):
    """The state of a session. `runs` says of each run how it stands."""

    title: str
    opened: str
    updated: str
    sequence: int
    status: str
    runs: dict[str, str]


class Change(Struct):
    """What one event does to the state: the new row of its session."""

    event: Record
    offset: int
    """Of the event on its partition."""
    row: bytes


def changes(records: Iterable[Record]) -> Iterator[Change]:
    """Fold a history; yield what each event of a session does."""
    decode, about = msgspec.json.Decoder(Event).decode, msgspec.json.Decoder(About).decode
    encode = msgspec.json.Encoder().encode
    sessions: dict[bytes, Session] = {}
    offsets: dict[int, int] = {}
    for record in records:
        offset = offsets.get(record.partition, 0)
        offsets[record.partition] = offset + 1
        if not record.key.startswith(b"session/"):
            continue
        event = decode(record.value)
        data = about(event.data)
        row = sessions.get(record.key)
        if row is None:
            row = Session(data.title, event.time, "", 0, "", {})
            sessions[record.key] = row
        row.updated, row.sequence = event.time, event.sequence
        status = STATUS.findall(event.type)[-1].lower()
        if data.run:
            row.runs[data.run] = status
        else:
            row.status = status
        if status == "committed":
            del sessions[record.key]
        yield Change(record, offset, encode(row))


def faust_changelog(records: Iterable[Record]) -> Iterator[Record]:
    """Yield the changelog of a Faust table: keys and values are JSON."""
    for change in changes(records):
        event = change.event
        yield event._replace(key=b'"%b"' % event.key, value=change.row, headers=())


def quix_changelog(records: Iterable[Record], source: str) -> Iterator[Record]:
    """Yield the changelog of a Quix state: the row is under the name `row` of the event's key.

    The headers name the column family, and the event of the topic `source` that was processed.
    """
    for change in changes(records):
        event = change.event
        headers = (
            ("__column_family__", b"default"),
            ("__processed_tp_offsets__", b'{"%b":%d}' % (source.encode(), change.offset)),
        )
        yield event._replace(key=event.key + b'|"row"', value=change.row, headers=headers)
