"""Where the events of each stream lie."""

from __future__ import annotations

from msgspec import Struct

from autolearn.projections.storage.table import NumberedTable


class StreamRow(Struct, array_like=True, gc=False):
    """The offsets of some events of a stream, which all lie on one partition."""

    partition: int
    offsets: list[int]


STREAMS = NumberedTable("stream", StreamRow)
"""By stream, in the order of its events."""
