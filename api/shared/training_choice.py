"""The training that a request uses: the named one, or the only one of its session or experiment."""

from __future__ import annotations

from itertools import islice

from autolearn.api.http.problems import Problem
from autolearn.api.shared.id_prefixes import whole_run
from autolearn.api.shared.lookup import RunOwner, find_owner
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.rest.runs import EvaluationRow
from autolearn.schemas.values import RunId, SessionId

_TOLD = 20
"""Trainings that a refusal lists."""
_FIRST = ("roc-auc", "f1", "accuracy", "r2", "rmse", "silhouette")
"""The metrics of which a refusal shows the first one that a training has."""


async def choose_training(context: ApiContext, owner: RunOwner, given: str | None) -> RunId:
    """Return the id of the `given` training, or of the only one with an artifact.

    Raises:
        Problem: the session or experiment is not there (404, 410); or no training, or more than
        one, is meant (422).
    """
    seen = await find_owner(context, owner)
    if given is not None:
        training = await whole_run(context, owner.id, "training", given, "#/training")
        if context.queries.latest().runs.stored(owner.id, "training", training) is None:
            await context.reader.fresh()
            await find_owner(context, owner)
        return training

    def look() -> RunId:
        there = [
            run
            for run, row in seen.snapshot.runs.all_stored(owner.id)
            if row.kind == "training" and row.status == "completed"
        ]
        if len(there) != 1:
            raise _not_one(seen.snapshot, owner, there)
        return there[0]

    return await context.executors.lists.run(look)


def _not_one(snapshot: Snapshot, owner: RunOwner, there: list[RunId]) -> Problem:
    """Return the problem of a request that names no training, where there is not exactly one."""
    if not there:
        detail = f"The {owner.kind} has no completed training: train first."
        errors = [{"pointer": "#/training", "detail": detail}]
        return Problem(422, "training-missing", "There is no training", detail, errors=errors)
    scores = _scores_of(snapshot, owner.id)
    lines = []
    for run in there[:_TOLD]:
        row = snapshot.runs.training(owner.id, run)
        estimator = "" if row is None else row.estimator
        lines.append(" ".join(filter(None, (run[:8], estimator, scores.get(run, "")))))
    more = f", of which these are {_TOLD}" if len(there) > _TOLD else ""
    return Problem(
        422,
        "training-ambiguous",
        "Several trainings may be meant",
        f"The {owner.kind} {owner.id[:8]} has {len(there)} completed trainings{more}: name one.",
        errors=[{"detail": line} for line in lines],
        known=there[:_TOLD],
    )


def _scores_of(snapshot: Snapshot, session: SessionId) -> dict[RunId, str]:
    """Return a result on held-out rows for each training that has one, such as `roc-auc 0.9132`."""
    found: dict[RunId, str] = {}
    evaluations = (
        (run, row)
        for run, row in snapshot.runs.all_stored(session)
        if row.kind == "evaluation" and row.status == "completed"
    )
    for run, stored in islice(evaluations, 5 * _TOLD):
        row = snapshot.runs.decrypted(session, run, stored)
        if isinstance(row, EvaluationRow) and row.held_out:
            numbers = {n: v for n, v in row.results.items() if isinstance(v, float)}
            best = next((name for name in (*_FIRST, *numbers) if name in numbers), None)
            if best is not None:
                found[row.training] = f"{best} {numbers[best]:.4f}"
    return found
