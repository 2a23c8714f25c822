"""Open sessions with their trainings and evaluations.

Committing moves a session to the experiments in the fold of one event, so that no reader ever sees
it in both places or in none.
"""

from __future__ import annotations

from collections.abc import Callable

from autolearn.projections.models import EndedRow, Reference
from autolearn.projections.rows import Rows
from autolearn.projections.store import key
from autolearn.projections.stored import StoredSession
from autolearn.projections.views import experiments, runs
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, event_of
from autolearn.schemas.messages import type_of
from autolearn.schemas.work import WORK

__all__ = ["HANDLERS", "TABLES"]

TABLES = ("session", "session-by-time", "session-opened", "session-ended", "run")

Handler = Callable[[Rows, EventRecord], None]
Taken = Callable[[Rows, EventRecord, str, StoredSession], None]


def open_session(rows: Rows, record: EventRecord) -> None:
    """A session is open."""
    event, session, time = event_of(record), id_of(record), record.time
    assert isinstance(event, events.SessionOpened)
    opened = StoredSession(event.title, time, record.actor, time, record.sequence, [])
    rows.put(key("session", session), opened)
    rows.put(key("session-by-time", time, session), Reference(session))
    rows.put_once(key("session-opened", time, session), Reference(session))


def in_session(take: Taken) -> Handler:
    """Return the handler of an event of an open session: its row is noted as changed."""

    def handle(rows: Rows, record: EventRecord) -> None:
        session = id_of(record)
        row = rows.change(f"session\0{session}".encode(), StoredSession)
        assert row is not None, f"{record.type} for a session that is not open"
        row.updated, row.sequence = record.time, record.sequence
        take(rows, record, session, row)

    return handle


def request(kind: str) -> Handler:
    """Return the handler of the events that accept a run of a kind of work."""
    return in_session(lambda rows, record, at, row: runs.request(rows, record, at, row, kind))


def change(how: runs.Change) -> Handler:
    """Return the handler of the events that change a run."""
    return in_session(lambda rows, record, at, _: runs.change(rows, record, at, how))


def commit(rows: Rows, record: EventRecord, session: str, row: StoredSession) -> None:
    """The session is an experiment."""
    event = event_of(record)
    assert isinstance(event, events.SessionCommitted)
    experiments.commit(rows, session, row, event)
    end(rows, session, row, "committed", event.cancelled)


def discard(rows: Rows, record: EventRecord, session: str, row: StoredSession) -> None:
    """Nothing of the session is kept."""
    event = event_of(record)
    assert isinstance(event, events.SessionDiscarded)
    for run in row.runs:
        rows.delete(runs.run_key(session, run))
    end(rows, session, row, "discarded", event.cancelled)


def end(rows: Rows, session: str, row: StoredSession, how: str, cancelled: tuple[str, ...]) -> None:
    """Take a session out of the view of open sessions."""
    rows.delete(key("session", session))
    rows.delete(key("session-by-time", row.created, session))
    rows.put_once(key("session-ended", session), EndedRow(how, row.updated, cancelled))


def id_of(record: EventRecord) -> str:
    """Return the id of the session that an event belongs to."""
    return record.subject[8:]


HANDLERS: dict[str, Handler] = {
    type_of(events.SessionOpened): open_session,
    type_of(events.SessionCommitted): in_session(commit),
    type_of(events.SessionDiscarded): in_session(discard),
    **{type_of(work.requested): request(work.name) for work in WORK.values()},
    **{name: change(how) for name, how in runs.TYPES.items()},
}
