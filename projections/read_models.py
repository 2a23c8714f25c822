"""The read models of one process: a store, fed by a projector."""

from __future__ import annotations

from autolearn.projections.storage.projection import StoredProjection
from autolearn.projections.views import FORMAT, fold
from autolearn.schemas.codec import EventRecord


class ReadModels(StoredProjection):
    """Folds events into all views of a store."""

    format = str(FORMAT).encode()

    def fold(self, record: EventRecord, partition: int, offset: int, /) -> None:
        """Fold one admitted event of this partition and offset."""
        fold(self.rows, record, partition, offset)
