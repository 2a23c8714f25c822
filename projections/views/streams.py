"""Where the events of each stream lie on the log: what makes one stream's past quick to read."""

from __future__ import annotations

from autolearn.eventlog.admission import TERM_STARTED
from autolearn.projections.models import StreamRow
from autolearn.projections.rows import Rows
from autolearn.projections.store import key, prefix_of
from autolearn.schemas.codec import EventRecord

__all__ = ["TABLES", "fold", "stream_prefix"]

TABLES = ("stream",)

CHUNK = 256
"""How many events one row tells of: a long stream is several rows, of which only one changes."""


def stream_prefix(stream: str) -> bytes:
    """Return the prefix of a stream's rows, which are in the order of its events."""
    return prefix_of("stream", stream)


def fold(rows: Rows, record: EventRecord, partition: int, offset: int) -> None:
    """Note where an event lies."""
    if record.type == TERM_STARTED:
        return
    at = key("stream", record.subject, (record.sequence - 1) // CHUNK)
    row = rows.get(at, StreamRow)
    if row is None:
        row = StreamRow(partition, [])
        rows.put(at, row)
    row.offsets.append(offset)
    rows.put(at, row)
