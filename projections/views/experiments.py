"""Experiments: committed sessions, with the trainings and evaluations that they keep."""

from __future__ import annotations

from autolearn.projections.models import Reference
from autolearn.projections.rows import Rows
from autolearn.projections.store import key
from autolearn.projections.stored import StoredExperiment, StoredSession
from autolearn.projections.views.runs import count, newest_first, run_key
from autolearn.schemas import events

__all__ = ["TABLES", "commit", "delete"]

TABLES = (
    "experiment",
    "experiment-by-time",
    "experiment-of",
    "experiment-gone",
    "experiment-gone-by-time",
)


def commit(rows: Rows, session: str, row: StoredSession, event: events.SessionCommitted) -> None:
    """Make an experiment of a session: keep its chosen trainings and what was measured of them."""
    for run_id, run in newest_first(rows, session, row):
        count(rows, row.actor, run.status, "")
        if run.kind == "training":
            stays = run_id in event.trainings
        else:
            stays = run.training in event.trainings and run.status == "completed"
        if not stays:
            rows.delete(run_key(session, run_id))
    experiment = StoredExperiment(
        row.opened, row.created, row.updated, row.actor, row.sequence, event.trainings
    )
    rows.put(key("experiment", session), experiment)
    rows.put_once(key("experiment-by-time", row.updated, session), Reference(session))
    rows.put_once(key("experiment-of", row.actor, row.updated, session), Reference(session))


def delete(rows: Rows, session: str) -> None:
    """Take an experiment and all that it keeps out of the view.

    That it was there stays known, for lists of the past.
    """
    row = rows.get(key("experiment", session), StoredExperiment)
    assert row is not None, f"{session} is deleted and was no experiment"
    for run in rows.names(run_key(session, "")):
        rows.delete(run)
    rows.delete(key("experiment", session))
    rows.delete(key("experiment-by-time", row.committed, session))
    rows.delete(key("experiment-of", row.actor, row.committed, session))
    rows.put_once(key("experiment-gone", session), row)
    rows.put_once(key("experiment-gone-by-time", row.committed, session), Reference(session))
