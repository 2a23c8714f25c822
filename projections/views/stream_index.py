"""Where the events of each stream lie on the log: what makes one stream's past quick to read."""

from __future__ import annotations

from autolearn.projections.rows.stored_rows import StreamRow
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.store import prefix_of
from autolearn.schemas.codec import EventRecord

__all__ = ["TABLES", "fold", "stream_prefix"]

TABLES = ("stream",)

CHUNK = 256
"""How many events one row tells of: a long stream is several rows, of which only one changes."""


def stream_prefix(stream: str) -> bytes:
    """Return the prefix of a stream's rows, which are in the order of its events."""
    return prefix_of("stream", stream)


def fold(rows: RowBatch, record: EventRecord, partition: int, offset: int) -> None:
    """Note where an event lies."""
    chunk, place = divmod(record.sequence - 1, CHUNK)
    at = f"stream\0{record.subject}\0".encode() + chunk.to_bytes(8, "big")
    if place == 0:
        rows.put(at, StreamRow(partition, [offset]))
        return
    row = rows.change(at, StreamRow)
    assert row is not None, f"event {record.sequence} of {record.subject} is not its first"
    row.offsets.append(offset)
