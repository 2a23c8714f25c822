"""Experiments: committed sessions, with the trainings and evaluations that they keep."""

from __future__ import annotations

from msgspec import Struct

from autolearn.projections.models import ExperimentRow, Reference
from autolearn.projections.rows import Rows
from autolearn.projections.store import key
from autolearn.projections.stored import StoredRun, StoredSession
from autolearn.projections.views.runs import run_key
from autolearn.schemas import events
from autolearn.schemas.codec import from_json
from autolearn.schemas.values import DatasetRef

__all__ = ["TABLES", "commit"]

TABLES = ("experiment", "experiment-by-time", "experiment-of")


class Used(Struct, frozen=True):
    """What a run was made with, of the data of its request."""

    dataset: DatasetRef
    training: str = ""


def commit(rows: Rows, session: str, row: StoredSession, event: events.SessionCommitted) -> None:
    """Make an experiment of a session: keep its chosen trainings and what was measured of them."""
    data: dict[str, dict[DatasetRef, None]] = {"training": {}, "evaluation": {}}
    for run_id in row.runs:
        at = run_key(session, run_id)
        run = rows.get(at, StoredRun)
        assert run is not None
        used = from_json(run.request, Used)
        if run.kind == "training":
            kept = run_id in event.trainings
        else:
            kept = used.training in event.trainings and run.status == "completed"
        if kept:
            data[run.kind][used.dataset] = None
        else:
            rows.delete(at)
    experiment = ExperimentRow(
        id=session,
        title=row.title,
        created=row.created,
        committed=row.updated,
        actor=row.actor,
        sequence=row.sequence,
        trainings=event.trainings,
        training_data=tuple(data["training"]),
        evaluation_data=tuple(data["evaluation"]),
    )
    rows.put_once(key("experiment", session), experiment)
    rows.put_once(key("experiment-by-time", row.updated, session), Reference(session))
    rows.put_once(key("experiment-of", row.actor, row.updated, session), Reference(session))
