"""Open sessions with their trainings and evaluations.

Committing moves a session to the experiments in the fold of one event, so that no reader ever sees
it in both places or in none.
"""

from __future__ import annotations

from autolearn.projections.rows import annotations as annotation_rows
from autolearn.projections.rows import experiments as experiment_rows
from autolearn.projections.rows import runs as run_rows
from autolearn.projections.rows import sessions
from autolearn.projections.rows.sessions import EndedRow, StoredSession
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.table import IndexEntry
from autolearn.projections.views import experiments, pipelines, runs
from autolearn.projections.views.annotations import add_annotation, keep_annotations
from autolearn.projections.views.view import Handler, View
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, kept
from autolearn.schemas.confidentiality import outline_of
from autolearn.schemas.rest.sessions import Reader
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import SessionId
from autolearn.schemas.work_kinds import OF_SESSIONS, WORK

_ID = slice(len("session/"), None)
"""The index of a session's id in the name of its stream."""


def _session_of(record: EventRecord) -> SessionId:
    return SessionId(record.subject[_ID])


def _open_session(rows: RowBatch, record: EventRecord) -> None:
    """Fold the opening of a session."""
    event, session, time = outline_of(record), _session_of(record), record.time
    assert isinstance(event, events.SessionOpened)
    opened = StoredSession(kept(record), time, record.actor, time, record.sequence)
    opened.holder = stream("pipeline", event.pipeline) if event.pipeline else record.actor
    entry = IndexEntry(session)
    rows.put(sessions.HELD_BY, entry, opened.holder, session)
    rows.put(sessions.OPEN, opened, session)
    rows.put(sessions.BY_TIME, entry, time, session)
    rows.put_once(sessions.EVER_BY_TIME, entry, time, session)
    # The owner stays known after the end: this row is the index from id to owner.
    rows.put_once(sessions.OWNERS, IndexEntry(record.actor), session)
    rows.put_once(sessions.BY_OWNER, entry, record.actor, session)
    rows.put(sessions.OF_USER, entry, record.actor, time, session)


def _changed(rows: RowBatch, record: EventRecord, session: SessionId) -> StoredSession:
    """Return the row of an open session, marked as changed by an event."""
    row = rows.change(sessions.OPEN, session)
    assert row is not None, f"{record.type} for a session that is not open"
    row.updated, row.sequence, row.expiring = record.time, record.sequence, ""
    return row


def _request(kind: str) -> Handler:
    """Return the handler of the events that accept a run of a kind of work."""

    def handle(rows: RowBatch, record: EventRecord) -> None:
        session = _session_of(record)
        if rows.get(sessions.OPEN, session) is None:
            experiments.request(rows, record, session, kind)
            return
        row = _changed(rows, record, session)
        row.newest = runs.request(rows, record, session, row.holder, kind, row.newest)
        row.runs += 1

    return handle


def _import(rows: RowBatch, record: EventRecord) -> None:
    """Fold a model that was made elsewhere: a completed training."""
    session = _session_of(record)
    row = _changed(rows, record, session)
    row.newest = runs.add_imported(rows, record, session, row.newest)
    row.runs += 1


def _change(how: runs.Change) -> Handler:
    """Return the handler of the events that change a run."""

    def handle(rows: RowBatch, record: EventRecord) -> None:
        if record.subject.startswith("pipeline/"):
            pipelines.change_run(rows, record, how)
            return
        session = _session_of(record)
        if rows.get(sessions.OPEN, session) is None:
            experiments.change(rows, record, session, how)
        else:
            runs.change(rows, record, session, _changed(rows, record, session).holder, how)

    return handle


def _rename(rows: RowBatch, record: EventRecord) -> None:
    """Fold the new title of a session or experiment."""
    session = _session_of(record)
    if rows.get(sessions.OPEN, session) is None:
        experiments.rename(rows, session, kept(record))
    else:
        _changed(rows, record, session).renamed = kept(record)


def _annotate(rows: RowBatch, record: EventRecord) -> None:
    """Fold an annotation of a session or experiment, or of one of its trainings."""
    session = _session_of(record)
    if rows.get(sessions.OPEN, session) is None:
        experiments.annotate(rows, record, session)
    else:
        add_annotation(rows, record, session)
        _changed(rows, record, session).annotations += 1


