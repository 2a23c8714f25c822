"""The completed evaluations of a training, and their figures."""

from __future__ import annotations

import math
from collections.abc import Iterator

from autolearn.projections.queries.compared_runs import figure_name
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.rest.runs import EvaluationRow
from autolearn.schemas.values import RunId, SessionId


def evaluations_of(
    snapshot: Snapshot, experiment: SessionId, training: RunId
) -> Iterator[EvaluationRow]:
    """Yield the completed evaluations of a training, the newest first (decrypts)."""
    ids = [
        run
        for run, row in snapshot.runs.all_stored(experiment)
        if row.kind == "evaluation" and row.training == training and row.status == "completed"
    ]
    for run in reversed(ids):
        row = snapshot.runs.get(experiment, "evaluation", run)
        if isinstance(row, EvaluationRow) and not row.unreadable:
            yield row


def newest_held_out(
    snapshot: Snapshot, experiment: SessionId, training: RunId
) -> EvaluationRow | None:
    """Return the newest completed evaluation of a training on its held-out rows."""
    return next(
        (one for one in evaluations_of(snapshot, experiment, training) if one.held_out), None
    )


def figures_of(evaluation: EvaluationRow) -> dict[str, float]:
    """Return the results of an evaluation that are numbers; one of a class as f1:yes."""
    return {
        figure_name(name, evaluation.averages.get(name, "")): float(value)
        for name, value in evaluation.results.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
