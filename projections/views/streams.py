"""The offsets of each stream's events, which make a stream's past quick to read."""

from __future__ import annotations

from autolearn.projections.rows import streams
from autolearn.projections.rows.streams import STREAMS, StreamRow
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.views.view import View
from autolearn.schemas.codec import EventRecord

_CHUNK = 256
"""Events per row: a long stream has several rows, of which only one changes."""


def _index(rows: RowBatch, record: EventRecord, partition: int, offset: int) -> None:
    """Store the offset of an event."""
    chunk, place = divmod(record.sequence - 1, _CHUNK)
    if place == 0:
        rows.put(STREAMS, StreamRow(partition, [offset]), record.subject, chunk)
        return
    row = rows.change(STREAMS, record.subject, chunk)
    assert row is not None, f"event {record.sequence} of {record.subject} is not its first"
    row.offsets.append(offset)


VIEW = View("streams", streams, indexer=_index)
