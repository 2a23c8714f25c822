"""The read models of one process: a store, fed by a projector."""

from __future__ import annotations

from collections.abc import Mapping

from autolearn.eventlog.admission import PartitionProgress
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.store import Store, key
from autolearn.projections.views import FORMAT, fold
from autolearn.schemas.codec import EventRecord

FORMAT_KEY = key("format")
FORMAT_VALUE = str(FORMAT).encode()


class ReadModels:
    """Folds events into all views of a store (`eventlog.consumers.projector.Projection`).

    A store that holds rows of another format is emptied: it is folded again from the start.
    """

    def __init__(self, store: Store) -> None:
        self.rows = RowBatch(store)
        self.marked = store.get(FORMAT_KEY) == FORMAT_VALUE
        if not self.marked and self.rows.progress():
            store.clear()

    def progress(self) -> Mapping[int, PartitionProgress]:
        """Return how far the stored content has come, per partition."""
        return self.rows.progress()

    def fold(self, record: EventRecord, partition: int, offset: int, /) -> None:
        """Fold one admitted event of this partition and offset."""
        fold(self.rows, record, partition, offset)

    def commit(self, progress: Mapping[int, PartitionProgress]) -> None:
        """Write the folded rows and the progress atomically."""
        if progress and not self.marked:
            self.rows.written[FORMAT_KEY], self.marked = FORMAT_VALUE, True
        self.rows.commit(progress)

    def reset(self) -> None:
        """Delete everything."""
        self.marked = False
        self.rows.reset()
