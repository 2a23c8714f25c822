"""The queries of the read models. All queries of one `Snapshot` see the same state."""

from __future__ import annotations

from autolearn.eventlog.admission import PartitionProgress
from autolearn.projections.digests import digest
from autolearn.projections.queries.catalog import CatalogQueries
from autolearn.projections.queries.experiments import ExperimentQueries
from autolearn.projections.queries.immutable_rows import ImmutableRows
from autolearn.projections.queries.run_rows import (
    Opens,
    in_clear,
)
from autolearn.projections.queries.streams import StreamQueries
from autolearn.projections.queries.users import UserQueries
from autolearn.projections.rows.view_rows import (
    Answer,
)
from autolearn.projections.storage.row_batch import PROGRESS
from autolearn.projections.storage.row_reader import decode
from autolearn.projections.storage.store import Readable, Store, prefix_of
from autolearn.projections.views import VIEWS
from autolearn.projections.views.command_answers import answer_key


class ReadModelQueries:
    """The read models of a store that a projector writes at the same time.

    `opens` decrypts their data.
    """

    def __init__(self, store: Store, opens: Opens = in_clear) -> None:
        self.store, self.opens, self.known = store, opens, ImmutableRows()

    def now(self) -> Snapshot:
        """Return a snapshot of the present read models, for one thread and a short time."""
        return Snapshot(self.store.snapshot(), self.opens, known=self.known)

    def answer(self, command: str) -> Answer | None:
        """Return the answer to a command, if there is one."""
        value = self.store.get(answer_key(command))
        return None if value is None else decode(value, Answer)

    def progress(self) -> dict[int, PartitionProgress]:
        """Return the progress of the store, per partition."""
        return self.now().progress()

    def latest(self) -> Snapshot:
        """Return the read models without a snapshot: each query sees the newest state.

        It costs less than `now`, and is for one query at a time.
        """
        return Snapshot(self.store, self.opens, known=self.known)


class Snapshot(CatalogQueries, ExperimentQueries, UserQueries, StreamQueries):
    """The read models at one moment, whatever is folded meanwhile."""

    def __init__(
        self,
        content: Readable,
        opens: Opens = in_clear,
        present: Snapshot | None = None,
        known: ImmutableRows | None = None,
    ) -> None:
        """Take the rows. The sensitive columns are those of `present`, without it of this one."""
        super().__init__(content, opens, known)
        self.present = present or self

    def progress(self) -> dict[int, PartitionProgress]:
        """Return the position of this moment, per partition of `events`."""
        return {
            int.from_bytes(at[-8:], "big"): decode(value, PartitionProgress)
            for at, value in self.content.scan(prefix_of(PROGRESS))
        }

    def answer(self, command: str) -> Answer | None:
        """Return the answer to a command, if there is one."""
        return self.get(answer_key(command), Answer)

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of each view's content."""
        return {view: digest(self.content, view) for view in VIEWS}
