"""Open sessions with their trainings and evaluations.

Committing moves a session to the experiments in the fold of one event, so that no reader ever sees
it in both places or in none.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict, replace

from autolearn.projections.models import (
    EndedRow,
    EvaluationRow,
    Pointer,
    Reference,
    RunRow,
    SessionRow,
    TrainingRow,
)
from autolearn.projections.rows import Rows
from autolearn.projections.store import key, prefix_of
from autolearn.projections.views import experiments
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.messages import Event
from autolearn.schemas.work import work_of

__all__ = ["TABLES", "fold", "run_key", "runs_prefix"]

TABLES = ("session", "session-by-time", "session-opened", "session-ended", "run", "run-id")
ROW_OF: dict[str, type[TrainingRow] | type[EvaluationRow]] = {
    "training": TrainingRow,
    "evaluation": EvaluationRow,
}


def run_key(session: str, number: int) -> bytes:
    """Return the key of a run's row, also after the session was committed."""
    return key("run", session, number)


def runs_prefix(session: str) -> bytes:
    """Return the prefix of the rows of a session's runs, in the order of their requests."""
    return prefix_of("run", session)


def fold(rows: Rows, record: EventRecord, event: Event) -> None:
    """Take an event of a session in."""
    kind, _, session = record.subject.partition("/")
    if kind != "session" or isinstance(event, events.Refused | events.CommandFailed):
        return
    if isinstance(event, events.SessionOpened):
        opened = SessionRow(
            id=session,
            title=event.title,
            created=record.time,
            actor=record.actor,
            updated=record.time,
            sequence=record.sequence,
        )
        rows.put(key("session", session), opened)
        rows.put(key("session-by-time", record.time, session), Reference(session))
        rows.put(key("session-opened", record.time, session), Reference(session))
        return
    at = key("session", session)
    row = rows.get(at, SessionRow)
    assert row is not None, f"{record.type} for a session that is not open"
    row = replace(row, updated=record.time, sequence=record.sequence)
    match event:
        case events.SessionCommitted():
            experiments.commit(rows, row, event)
            end(rows, row, "committed", event.cancelled)
        case events.SessionDiscarded():
            for pointer_at, pointer in rows.scan(prefix_of("run-id", session), Pointer):
                rows.delete(pointer_at)
                rows.delete(run_key(session, pointer.number))
            end(rows, row, "discarded", event.cancelled)
        case _:
            rows.put(at, row)
            fold_run(rows, record, event, session)


def end(rows: Rows, row: SessionRow, how: str, cancelled: tuple[str, ...]) -> None:
    """Take a session out of the view of open sessions."""
    rows.delete(key("session", row.id))
    rows.delete(key("session-by-time", row.created, row.id))
    rows.put(key("session-ended", row.id), EndedRow(how, row.updated, cancelled))


def fold_run(rows: Rows, record: EventRecord, event: Event, session: str) -> None:
    """Take an event of a run in."""
    kind = work_of(event).name
    if isinstance(event, events.RunRequested):
        requested = new_run(record, event, session)
        rows.put(run_key(session, record.sequence), requested)
        rows.put(key("run-id", session, event.run), Pointer(kind, record.sequence))
        return
    run: str = event.run  # type: ignore[attr-defined]
    pointer = rows.get(key("run-id", session, run), Pointer)
    assert pointer is not None, f"{record.type} for a run that was not requested"
    at = run_key(session, pointer.number)
    row: RunRow | None = rows.get(at, ROW_OF[kind])
    assert row is not None
    rows.put(at, changed(row, record, event))


def new_run(record: EventRecord, event: events.RunRequested, session: str) -> RunRow:
    """Return the row of a run that was just requested."""
    about: dict[str, Any] = {
        "id": event.run,
        "session": session,
        "number": record.sequence,
        "status": "open",
        "requested": record.time,
        "updated": record.time,
    }
    row = ROW_OF[work_of(event).name]
    known = row.__struct_fields__
    fields: dict[str, Any] = {k: v for k, v in asdict(event).items() if k in known}
    return row(**about, **fields)


def changed(row: RunRow, record: EventRecord, event: Event) -> RunRow:
    """Return a run's row after an event."""
    row = replace(row, updated=record.time)
    match event:
        case events.RunStarted():
            return replace(
                row,
                status="started",
                attempt=event.attempt,
                worker=event.worker,
                started=record.time,
            )
        case events.TrainingCompleted():
            return replace(
                row,
                status="completed",
                ended=record.time,
                artifact=event.model,
                parameters=event.parameters,
                environment=event.environment,
                rows_train=event.rows_train,
                rows_test=event.rows_test,
                fit_seconds=event.fit_seconds,
                seconds=event.seconds,
            )
        case events.EvaluationCompleted():
            return replace(
                row,
                status="completed",
                ended=record.time,
                results=event.results,
                environment=event.environment,
                rows=event.rows,
                seconds=event.seconds,
            )
        case events.RunFailed():
            return replace(
                row, status="failed", ended=record.time, reason=event.reason, detail=event.detail
            )
        case events.RunCancelled():
            return replace(row, status="cancelled", ended=record.time)
        case events.RunLost():
            return replace(row, status="open", attempt=event.attempt, worker="", started=None)
        case _:
            return row
