"""The changes between two points of the log: the rows of a stream before, and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct, to_builtins

from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.rest.history import Change
from autolearn.schemas.stream_kinds import owner_of_runs, stream
from autolearn.schemas.values import SessionId, StreamId
from autolearn.schemas.work_kinds import OF_PIPELINES

Fields = dict[str, Any]
Thing = tuple[str, str]
"""The kind of a thing, such as training, and its id."""


def _session_things(snapshot: Snapshot, name: str) -> Iterator[tuple[str, str, Struct | None]]:
    session = SessionId(name)
    yield "session", session, snapshot.sessions.get(session)
    yield "experiment", session, snapshot.experiments.get(session)
    yield "end of session", session, snapshot.sessions.ended(session)
    for reader in snapshot.sessions.readers(session):
        yield "reader", f"{session}/{reader.user}", reader


def _dataset_things(snapshot: Snapshot, name: str) -> Iterator[tuple[str, str, Struct | None]]:
    yield "dataset", name, snapshot.catalog.dataset(name)
    for _, row in snapshot.catalog.versions(name):
        yield "dataset version", f"{name}@{row.spec.version}", row
    for grant in snapshot.catalog.grants(name):
        yield "grant", f"{name}/{grant.user}", grant


def _user_things(snapshot: Snapshot, name: str) -> Iterator[tuple[str, str, Struct | None]]:
    yield "user", name, snapshot.users.get(name)
    for token in snapshot.users.tokens(name):
        yield "token", token.id, token
    yield from _quotas(snapshot, name)


def _quotas(snapshot: Snapshot, holder: str) -> Iterator[tuple[str, str, Struct | None]]:
    for quota in snapshot.users.quotas(holder):
        yield "quota", f"{holder}/{quota.name}", quota


def _group_things(snapshot: Snapshot, name: str) -> Iterator[tuple[str, str, Struct | None]]:
    group = snapshot.groups.get(name)
    yield "group", name, next(snapshot.groups.summaries([name]), None)
    for member in group.members if group else ():
        yield "member", f"{name}/{member.user}", member


def _model_things(snapshot: Snapshot, name: str) -> Iterator[tuple[str, str, Struct | None]]:
    yield "model", name, snapshot.models.get(name)
    for version in snapshot.models.versions(name):
        yield "model version", f"{name}@{version.version}", version
    for grant in snapshot.models.grants(name):
        yield "model grant", f"{name}/{grant.user}", grant
    for case in snapshot.models.cases(name):
        yield "model case", f"{name}/{case.number}", case


def _pipeline_things(snapshot: Snapshot, name: str) -> Iterator[tuple[str, str, Struct | None]]:
    yield "pipeline", name, snapshot.pipelines.get(name)
    for version in snapshot.pipelines.versions(name):
        yield "pipeline version", f"{name}@{version.number}", version
    for grant in snapshot.pipelines.grants(name):
        yield "pipeline grant", f"{name}/{grant.user}", grant
    yield from _quotas(snapshot, stream("pipeline", name))


THINGS: Mapping[str, Callable[[Snapshot, str], Iterator[tuple[str, str, Struct | None]]]] = {
    "session": _session_things,
    "dataset": _dataset_things,
    "estimator": lambda at, name: iter([("estimator", name, at.catalog.estimator(name))]),
    "metric": lambda at, name: iter([("metric", name, at.catalog.metric(name))]),
    "step": lambda at, name: iter([("step", name, at.catalog.step(name))]),
    "user": _user_things,
    "group": _group_things,
    "model": _model_things,
    "pipeline": _pipeline_things,
}
"""The things of each kind of stream, the runs of sessions and pipelines aside."""


def _things_of(snapshot: Snapshot, stream: StreamId) -> dict[Thing, Fields]:
    kind, _, name = stream.partition("/")
    found = THINGS[kind](snapshot, name)
    return {(what, at): _fields_of(row) for what, at, row in found if row is not None}


def _fields_of(row: Struct) -> Fields:
    fields: Fields = to_builtins(row)
    return {**fields.pop("spec", {}), **fields}


def changes_of(stream: StreamId, before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """Yield the changes of a stream between two moments, both of which have it.

    A session's runs may be many and large, so one is read at a time.
    """
    was, now = _things_of(before, stream), _things_of(after, stream)
    for thing in {**was, **now}:
        if was.get(thing) != now.get(thing):
            yield _difference(stream, thing, was.get(thing), now.get(thing))
    if not stream.startswith(("session/", "pipeline/")):
        return
    session = owner_of_runs(stream)
    runs = {**dict(before.runs.kinds(session)), **dict(after.runs.kinds(session))}
    for run, work in runs.items():
        rows = (snapshot.runs.of_any(session, work, run) for snapshot in (before, after))
        earlier, later = (None if row is None else _fields_of(row) for row in rows)
        if earlier != later:
            what = f"{work} run" if work in OF_PIPELINES else work
            yield _difference(stream, (what, run), earlier, later)


def _difference(stream: StreamId, thing: Thing, was: Fields | None, now: Fields | None) -> Change:
    """Return the change of one thing that differs."""
    if was is None or now is None:
        return Change(stream, *thing, "added" if was is None else "removed", was, now)
    names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    return Change(
        stream,
        *thing,
        "changed",
        {name: was[name] for name in names if name in was},
        {name: now[name] for name in names if name in now},
    )
