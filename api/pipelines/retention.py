"""What stays of ended runs: as many as the pipeline keeps, and those that others descend from."""

from __future__ import annotations

import time

import structlog

from autolearn.api.http.problems import Problem
from autolearn.api.pipelines.run import ConductedRun
from autolearn.api.services.pipelines.step_cache import made_by
from autolearn.projections.queries.pipelines import runs_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.runtime.timestamps import millis
from autolearn.schemas.commands import ForgetRuns
from autolearn.schemas.pipelines.definition import kept_days, kept_runs
from autolearn.schemas.values import RunId

_AT_ONCE = 100
"""Runs that are forgotten by one command."""
_TOGETHER = 100
"""One in so many runs may stay longer: to find and to forget them reads all runs."""
_DAY_MS = 86_400_000
log = structlog.stdlib.get_logger("autolearn.pipelines")


async def forget_old(by: ConductedRun) -> None:
    """Forget the runs that the pipeline keeps no longer."""
    keep = by.definition.keep
    now, executors = by.context.queries.now(), by.context.executors
    old = await executors.lists.run(lambda: _old_runs(now, by.pipeline, keep, time.time() * 1000))
    if not old:
        return
    try:
        await by.commands.conduct(by.stream, ForgetRuns(tuple(old[:_AT_ONCE])), "forget")
    except Problem as problem:  # one of them is not ended, or forgotten already
        log.info("no run is forgotten now", pipeline=by.pipeline, why=str(problem.detail))


def _old_runs(snapshot: Snapshot, pipeline: str, keep: str, now: float) -> list[RunId]:
    """Return the ended runs that are not kept, the oldest first (`now` in ms since 1970).

    A run stays whose results another one has taken from the cache, or whose experiment a version
    of a model needs.
    """
    owner = runs_of(pipeline)
    newest = [run for _, run in snapshot.pipelines.newest_runs(pipeline)]
    ended = [
        (run, row)
        for run in reversed(newest)
        if (row := snapshot.runs.stored(owner, "pipeline", run)) is not None
        and row.ended is not None
    ]
    many, days = kept_runs(keep), kept_days(keep)
    beyond = ended[: max(0, len(ended) - many)] if many is not None else ended
    if days is not None:
        beyond = [(run, row) for run, row in beyond if now - millis(row.requested) > days * _DAY_MS]
    old = [run for run, _ in beyond]
    if len(old) <= len(ended) // _TOGETHER:
        return []
    needed: set[RunId] = set()
    for run, _ in ended:
        told = snapshot.pipelines.outcomes(pipeline, run)
        used = {made_by(run, outcome) for outcome, _ in told.values()}
        if run not in old:
            needed |= used
        elif any(_is_needed(snapshot, outcome.gave.session) for outcome, _ in told.values()):
            needed |= {run, *used}
    return [run for run in old if run not in needed]


def _is_needed(snapshot: Snapshot, session: str) -> bool:
    """Return whether a version of a model comes from an experiment."""
    return bool(session) and any(True for _ in snapshot.models.of_experiment(session))  # type: ignore[arg-type]
