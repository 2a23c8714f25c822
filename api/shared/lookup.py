"""Finds the resource of a path, or reports what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeVar

from autolearn.api.http.problems import Problem, check_id, committed, unreadable
from autolearn.api.shared.as_of import AsOfView, began, see
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.rows.runs import StoredRun
from autolearn.projections.time_travel.past import AsOfReader
from autolearn.schemas.rest.experiments import ExperimentRow
from autolearn.schemas.rest.sessions import SessionRow
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import RunId, SessionId, plural

T = TypeVar("T")


async def find(
    context: ApiContext,
    look: Callable[[Snapshot], T | None],
    as_of: str = "",
    load: Callable[[AsOfReader], None] = lambda _: None,
) -> tuple[AsOfView, T | None]:
    """Return the found thing, and the snapshot in which it was found.

    If it is missing now, this looks again when the whole log is folded. At a point of the past,
    `load` says what may be read.
    """
    seen = await see(context, as_of, load)
    found = look(seen.snapshot)
    if found is None and not as_of:
        await context.reader.fresh()
        seen = await see(context, as_of, load)
        found = look(seen.snapshot)
    return seen, found


async def find_session(context: ApiContext, session: SessionId, as_of: str = "") -> AsOfView:
    """Return a snapshot in which a session is open: now or at `as_of`.

    Raises:
        Problem: there is none; the location of the experiment, if it was committed.
    """
    check_id("session", session)
    seen = await see(context, as_of, lambda past: past.load_session(session))
    there = seen.snapshot.sessions.is_open(session)
    if not there and seen.snapshot.sessions.ended(session) is None and not as_of:
        await context.reader.fresh()
        seen = await see(context, "", lambda _: None)
        there = seen.snapshot.sessions.is_open(session)
    if not there:
        raise await _no_session_then(context, seen, session, as_of)
    return seen


def session_row(seen: AsOfView, session: SessionId) -> SessionRow:
    """Return a found session, decrypted (blocks). Raises the problem of an unreadable one."""
    row = seen.snapshot.sessions.get(session)
    assert row is not None, "it was found at this moment"
    if row.unreadable:
        raise unreadable()
    return row


def experiment_row(seen: AsOfView, experiment: SessionId) -> ExperimentRow:
    """Return a found experiment, as `session_row` does."""
    row = seen.snapshot.experiments.get(experiment)
    assert row is not None, "it was found at this moment"
    if row.unreadable:
        raise unreadable()
    return row


async def _no_session_then(
    context: ApiContext, seen: AsOfView, session: SessionId, as_of: str
) -> Problem:
    if as_of and seen.snapshot.sessions.ended(session) is None:
        problem = await _not_then(context, "session", session, "session-unknown")
        if problem is not None:
            return problem
    return _no_session(seen.snapshot, session)


async def absent(
    context: ApiContext, kind: str, name: str, as_of: str, problem: Problem
) -> Problem:
    """Return the problem of a name that does not exist, or did not exist yet at `as_of`."""
    return (as_of and await _not_then(context, kind, name, problem.kind)) or problem


async def _not_then(context: ApiContext, kind: str, name: str, problem: str) -> Problem | None:
    """Return the problem of something later than the requested point, if it was."""
    time = await began(context, stream(kind, name))
    if time is None:
        return None
    return Problem(
        404,
        problem,
        f"There was no such {kind} then",
        f"There was no {kind} {name} at that point: its first event came at {time}.",
        began=time,
    )


def _no_session(snapshot: Snapshot, session: SessionId) -> Problem:
    """Return the problem of a session that is not open."""
    ended = snapshot.sessions.ended(session)
    if ended is None:
        return Problem(
            404,
            "session-unknown",
            "There is no such session",
            f"There is no session {session}: GET /v1/sessions lists those that are open.",
        )
    if ended.how != "committed":
        return Problem(
            410,
            f"session-{ended.how}",
            f"The session is {ended.how}",
            f"It was {ended.how} at {ended.time}, and nothing of it was kept.",
        )
    return committed(session, status=404, since=ended.time)


async def find_experiment(context: ApiContext, experiment: SessionId, as_of: str = "") -> AsOfView:
    """Return a snapshot with an experiment, or raise the problem that there is none."""
    check_id("session", experiment, "experiment")
    seen, row = await find(
        context,
        lambda at: at.experiments.stored(experiment),
        as_of,
        lambda past: past.load_session(experiment),
    )
    if row is not None:
        return seen
    ended = seen.snapshot.sessions.ended(experiment)
    if ended is not None and ended.how == "deleted":
        raise Problem(
            410,
            "experiment-deleted",
            "The experiment is deleted",
            f"It was deleted at {ended.time}, and nothing of it was kept.",
        )
    if seen.snapshot.sessions.is_open(experiment):
        state = "was open then" if as_of else "is open"
        detail = f"The session {experiment} {state}, and not committed yet."
    else:
        if as_of and seen.snapshot.sessions.ended(experiment) is None:
            problem = await _not_then(context, "session", experiment, "experiment-unknown")
            if problem is not None:
                raise problem
        detail = f"There is no experiment {experiment}: GET /v1/experiments lists those there are."
    raise Problem(404, "experiment-unknown", "There is no such experiment", detail)


class RunOwner(NamedTuple):
    """The session or the experiment in whose path a run is; `kind` says which.

    A run that was asked for by a model is below the path `under`, of a version.
    """

    kind: Literal["session", "experiment"]
    id: SessionId
    under: str = ""

    @property
    def path(self) -> str:
        """Its path."""
        return self.under or f"/v1/{self.kind}s/{self.id}"


async def find_owner(context: ApiContext, owner: RunOwner, as_of: str = "") -> AsOfView:
    """Return a snapshot with a session that is open, or with an experiment.

    Raises:
        Problem: there is none.
    """
    find_it = find_session if owner.kind == "session" else find_experiment
    return await find_it(context, owner.id, as_of)


async def find_run(
    context: ApiContext, owner: RunOwner, kind: str, run: RunId, as_of: str = ""
) -> tuple[AsOfView, StoredRun]:
    """Return the state of a run, or raise the problem that there is none."""
    check_id("session", run, kind)
    seen = await find_owner(context, owner, as_of)
    row = seen.snapshot.runs.stored(owner.id, kind, run)
    if row is None and not as_of:
        await context.reader.fresh()
        seen = await find_owner(context, owner)
        row = seen.snapshot.runs.stored(owner.id, kind, run)
    if row is None:
        has = "had" if as_of else "has"
        raise Problem(
            404,
            "run-unknown",
            f"There {'was' if as_of else 'is'} no such {kind}{' then' if as_of else ''}",
            f"The {owner.kind} {has} no {kind} {run}: GET {owner.path}/{plural(kind)} lists them.",
        )
    return seen, row
