"""The queries of the read models. All queries of one `Snapshot` see the same state."""

from __future__ import annotations

from autolearn.eventlog.admission import PartitionProgress
from autolearn.projections.queries.annotations import AnnotationQueries
from autolearn.projections.queries.catalog import CatalogQueries
from autolearn.projections.queries.decrypting_reader import DecryptingReader
from autolearn.projections.queries.experiments import ExperimentQueries
from autolearn.projections.queries.groups import GroupQueries
from autolearn.projections.queries.immutable_rows import ImmutableRows
from autolearn.projections.queries.lineage import LineageQueries
from autolearn.projections.queries.models import ModelQueries
from autolearn.projections.queries.pipelines import PipelineQueries
from autolearn.projections.queries.run_rows import Opens, in_clear
from autolearn.projections.queries.runs import RunQueries
from autolearn.projections.queries.sessions import SessionQueries
from autolearn.projections.queries.streams import StreamQueries
from autolearn.projections.queries.users import UserQueries
from autolearn.projections.rows.command_answers import ANSWERS, Answer
from autolearn.projections.storage.row_reader import RowReader
from autolearn.projections.storage.store import Readable, Store
from autolearn.schemas.rest.models import ModelVersionRow


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
        return RowReader(self.store).get(ANSWERS, command)

    def progress(self) -> dict[int, PartitionProgress]:
        """Return the progress of the store, per partition."""
        return RowReader(self.store).progress()

    def latest(self) -> Snapshot:
        """Return the read models without a snapshot: each query sees the newest state.

        It costs less than `now`, and is for one query at a time.
        """
        return Snapshot(self.store, self.opens, known=self.known)


class Snapshot:
    """The read models at one moment, whatever is folded meanwhile, by service."""

    def __init__(
        self,
        content: Readable,
        opens: Opens = in_clear,
        present: Snapshot | None = None,
        known: ImmutableRows | None = None,
    ) -> None:
        """Take the rows. The sensitive columns are those of `present`, without it of this one."""
        rows = self.rows = DecryptingReader(content, opens, known)
        self.catalog: CatalogQueries = CatalogQueries(rows, present.catalog if present else None)
        said = self.annotations = AnnotationQueries(rows)
        self.groups = GroupQueries(rows)
        self.lineage = LineageQueries(rows, self.catalog)
        self.models = ModelQueries(rows, self.groups)
        self.pipelines = PipelineQueries(rows, self.groups)
        self.sessions = SessionQueries(rows, said, self.groups)
        self.runs = RunQueries(rows, said)
        self.experiments = ExperimentQueries(rows, self.sessions, self.runs)
        self.users = UserQueries(rows)
        self.streams = StreamQueries(rows, self.groups, self.models, self.pipelines)

    def keyid_of_version(self, row: ModelVersionRow) -> str | None:
        """Return the id of the key of a version's artifact, "" for one in clear, None if gone.

        It is that of its experiment; of the model for one that was imported without experiment.
        """
        if row.experiment:
            return self.sessions.keyid(row.experiment)
        return self.models.keyid(row.model, row.version)
