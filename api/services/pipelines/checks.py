"""Checks a principal's level on a pipeline, and finds its versions and runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from operator import attrgetter

from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import Level, pipeline_access
from autolearn.api.shared.as_of import AsOfView, present, see
from autolearn.api.shared.named.things import Named, require_named, unknown_named
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.pipelines import runs_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.rows.runs import StoredRun
from autolearn.schemas.pipelines.faults import PipelineInvalid
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import RunId

_MOST = 100
"""Runs that are looked at for the start of an id."""
_SHORTEST = 4
"""Characters of the start of an id."""
PIPELINE = Named(
    "pipeline",
    attrgetter("pipelines"),
    "removed",
    {
        Level.WORK: "It is for those who may work with it (pipeline share --may work).",
        Level.OWN: "It is the owner's.",
    },
)
require_pipeline = partial(require_named, PIPELINE)
unknown_pipeline = partial(unknown_named, PIPELINE)


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
    name, run = _only(found, given)
    await require_pipeline(context, who, name, needed)
    return name, run


async def find_run(
    context: ApiContext, who: Principal, given: str, as_of: str
) -> tuple[str, RunId, AsOfView]:
    """Return a run as `require_run` does, and a snapshot with it: now, or at `as_of`.

    Raises:
        Problem: there was none then; or as `require_run`.
    """
    if not as_of:
        return *await require_run(context, who, given), present(context)
    now = context.queries.latest()
    known = {name for name, _ in _runs_from(now, who, given)}  # unless forgotten since
    seen = await see_pipelines(context, known or readable(now, who), as_of)
    name, run = _only(_runs_from(seen.snapshot, who, given, now), given)
    return name, run, seen


async def see_pipelines(context: ApiContext, names: Iterable[str], as_of: str) -> AsOfView:
    """Return a snapshot with these pipelines: now, or at `as_of`."""
    return await see(
        context, as_of, lambda past: past.load(*(stream("pipeline", name) for name in names))
    )


def readable(now: Snapshot, who: Principal) -> Iterator[str]:
    """Yield the names of the pipelines whose runs a principal may see."""
    return now.pipelines.names(whose=None if who.everything else who.name)


def _only(found: Sequence[tuple[str, RunId]], given: str) -> tuple[str, RunId]:
    """Return the only one of the runs that were found, or raise the problem that it is not."""
    if not found:
        detail = (
            f"There is no run {given[:100]!r} of a pipeline: GET /v1/pipeline-runs lists yours."
        )
        raise Problem(404, "run-unknown", "There is no such run", detail)
    if len(found) > 1:
        some = ", ".join(run[:13] for _, run in found[:5])
        detail = f"{given} is the start of more than one id: {some}. Give more of it."
        raise Problem(409, "id-ambiguous", "More than one run begins so", detail)
    return found[0]


def _runs_from(
    seen: Snapshot, who: Principal, given: str, now: Snapshot | None = None
) -> list[tuple[str, RunId]]:
    """Return the runs whose ids begin so, of pipelines that one may see by the grants of `now`."""
    if len(given) < _SHORTEST:
        return []
    found, now = islice(seen.pipelines.run_ids(given.lower()), _MOST), now or seen
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
