"""Service `comparisons`: trainings of sessions and experiments beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.problems import Problem, unreadable
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.identity.visibility import Level, level_of
from autolearn.api.services.comparisons.compare import compare
from autolearn.api.shared.as_of import AsOf, AsOfView, see
from autolearn.api.shared.authorization import forbidden
from autolearn.api.shared.id_prefixes import session_or_training
from autolearn.api.shared.lookup import find_session, session_row
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.compared_runs import (
    EvaluationToCompare,
    TrainingToCompare,
    runs_to_compare,
)
from autolearn.projections.time_travel.past import AsOfReader
from autolearn.schemas.bounds import COMPARED, COMPARED_RUNS, COMPARED_TRAININGS, LONGEST_NAME
from autolearn.schemas.rest.comparisons import ComparedOwner, TrainingComparison
from autolearn.schemas.values import RunId, SessionId

Of = Annotated[
    list[str],
    Query(
        min_length=1,
        max_length=COMPARED,
        description="Ids of sessions, experiments or trainings, or their starts; may be repeated.",
    ),
]
Sort = Annotated[str, Query(max_length=LONGEST_NAME, description="A metric: the best come first.")]
On = Annotated[
    str,
    Query(
        max_length=LONGEST_NAME,
        description="NAME or NAME@VERSION of a dataset instead of the held-out rows.",
    ),
]
_Chosen = dict[SessionId, set[RunId] | None]
"""The sessions and experiments, each with the trainings to compare; None: all of them."""


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(prefix="/v1/compare", tags=["comparisons"])

    @routes.get("", responses=answers({200: TrainingComparison}, "AutoLearn-Position"))
    async def compare_trainings(
        who: Who, of: Of, sort: Sort = "", on: On = "", as_of: AsOf = ""
    ) -> Response:
        """Compare the trainings of sessions and experiments, or single ones."""
        chosen: _Chosen = {}
        for one in dict.fromkeys(of):
            session, training = await session_or_training(context, who, one)
            _check_readable(context, who, session)
            only = chosen.setdefault(session, set())
            if training is None:
                chosen[session] = None
            elif only is not None:
                only.add(training)
        seen = await _seen(context, chosen, as_of)

        def compared() -> Response:
            owners = [_owner(seen, session) for session in chosen]
            specs = context.queries.now().catalog.metrics()
            directions = {row.spec.name: row.spec.greater_is_better for row in specs}
            found = compare(
                owners, _runs(seen, chosen), directions, on=on or None, sort=sort or None
            )
            return json(found, headers=seen.headers)

        return await context.executors.lists.run(compared)

    return routes


def _check_readable(context: ApiContext, who: Principal, session: SessionId) -> None:
    """Raise a problem unless the principal may read a session of which it knows."""
    if level_of(who, context.queries.latest(), session) < Level.READ:
        raise forbidden("It is confidential.")


async def _seen(context: ApiContext, chosen: _Chosen, as_of: str) -> AsOfView:
    """Return the moment of the comparison, at which all sessions or experiments are there."""

    def load(past: AsOfReader) -> None:
        for session in chosen:
            past.load_session(session)

    seen = await see(context, as_of, load)
    for session in chosen:
        there = seen.snapshot.sessions.is_open(session) or seen.snapshot.experiments.has(session)
        if not there:
            await find_session(context, session, as_of)  # reports what became of it
    return seen


def _owner(seen: AsOfView, session: SessionId) -> ComparedOwner:
    """Return a session or experiment (decrypts). Raises the problem of an unreadable one."""
    if seen.snapshot.sessions.is_open(session):
        title, at = session_row(seen, session).title, f"/v1/sessions/{session}"
        return ComparedOwner(session, "session", title, {"self": at})
    row, at = seen.snapshot.experiments.stored(session), f"/v1/experiments/{session}"
    opened = None if row is None else seen.snapshot.sessions.opened(session, row)
    if opened is None:
        raise unreadable()
    return ComparedOwner(session, "experiment", opened.title, {"self": at})


def _runs(seen: AsOfView, chosen: _Chosen) -> Iterator[TrainingToCompare | EvaluationToCompare]:
    """Yield the runs to compare. Raises the problem of too many."""
    trainings = runs = 0
    for session, only in chosen.items():
        for run in runs_to_compare(seen.snapshot, session, only):
            runs, trainings = runs + 1, trainings + isinstance(run, TrainingToCompare)
            if runs > COMPARED_RUNS or trainings > COMPARED_TRAININGS:
                raise Problem(
                    422,
                    "too-much-to-compare",
                    "That is too much to compare",
                    f"One comparison has at most {COMPARED_TRAININGS:,} trainings, and reads "
                    f"{COMPARED_RUNS:,} of them and their evaluations: name fewer.",
                )
            yield run
