"""The read models of one process: a store, fed by a projector."""

from __future__ import annotations

from autolearn.eventlog.admission import TERM_STARTED
from autolearn.projections.rows import sessions
from autolearn.projections.storage.projection import StoredProjection
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.views import FORMAT, fold, groups, models, users
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, kept, lifted
from autolearn.schemas.messages import type_of


class ReadModels(StoredProjection):
    """Folds events into all views of a store."""

    format = str(FORMAT).encode()

    def fold(self, record: EventRecord, partition: int, offset: int, /) -> None:
        """Fold one admitted event of this partition and offset."""
        fold(self.rows, record, partition, offset)


class ServedModels(ReadModels):
    """Folds only what a process needs that serves models.

    That is the models, the users and groups that may ask them, and the key of each session, with
    which the artifacts of its trainings are encrypted.
    """

    format = f"serve {FORMAT}".encode()

    def fold(self, record: EventRecord, _: int, __: int, /) -> None:
        """Fold one admitted event."""
        if record.type == TERM_STARTED:
            return
        handle = _HANDLERS.get(record.type) or _HANDLERS.get(lifted(record).type)
        if handle is not None:
            handle(self.rows, lifted(record))


def _open(rows: RowBatch, record: EventRecord) -> None:
    session = record.subject.partition("/")[2]
    row = sessions.StoredSession(kept(record), record.time, record.actor, record.time, 1)
    rows.put(sessions.OPEN, row, session)


def _end(rows: RowBatch, record: EventRecord) -> None:
    rows.put(sessions.OPEN, None, record.subject.partition("/")[2])


_ENDS = (events.SessionDiscarded, events.SessionExpired, events.ExperimentDeleted)
_HANDLERS = {
    **{
        type_: fold
        for view in (users.VIEW, groups.VIEW, models.VIEW)
        for type_, fold in view.handlers.items()
    },
    type_of(events.SessionOpened): _open,
    **{type_of(event): _end for event in _ENDS},
}
