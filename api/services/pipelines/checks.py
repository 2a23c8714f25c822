"""Checks a principal's level on a pipeline, and finds its versions and runs."""

from __future__ import annotations

from itertools import islice

from autolearn.api.http.problems import Problem, check_id, unknown
from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import Level, pipeline_access
from autolearn.api.shared.authorization import forbidden
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.pipelines import runs_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.rows.runs import StoredRun
from autolearn.schemas.errors import REASONS
from autolearn.schemas.pipelines.faults import PipelineInvalid
from autolearn.schemas.values import RunId

_KNOWN = 100
"""Known names that a problem lists."""
_SHORTEST = 4
"""Characters of the start of an id."""
_NEEDED = {
    Level.WORK: "It is for those who may work with it (pipeline share --may work).",
    Level.OWN: "It is the owner's.",
}


async def require_pipeline(context: ApiContext, who: Principal, name: str, needed: Level) -> str:
    """Return the group whose grant gives a principal the required level, "" for none.

    Raises:
        Problem: the level is less; or there is none (404, not 403, so that the existence of other
        users' pipelines is not disclosed).
    """
    check_id("pipeline", name)
    level, via = pipeline_access(who, context.queries.latest(), name)
    if level < needed or (via and needed > Level.READ):
        # It may have been applied or shared just now, or the membership have ended, through
        # another process.
        await context.reader.fresh()
        level, via = pipeline_access(who, context.queries.latest(), name)
    row = context.queries.latest().pipelines.stored(name)
    if level is Level.NOTHING or row is None:
        raise unknown_pipeline(context, who, name)
    if row.removed and level >= Level.READ:
        reason = REASONS["pipeline-removed"]
        detail = f"The pipeline {name} was removed at {row.removed}."
        raise Problem(reason.status, "pipeline-removed", reason.title, detail)
    if level < needed:
        raise forbidden("It is confidential." if level is Level.ACTIVITY else _NEEDED[needed])
    return via


def unknown_pipeline(context: ApiContext, who: Principal, name: str) -> Problem:
    """Return the problem of a pipeline that does not exist for the principal."""
    now = context.queries.now()
    known = now.pipelines.names(whose=None if who.everything else who.name)
    return unknown("pipeline", name, islice(known, _KNOWN), "/v1/pipelines")


async def require_run(
    context: ApiContext, who: Principal, given: str, needed: Level = Level.READ
) -> tuple[str, RunId]:
    """Return the pipeline and the id of a run, given by its id or the start of one.

    Raises:
        Problem: there is none that the principal may see (404), or more than one (409).
    """
    found = _runs_from(context.queries.latest(), who, given)
    if not found:
        await context.reader.fresh()
        found = _runs_from(context.queries.latest(), who, given)
    if not found:
        detail = (
            f"There is no run {given[:100]!r} of a pipeline: GET /v1/pipeline-runs lists yours."
        )
        raise Problem(404, "run-unknown", "There is no such run", detail)
    if len(found) > 1:
        some = ", ".join(run[:13] for _, run in found[:5])
        detail = f"{given} is the start of more than one id: {some}. Give more of it."
        raise Problem(409, "id-ambiguous", "More than one run begins so", detail)
    name, run = found[0]
    await require_pipeline(context, who, name, needed)
    return name, run


def _runs_from(now: Snapshot, who: Principal, given: str) -> list[tuple[str, RunId]]:
    if len(given) < _SHORTEST:
        return []
    found = islice(now.pipelines.run_ids(given.lower()), _KNOWN)
    return [
        (name, run) for run, name in found if pipeline_access(who, now, name).level >= Level.READ
    ]


def stored_run(now: Snapshot, name: str, run: RunId) -> StoredRun:
    """Return the row of a run that was found."""
    row = now.runs.stored(runs_of(name), "pipeline", run)
    assert row is not None, "it was found at this moment"
    return row


def invalid(error: PipelineInvalid) -> Problem:
    """Return the problem of a file that declares no pipeline, with the place of each fault."""
    errors = [
        {
            "pointer": f"#{fault.pointer}",
            "detail": fault.detail,
            **({"line": fault.line, "column": fault.column} if fault.line else {}),
        }
        for fault in error.faults
    ]
    return Problem(422, "pipeline-invalid", error.title, error.detail, errors=errors)
