"""Experiments: committed sessions, with the trainings and evaluations that they keep."""

from __future__ import annotations

from msgspec.structs import replace

from autolearn.projections.rows.stored_rows import StoredExperiment, StoredSession
from autolearn.projections.rows.view_rows import IndexEntry
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.store import key
from autolearn.projections.views import runs
from autolearn.schemas import events

TABLES = (
    "experiment",
    "experiment-by-time",
    "experiment-of",
    "experiment-gone",
    "experiment-gone-by-time",
)


def commit(
    rows: RowBatch, session: str, row: StoredSession, event: events.SessionCommitted
) -> None:
    """Make an experiment of a session: keep its chosen trainings and their evaluations."""
    for run_id, run in runs.newest_first(rows, session, row):
        runs.count(rows, row.actor, run.status, "")
        if run.kind == "training":
            stays = run_id in event.trainings
        else:
            stays = run.training in event.trainings and run.status == "completed"
        if not stays:
            runs.delete(rows, session, run_id)
    experiment = StoredExperiment(
        row.opened, row.created, row.updated, row.actor, row.sequence, event.trainings
    )
    rows.put(key("experiment", session), experiment)
    rows.put_once(key("experiment-by-time", row.updated, session), IndexEntry(session))
    for user in readers_of(rows, session, row):
        rows.put(key("experiment-of", user, row.updated, session), IndexEntry(session))


def share(rows: RowBatch, session: str, user: str, *, may_read: bool) -> None:
    """Add an experiment to a user's list, or remove it."""
    row = rows.get(key("experiment", session), StoredExperiment)
    if row is not None and user != row.actor:
        at = key("experiment-of", user, row.committed, session)
        rows.put(at, IndexEntry(session)) if may_read else rows.delete(at)


def readers_of(rows: RowBatch, session: str, row: StoredSession | StoredExperiment) -> list[str]:
    """Return the owner and the readers of a session or experiment."""
    if isinstance(row, StoredSession) and not row.shared:
        return [row.actor]
    names = rows.names(key("session-reader", session, ""))
    return [row.actor, *(at.rpartition(b"\0")[2].decode() for at in names)]


def delete(rows: RowBatch, session: str, sequence: int) -> None:
    """Delete an experiment and all that it keeps from the view, by an event of its stream.

    Its former existence stays known, for lists of the past.
    """
    row = rows.get(key("experiment", session), StoredExperiment)
    assert row is not None, f"{session} is deleted and was no experiment"
    for at in rows.names(runs.run_key(session, "")):
        runs.delete(rows, session, at.rpartition(b"\0")[2].decode())
    rows.delete(key("experiment", session))
    rows.delete(key("experiment-by-time", row.committed, session))
    for user in readers_of(rows, session, row):
        rows.delete(key("experiment-of", user, row.committed, session))
    rows.put_once(key("experiment-gone", session), replace(row, deleted=sequence))
    rows.put_once(key("experiment-gone-by-time", row.committed, session), IndexEntry(session))
