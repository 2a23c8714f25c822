"""The step that registers what was chosen as a version of a model, and promotes it."""

from __future__ import annotations

from msgspec.structs import replace

from autolearn.api.http.problems import Problem
from autolearn.api.pipelines.gate import Gate
from autolearn.api.pipelines.run import ConductedRun, StepFailed, StepWork
from autolearn.schemas.commands import CommitSession
from autolearn.schemas.pipelines.results import StepGave
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import SessionId


async def commit(by: ConductedRun, session: SessionId) -> None:
    """Commit a session, once; all its completed trainings are kept.

    It is that of the run, or of one before it that has failed, whose trainings came from the cache.
    """
    latest, at, tried = by.context.queries.latest(), stream("session", session), 0
    async with by.opening:
        while latest.sessions.is_open(session):
            try:
                await by.commands.act(at, CommitSession(None), "commit", session, tried)
            except Problem as problem:
                if problem.kind != "run-active":
                    raise
                await by.until_idle(session)  # another run evaluates in it, too
                tried += 1
        if session == by.session:
            by.committed = by.context.queries.latest().sessions.is_committed(session)


async def promote(by: ConductedRun, work: StepWork) -> StepGave:
    """Register the chosen training as a version of a model, and let it answer if it may.

    That of a horizon becomes a version of `<model>-<horizon>`, such as load-1h. A version that
    does not meet what is required is registered, and not promoted. Before anything is registered,
    the versions that it is compared with are measured on its rows.

    Raises:
        StepFailed: more than one training is there, and none was chosen, or a version that it is
            compared with was not measured for another reason than that it does not fit.
        Problem: it is refused.
    """
    given = work.first(lambda gave: gave.trainings)
    if not given.chosen:
        raise StepFailed("there are several models: a compare step chooses the one to promote")
    gates = [
        Gate(by, work, horizon, given.session, training)
        for horizon, training in given.chosen.items()
    ]
    for gate in gates:
        await gate.measure()
    await commit(by, given.session)
    gave = given.models
    for gate in gates:
        number, notes = await gate.pass_through()
        if gate.horizon:
            notes = (*gave.notes, *(f"{gate.model}: {note}" for note in notes))
            versions = {**gave.versions, gate.model: number}
            gave = replace(gave, versions=versions, bests=given.chosen, notes=notes)
        else:
            best = gate.training
            gave = replace(gave, model=gate.model, version=number, best=best, notes=notes)
    return gave
