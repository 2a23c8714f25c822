"""Experiments: committed sessions, with the trainings and evaluations that they keep."""

from __future__ import annotations

from autolearn.projections.models import (
    EvaluationRow,
    ExperimentRow,
    Pointer,
    Reference,
    SessionRow,
    TrainingRow,
)
from autolearn.projections.rows import Rows
from autolearn.projections.store import key, prefix_of
from autolearn.schemas import events
from autolearn.schemas.values import DatasetRef

__all__ = ["TABLES", "commit"]

TABLES = ("experiment", "experiment-by-time")


def commit(rows: Rows, session: SessionRow, event: events.SessionCommitted) -> None:
    """Make an experiment of a session: keep its chosen trainings and what was measured of them."""
    training_data: dict[DatasetRef, None] = {}
    evaluation_data: dict[DatasetRef, None] = {}
    for at, pointer in rows.scan(prefix_of("run-id", session.id), Pointer):
        run_at = key("run", session.id, pointer.number)
        if pointer.kind == "training":
            training = rows.get(run_at, TrainingRow)
            assert training is not None
            kept = training.id in event.trainings
            if kept:
                training_data[training.dataset] = None
        else:
            evaluation = rows.get(run_at, EvaluationRow)
            assert evaluation is not None
            kept = evaluation.training in event.trainings and evaluation.status == "completed"
            if kept:
                evaluation_data[evaluation.dataset] = None
        if not kept:
            rows.delete(at)
            rows.delete(run_at)
    experiment = ExperimentRow(
        id=session.id,
        title=session.title,
        created=session.created,
        committed=session.updated,
        actor=session.actor,
        sequence=session.sequence,
        trainings=event.trainings,
        training_data=tuple(training_data),
        evaluation_data=tuple(evaluation_data),
    )
    rows.put(key("experiment", session.id), experiment)
    rows.put(key("experiment-by-time", session.updated, session.id), Reference(session.id))
