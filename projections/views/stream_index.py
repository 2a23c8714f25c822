"""The offsets of each stream's events, which make a stream's past quick to read."""

from __future__ import annotations

from autolearn.projections.rows.stored_rows import StreamRow
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.store import prefix_of
from autolearn.schemas.codec import EventRecord

TABLES = ("stream",)

_CHUNK = 256
"""Events per row: a long stream has several rows, of which only one changes."""


def stream_prefix(stream: str) -> bytes:
    """Return the prefix of a stream's rows, which are in the order of its events."""
    return prefix_of("stream", stream)


def fold(rows: RowBatch, record: EventRecord, partition: int, offset: int) -> None:
    """Store the offset of an event."""
    chunk, place = divmod(record.sequence - 1, _CHUNK)
    at = f"stream\0{record.subject}\0".encode() + chunk.to_bytes(8, "big")
    if place == 0:
        rows.put(at, StreamRow(partition, [offset]))
        return
    row = rows.change(at, StreamRow)
    assert row is not None, f"event {record.sequence} of {record.subject} is not its first"
    row.offsets.append(offset)
