"""Resolves the starts of ids, as tables print them: of sessions, experiments, runs and versions.

A start is looked up among the ids that the principal may know. An ambiguous start is refused, with
its first ids.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, TypeVar

from autolearn.api.http.problems import Problem, malformed_id
from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import Level, level_of
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.queries.runs import RunQueries
from autolearn.schemas.bounds import IDS_OF_START
from autolearn.schemas.rest.runs import TrainingRow
from autolearn.schemas.stream_kinds import KINDS
from autolearn.schemas.values import RunId, SessionId, StreamId, plural

_START = re.compile(r"[0-9a-f-]{1,36}")
_WHOLE_VERSION = 64
_WORDS = "an id such as 0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90, or the start of one"
T = TypeVar("T", bound=str)
_SEARCHED = 500
"""The newest sessions, and the newest experiments, in which a training is looked up."""
_TOLD = 10
"""Ids that an answer names."""


async def whole_session(
    context: ApiContext, who: Principal, given: str, called: str = "session"
) -> SessionId:
    """Return the id of the session or experiment with this start; existing ones come first.

    Raises:
        Problem: it is malformed, or no id (404) or more than one (422) has it.
    """
    start = SessionId(_lowered(given, called))
    if KINDS["session"].fits(start):
        return start

    def look(snapshot: Snapshot) -> list[SessionId]:
        ids = [
            one
            for one in _bounded(snapshot.sessions.ids_with(start), given)
            if level_of(who, snapshot, one) > Level.NOTHING
        ]
        open_, kept = snapshot.sessions.is_open, snapshot.experiments.has
        return [one for one in ids if open_(one) or kept(one)] or ids

    found = await _looked(context, look)
    if not found:
        raise Problem(
            404,
            f"{called}-unknown",
            f"There is no such {called}",
            f"No {called} of yours begins with {given}: GET /v1/{called}s lists them.",
        )
    return _only(found, given, f"{called}s")


async def session_or_training(
    context: ApiContext, who: Principal, given: str
) -> tuple[SessionId, RunId | None]:
    """Return the session or experiment with this start, or a training and its own.

    Trainings are looked up in the newest sessions and experiments that the principal may read.

    Raises:
        Problem: it is malformed, or no id (404) or more than one (422) has it.
    """
    session, run, _ = await session_or_run(context, who, given, ("training",))
    return session, run


async def session_or_run(
    context: ApiContext, who: Principal, given: str, kinds: Sequence[str]
) -> tuple[SessionId, RunId | None, str]:
    """Return the answer of `session_or_training` for a run of these kinds, and its kind."""
    last = kinds[-1]
    what = ", ".join(["session", "experiment", *kinds[:-1]]) + f" or {last}"
    start = _lowered(given, what)

    def look(snapshot: Snapshot) -> list[str]:
        of_start = _bounded(snapshot.sessions.ids_with(SessionId(start)), given)
        there = [one for one in of_start if _is_there(who, snapshot, one)]
        if there:
            return list(there)
        whose = None if who.everything else who.name
        newest = (snapshot.sessions.ids(None, whose), snapshot.experiments.ids(None, whose))
        return [
            f"{run} {session} {kind}"
            for session in chain.from_iterable(islice(ids, _SEARCHED) for ids in newest)
            for kind in kinds
            for run in snapshot.runs.ids(session, kind, start)
        ]

    found = await _looked(context, look)
    if not found:
        code = "session-or-training" if kinds == ("training",) else "thing"
        raise Problem(
            404,
            f"{code}-unknown",
            f"There is no such {what}",
            f"No {what} of yours begins with {given}: GET /v1/sessions and /v1/experiments list "
            f"the former; {', '.join(map(plural, kinds))} of the newest {_SEARCHED} of each are "
            "looked up.",
        )
    first, _, rest = _only(found, given, "ids").partition(" ")
    session, _, kind = rest.partition(" ")
    return (SessionId(session), RunId(first), kind) if rest else (SessionId(first), None, "")


def _is_there(who: Principal, snapshot: Snapshot, session: SessionId) -> bool:
    """Return whether a session or experiment is known to the principal, and has not ended."""
    there = snapshot.sessions.is_open(session) or snapshot.experiments.has(session)
    return there and level_of(who, snapshot, session) > Level.NOTHING


async def whole_stream(context: ApiContext, who: Principal, stream: str) -> StreamId:
    """Return the name of a stream, whose session id may be a start; others unchanged.

    Raises:
        Problem: as `whole_session`.
    """
    kind, _, name = stream.partition("/")
    if kind != "session" or not _START.fullmatch(name.lower()):
        return StreamId(stream)
    return StreamId(f"session/{await whole_session(context, who, name)}")


async def whole_run(
    context: ApiContext, session: SessionId, kind: str, given: str, pointer: str | None = None
) -> RunId:
    """Return the id of the run of a session or experiment with this start.

    With the `pointer` to its name in a body, the body is wrong (422).

    Raises:
        Problem: it is malformed, or no id or more than one (422) has it.
    """
    start = RunId(_lowered(given, kind))
    if KINDS["session"].fits(start):
        return start
    found = await _looked(
        context, lambda snapshot: list(_bounded(snapshot.runs.ids(session, kind, start), given))
    )
    if not found:
        runs = context.queries.now().runs
        some = await context.executors.lists.run(lambda: _first_runs(runs, session, kind))
        where = f"GET /v1/sessions/{session}/{plural(kind)} lists them."
        detail = f"No {kind} of this session begins with {given}. It has {some}: {where}"
        raise Problem(
            404 if pointer is None else 422,
            "run-unknown" if pointer is None else f"unknown-{kind}",
            f"There is no such {kind}",
            detail,
            **_at(pointer, detail),
        )
    return _only(found, given, plural(kind))


def _first_runs(runs: RunQueries, session: SessionId, kind: str) -> str:
    """Return the short ids of some runs, trainings with their estimators (decrypts)."""
    ids = list(islice((run for run, work in runs.kinds(session) if work == kind), _TOLD + 1))
    rows = (runs.get(session, kind, one) for one in ids[:_TOLD])
    shown = [
        f"{row.id[:8]} {row.estimator}" if isinstance(row, TrainingRow) else row.id[:8]
        for row in rows
        if row is not None
    ]
    return (", ".join(shown) or "none") + (" and more" if len(ids) > _TOLD else "")


def one_version(snapshot: Snapshot, name: str, start: str) -> str | None:
    """Return the version of a dataset with this start; None if there is none. It may decrypt.

    Raises:
        Problem: more than one has it (422).
    """
    if len(start) >= _WHOLE_VERSION:
        return start if snapshot.catalog.has_version(name, start) else None
    low = start.lower()
    found = [one for one in snapshot.catalog.version_names(name) if start and one.startswith(low)]
    return _only(found, start, f"versions of {name}") if found else None


def no_version(snapshot: Snapshot, name: str, start: str, pointer: str | None = None) -> Problem:
    """Return the problem of an unknown version of a dataset, with the known ones."""
    versions = snapshot.catalog.version_names(name)
    some = ", ".join(one[:8] for one in versions[:_TOLD])
    more = f" and {len(versions) - _TOLD} more" if len(versions) > _TOLD else ""
    detail = (
        f"No version of {name} begins with {start[:_WHOLE_VERSION]!r}. There are {some}{more}: see "
        f"/v1/catalog/datasets/{name}/versions."
    )
    return Problem(
        404 if pointer is None else 422,
        "unknown-version",
        "There is no such version",
        detail,
        known=versions[:100],
        **_at(pointer, detail),
    )


def _at(pointer: str | None, detail: str) -> dict[str, Any]:
    """Return the member of a problem for the place of the fault in a body."""
    return {} if pointer is None else {"errors": [{"pointer": pointer, "detail": detail}]}


def _lowered(given: str, called: str) -> str:
    """Return the start of an id in lower case. Raises the problem of a malformed one."""
    start = given.lower()
    if not _START.fullmatch(start):
        raise malformed_id(called, given, _WORDS)
    return start


async def _looked(context: ApiContext, look: Callable[[Snapshot], list[T]]) -> list[T]:
    """Return the found ids; if there are none, look again with the whole log folded."""
    for again in (False, True):
        if again:
            await context.reader.fresh()
        snapshot = context.queries.now()
        if found := await context.executors.lists.run(partial(look, snapshot)):
            break
    return found


def _bounded(ids: Iterable[T], given: str) -> Iterable[T]:
    for number, one in enumerate(islice(ids, IDS_OF_START + 1)):
        if number == IDS_OF_START:
            raise _ambiguous(f"More than {IDS_OF_START:,} ids begin with {given}: give more of it.")
        yield one


def _only(found: list[T], given: str, called: str) -> T:
    if len(found) == 1:
        return found[0]
    more = f" and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    some = ", ".join(found[:_TOLD])
    raise _ambiguous(
        f"{given} is the start of {len(found)} {called}: {some}{more}. Give more of it.",
        known=found[:_TOLD],
    )


def _ambiguous(detail: str, **members: Any) -> Problem:
    return Problem(422, "ambiguous-id", "Several begin so", detail, **members)