def _commit(rows: RowBatch, record: EventRecord) -> None:
    """Fold a commit: the session becomes an experiment."""
    event, session = outline_of(record), _session_of(record)
    row = _changed(rows, record, session)
    assert isinstance(event, events.SessionCommitted)
    experiments.commit(rows, session, row, event)
    _end(rows, session, row, EndedRow("committed", row.updated, event.cancelled))


def _discard(rows: RowBatch, record: EventRecord) -> None:
    """Fold the end of a session of which nothing is kept."""
    event, session = outline_of(record), _session_of(record)
    row = _changed(rows, record, session)
    for name, run in list(runs.newest_first(rows, session, row)):
        runs.count(rows, row.holder, run, run.status, "")
        runs.delete(rows, session, name)
    if row.annotations:
        keep_annotations(rows, session, ())
    match event:
        case events.SessionDiscarded(cancelled=cancelled):
            ended = EndedRow("discarded", row.updated, cancelled)
        case _:
            ended = EndedRow("expired", row.updated)
    _end(rows, session, row, ended)


def _expiry(rows: RowBatch, record: EventRecord) -> None:
    event, row = outline_of(record), _changed(rows, record, _session_of(record))
    if isinstance(event, events.SessionExpiring):
        row.expiring = event.until


def _delete(rows: RowBatch, record: EventRecord) -> None:
    """Fold the deletion of an experiment."""
    session = _session_of(record)
    experiments.delete(rows, session, record.sequence)
    rows.put_once(sessions.ENDED, EndedRow("deleted", record.time), session)


def _hold(rows: RowBatch, record: EventRecord) -> None:
    """Fold that an experiment is held for a model, or released."""
    event, session = outline_of(record), _session_of(record)
    match event:
        case events.ExperimentHeld(model=model):
            rows.put(experiment_rows.HELD, IndexEntry(model), session, model)
        case events.ExperimentReleased(model=model):
            rows.delete(experiment_rows.HELD, session, model)


def _share(rows: RowBatch, record: EventRecord) -> None:
    """Fold a change of the grants of a session or experiment."""
    event, session = outline_of(record), _session_of(record)
    assert isinstance(event, events.SessionShared | events.SessionUnshared)
    user, may_read = event.user, isinstance(event, events.SessionShared)
    entry = IndexEntry(session) if may_read else None
    may = event.may if isinstance(event, events.SessionShared) else None
    rows.put(sessions.READERS, may and Reader(user, record.time, may), session, user)
    rows.put(sessions.BY_READER, entry, user, session)
    if rows.get(sessions.OPEN, session) is not None:
        opened = _changed(rows, record, session)
        opened.shared = True
        if user != opened.actor:
            rows.put(sessions.SHARED_WITH, entry, user, opened.created, session)
    experiments.share(rows, session, user, may_read=may_read)


def _end(rows: RowBatch, session: SessionId, row: StoredSession, ended: EndedRow) -> None:
    """Remove a session from the view of open sessions."""
    rows.delete(sessions.OPEN, session)
    rows.delete(sessions.BY_TIME, row.created, session)
    rows.delete(sessions.OF_USER, row.actor, row.created, session)
    rows.delete(sessions.HELD_BY, row.holder, session)
    for user in experiments.readers_of(rows, session, row):
        rows.delete(sessions.SHARED_WITH, user, row.created, session)
    rows.put_once(sessions.ENDED, ended, session)


VIEW = View(
    "sessions",
    sessions,
    run_rows,
    annotation_rows,
    handlers={
        events.SessionOpened: _open_session,
        events.SessionRenamed: _rename,
        events.SessionAnnotated: _annotate,
        events.SessionCommitted: _commit,
        events.SessionDiscarded: _discard,
        events.SessionExpired: _discard,
        events.SessionExpiring: _expiry,
        events.SessionKept: _expiry,
        events.ExperimentHeld: _hold,
        events.ExperimentReleased: _hold,
        events.ExperimentDeleted: _delete,
        events.SessionShared: _share,
        events.SessionUnshared: _share,
        events.TrainingImported: _import,
        **{work.requested: _request(kind) for kind, work in WORK.items() if kind in OF_SESSIONS},
        **{event: _change(how) for event, how in runs.CHANGES.items()},
    },
)
