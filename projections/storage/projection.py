"""A projection whose rows are in a store (`eventlog.consumers.projector.Projection`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from autolearn.eventlog.admission import PartitionProgress
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.store import Store, key

FORMAT_KEY = key("format")


class StoredProjection:
    """All of a projection but its `fold`.

    A store whose rows have another `format` is emptied: it is folded again from the start. Without
    a format, nothing is checked.
    """

    format: ClassVar[bytes] = b""

    def __init__(self, store: Store) -> None:
        self.store, self.rows = store, RowBatch(store)
        self.marked = self.format in (b"", store.get(FORMAT_KEY))
        if not self.marked and self.progress():
            store.clear()

    def progress(self) -> Mapping[int, PartitionProgress]:
        """Return how far the stored content has come, per partition."""
        return self.rows.stored.progress()

    def commit(self, progress: Mapping[int, PartitionProgress]) -> None:
        """Write the folded rows and the progress atomically."""
        if progress and not self.marked:
            self.rows.written[FORMAT_KEY], self.marked = self.format, True
        self.rows.commit(progress)

    def reset(self) -> None:
        """Delete everything."""
        self.marked = not self.format
        self.rows.reset()
