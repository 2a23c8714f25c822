"""Open sessions with their trainings and evaluations.

Committing moves a session to the experiments in the fold of one event, so that no reader ever sees
it in both places or in none.
"""

from __future__ import annotations

from collections.abc import Callable

from autolearn.projections.rows.stored_rows import StoredSession
from autolearn.projections.rows.view_rows import EndedRow, IndexEntry
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.store import key
from autolearn.projections.views import experiments, runs
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, kept
from autolearn.schemas.confidentiality import outline_of
from autolearn.schemas.messages import type_of
from autolearn.schemas.rest.sessions import Reader
from autolearn.schemas.work_kinds import WORK

_ID = slice(len("session/"), None)
"""The index of a session's id in the name of its stream."""

TABLES = (
    "session",
    "session-by-time",
    "session-opened",
    "session-owner",
    "session-owned",
    "session-of",
    "session-reader",
    "session-shared",
    "session-ended",
    "run",
    "user-work",
    "run-at",
    "run-request",
    "run-outcome",
)

Handler = Callable[[RowBatch, EventRecord], None]


def _open_session(rows: RowBatch, record: EventRecord) -> None:
    """Fold the opening of a session."""
    session, time = record.subject[_ID], record.time
    opened = StoredSession(kept(record), time, record.actor, time, record.sequence)
    rows.put(key("session", session), opened)
    rows.put(key("session-by-time", time, session), IndexEntry(session))
    rows.put_once(key("session-opened", time, session), IndexEntry(session))
    # The owner stays known after the end: this row is the index from id to owner.
    rows.put_once(key("session-owner", session), IndexEntry(record.actor))
    rows.put_once(key("session-owned", record.actor, session), IndexEntry(session))
    rows.put(key("session-of", record.actor, time, session), IndexEntry(session))


def changed(rows: RowBatch, record: EventRecord, session: str) -> StoredSession:
    """Return the row of an open session, marked as changed by an event."""
    row = rows.change(f"session\0{session}".encode(), StoredSession)
    assert row is not None, f"{record.type} for a session that is not open"
    row.updated, row.sequence, row.expiring = record.time, record.sequence, ""
    return row


def request(kind: str) -> Handler:
    """Return the handler of the events that accept a run of a kind of work."""

    def handle(rows: RowBatch, record: EventRecord) -> None:
        session = record.subject[_ID]
        runs.request(rows, record, session, changed(rows, record, session), kind)

    return handle


def change(how: runs.Change) -> Handler:
    """Return the handler of the events that change a run."""

    def handle(rows: RowBatch, record: EventRecord) -> None:
        session = record.subject[_ID]
        runs.change(rows, record, session, changed(rows, record, session), how)

    return handle


def commit(rows: RowBatch, record: EventRecord) -> None:
    """Fold a commit: the session becomes an experiment."""
    event, session = outline_of(record), record.subject[_ID]
    row = changed(rows, record, session)
    assert isinstance(event, events.SessionCommitted)
    experiments.commit(rows, session, row, event)
    end(rows, session, row, "committed", event.cancelled)


def discard(rows: RowBatch, record: EventRecord) -> None:
    """Fold the end of a session of which nothing is kept."""
    event, session = outline_of(record), record.subject[_ID]
    row = changed(rows, record, session)
    for name, run in list(runs.newest_first(rows, session, row)):
        runs.count(rows, row.actor, run.status, "")
        runs.delete(rows, session, name)
    match event:
        case events.SessionDiscarded(cancelled=cancelled):
            end(rows, session, row, "discarded", cancelled)
        case events.SessionExpired():
            end(rows, session, row, "expired", ())


def _expiry(rows: RowBatch, record: EventRecord) -> None:
    event, row = outline_of(record), changed(rows, record, record.subject[_ID])
    if isinstance(event, events.SessionExpiring):
        row.expiring = event.until


def delete(rows: RowBatch, record: EventRecord) -> None:
    """Fold the deletion of an experiment."""
    session = record.subject[_ID]
    experiments.delete(rows, session, record.sequence)
    rows.put_once(key("session-ended", session), EndedRow("deleted", record.time))


def share(rows: RowBatch, record: EventRecord) -> None:
    """Fold a change of the readers of a session or experiment."""
    event, session = outline_of(record), record.subject[_ID]
    assert isinstance(event, events.SessionShared | events.SessionUnshared)
    user, may_read = event.user, isinstance(event, events.SessionShared)
    rows_of = {
        key("session-reader", session, user): Reader(user, record.time),
        key("session-shared", user, session): IndexEntry(session),
    }
    if rows.get(key("session", session), StoredSession) is not None:
        opened = changed(rows, record, session)
        opened.shared = True
        if user != opened.actor:
            rows_of[key("session-of", user, opened.created, session)] = IndexEntry(session)
    for at, row in rows_of.items():
        rows.put(at, row) if may_read else rows.delete(at)
    experiments.share(rows, session, user, may_read=may_read)


def end(
    rows: RowBatch, session: str, row: StoredSession, how: str, cancelled: tuple[str, ...]
) -> None:
    """Remove a session from the view of open sessions."""
    rows.delete(key("session", session))
    rows.delete(key("session-by-time", row.created, session))
    for user in experiments.readers_of(rows, session, row):
        rows.delete(key("session-of", user, row.created, session))
    rows.put_once(key("session-ended", session), EndedRow(how, row.updated, cancelled))


HANDLERS: dict[str, Handler] = {
    type_of(events.SessionOpened): _open_session,
    type_of(events.SessionCommitted): commit,
    type_of(events.SessionDiscarded): discard,
    type_of(events.SessionExpired): discard,
    type_of(events.SessionExpiring): _expiry,
    type_of(events.SessionKept): _expiry,
    type_of(events.ExperimentDeleted): delete,
    type_of(events.SessionShared): share,
    type_of(events.SessionUnshared): share,
    **{type_of(work.requested): request(kind) for kind, work in WORK.items()},
    **{name: change(how) for name, how in runs.TYPES.items()},
}
