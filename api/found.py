"""Finding what a path names, or saying what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from autolearn.api.facade import Facade
from autolearn.api.problems import Problem, check_id
from autolearn.projections.models import ExperimentRow, RunRow, SessionRow
from autolearn.projections.queries import Moment

__all__ = ["find", "find_experiment", "find_run", "find_session", "no_session"]

T = TypeVar("T")


async def find(facade: Facade, look: Callable[[Moment], T | None]) -> tuple[Moment, T | None]:
    """Return what is looked for, and the moment at which it was found.

    If it is not there, this looks again when the read models hold all that is on the log by now.
    """
    moment = facade.queries.now()
    found = look(moment)
    if found is None:
        await facade.fresh()
        moment = facade.queries.now()
        found = look(moment)
    return moment, found


async def find_session(facade: Facade, session: str) -> tuple[Moment, SessionRow]:
    """Return an open session.

    Raises:
        Problem: there is none; where it is now, if it was committed.
    """
    check_id("session", session)
    moment = facade.queries.now()
    row = moment.session(session)
    if row is None:
        if moment.ended(session) is None:
            await facade.fresh()
            moment = facade.queries.now()
            row = moment.session(session)
        if row is None:
            raise no_session(moment, session)
    return moment, row


def no_session(moment: Moment, session: str) -> Problem:
    """Return the problem of a session that is not open."""
    ended = moment.ended(session)
    if ended is None:
        return Problem(
            404,
            "session-unknown",
            "There is no such session",
            f"There is no session {session}: GET /v1/sessions lists those that are open.",
        )
    if ended.how == "discarded":
        return Problem(
            410,
            "session-discarded",
            "The session is discarded",
            f"It was discarded at {ended.time}, and nothing of it was kept.",
        )
    at = f"/v1/experiments/{session}"
    return Problem(
        404,
        "session-committed",
        "The session is committed",
        f"It was committed at {ended.time} and is an experiment since then: see {at}.",
        experiment=at,
    )


async def find_experiment(facade: Facade, experiment: str) -> tuple[Moment, ExperimentRow]:
    """Return an experiment, or raise the problem that there is none."""
    check_id("session", experiment, "experiment")
    moment, row = await find(facade, lambda at: at.experiment(experiment))
    if row is None:
        still = moment.session(experiment) is not None
        raise Problem(
            404,
            "experiment-unknown",
            "There is no such experiment",
            f"The session {experiment} is open, and not committed yet."
            if still
            else f"There is no experiment {experiment}: GET /v1/experiments lists those there are.",
        )
    return moment, row


async def find_run(facade: Facade, session: str, kind: str, run: str) -> tuple[Moment, RunRow]:
    """Return a run of an open session, or raise the problem that there is none."""
    check_id("session", run, kind)
    moment, _ = await find_session(facade, session)
    row = moment.run(session, kind, run)
    if row is None:
        await facade.fresh()
        moment, _ = await find_session(facade, session)
        row = moment.run(session, kind, run)
    if row is None:
        raise Problem(
            404,
            "run-unknown",
            f"There is no such {kind}",
            f"The session has no {kind} {run}: GET /v1/sessions/{session}/{kind}s lists them.",
        )
    return moment, row
