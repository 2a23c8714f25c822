"""The process of its own that a step of a pipeline had: what it was to do, and how it ended."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import Who
from autolearn.api.services.pipelines.checks import require_run
from autolearn.api.services.pipelines.kinds import step_run_id
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.pipelines import runs_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.bounds import listed
from autolearn.schemas.pipelines.results import StepOutcome
from autolearn.schemas.rest.runs import StepRunRow
from autolearn.schemas.values import NO_RUN, RunId

Part = Annotated[str, Query(max_length=20, description="A time ahead, such as 1h.")]


def add_step_run_route(routes: APIRouter, context: ApiContext) -> None:
    """Add the route to a router."""

    @routes.get(
        "/v1/pipeline-runs/{pipeline_run}/steps/{step}/run", responses=answers({200: StepRunRow})
    )
    async def see_run_of_step(pipeline_run: str, step: str, who: Who, part: Part = "") -> Response:
        """Show the process of a step: all that it was to do, and the environment that it had.

        That of a step from the cache is the one that made the result. A step that predicts several
        times ahead has a process for each: that of the last one, or of a `part`.
        """
        name, found = await require_run(context, who, pipeline_run)
        now = context.queries.now()
        row = await context.executors.lists.run(lambda: _run_of_step(now, name, found, step, part))
        if row is None:
            names = await context.executors.lists.run(lambda: _with_run(now, name, found))
            where = f"/v1/pipeline-runs/{found}"
            what = f"process for {part}" if part else "process of its own"
            there = f"those with one are {listed(names)}" if names else "no step of the run has one"
            detail = f"The step {step[:100]!r} has no {what}: {there}. See {where}."
            raise Problem(404, "step-without-process", "The step has had no process", detail)
        return json(row)


def _run_of_step(
    now: Snapshot, name: str, run: RunId, step: str, part: str = ""
) -> StepRunRow | None:
    """Return the last attempt of a step, or of a part, None if it had no process (decrypts)."""
    told = now.pipelines.outcomes(name, run).get(step)
    if told is not None and told[0].made_by != NO_RUN:
        run = told[0].made_by
        made = _of_key(now, name, run, told[0])
        if made is None:
            return None
        step = made.step
    found, attempt = None, 0
    while True:
        own = step_run_id(run, step, attempt, part)
        row = now.runs.of_any(runs_of(name), "step", own)
        if not isinstance(row, StepRunRow):
            return found
        found, attempt = row, attempt + 1


def _of_key(now: Snapshot, name: str, run: RunId, cached: StepOutcome) -> StepOutcome | None:
    """Return the outcome of a run whose result another one has taken from the cache."""
    ends = (end for end, _ in now.pipelines.outcomes(name, run).values())
    return next((end for end in ends if end.key == cached.key), None)


def _with_run(now: Snapshot, name: str, run: RunId) -> list[str]:
    steps = now.pipelines.outcomes(name, run)
    return [step for step in steps if _run_of_step(now, name, run, step) is not None]
