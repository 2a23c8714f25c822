"""Finds what a lineage is asked of: by a name, a version, or the start of an id."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from autolearn.api.http.problems import Problem, check_id
from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import (
    Level,
    dataset_level,
    level_of,
    model_level,
    pipeline_access,
)
from autolearn.api.services.lineage.kinds import level_on
from autolearn.api.services.lineage.requests import find_request
from autolearn.api.services.lineage.sight import Sight, Start
from autolearn.api.shared.authorization import forbidden
from autolearn.api.shared.dataset_checks import require_dataset
from autolearn.api.shared.id_prefixes import no_version, one_version, session_or_run
from autolearn.api.shared.models.checks import require_model, version_of
from autolearn.api.state.context import ApiContext
from autolearn.projections.lineage.edges import Ref
from autolearn.projections.queries.pipelines import runs_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.runtime.uuid7 import time_of
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.stream_kinds import KINDS, stream
from autolearn.schemas.work_kinds import OF_SESSIONS

_DATASET = ("dataset", "dataset-version")
_MODEL = ("model", "model-version")
_SESSION = ("session", "experiment")
_REQUESTS = "requests"
_PIPELINE = ("pipeline", "pipeline-run", "step")
_MOST_PIPELINES = 1_000
"""Pipelines among whose runs an id is looked up."""
ASKED = (
    *(*_DATASET, *_MODEL, *_SESSION, *OF_SESSIONS, *_PIPELINE),
    *("request", _REQUESTS, "table", "file"),
)
"""The kinds that a thing can be asked for with."""


class Thing(NamedTuple):
    """What was asked for: a stream by its kind and name, and what finds the thing in it.

    `find` runs at the moment of the question, in a thread. It returns None if the thing was not
    there, and may raise a Problem.
    """

    kind: str
    name: str
    find: Callable[[Sight], Start | None]


async def find_thing(context: ApiContext, who: Principal, given: str, kind: str = "") -> Thing:
    """Return the things of this name; without a `kind` whatever fits.

    Raises:
        Problem: nothing that the principal may see is called so (404), or several things (422).
    """
    name, at, rest = given.partition("@")
    if kind in _DATASET:
        await require_dataset(context, who, name, Level.READ)
        return _dataset(name, rest)
    if kind in (*_MODEL, _REQUESTS):
        await require_model(context, who, name, Level.READ)
        return _model(name, rest, requests=kind == _REQUESTS)
    if kind == "table":
        return Thing(kind, given, lambda sight: _table(sight, given))
    if kind in _PIPELINE:
        return await _of_pipeline(context, who, given, kind)
    if kind == "request":
        return await _request(context, who, rest or name, name if at else "")
    if kind:
        return await _by_id(context, who, given, kind)
    named = _named(context.queries.latest(), who, name)
    if not named and KINDS["dataset"].fits(name):
        await context.reader.fresh()
        named = _named(context.queries.latest(), who, name)
    if len(named) > 1 and rest:
        now = context.queries.now()
        named = await context.executors.lists.run(lambda: _with_version(now, name, rest)) or named
    if len(named) > 1:
        detail = f"{name} is a dataset and a model: ask for dataset/{given} or model/{given}."
        raise Problem(422, "ambiguous-name", "Several things are called so", detail)
    if named:
        return await find_thing(context, who, given, named[0])
    if time_of(given.lower()) is not None:
        return await _request(context, who, given.lower(), "")
    if at or not _is_start(given):
        raise _unknown(given)
    return await _by_id(context, who, given, "")


def _is_start(given: str) -> bool:
    return bool(given) and {*given.lower()} <= {*"0123456789abcdef-"} and len(given) <= 36


def _unknown(given: str) -> Problem:
    detail = (
        f"Nothing that you may see is called {given[:120]!r}: give a dataset (NAME or NAME@VERSION)"
        ", a model (NAME@NUMBER or NAME@ALIAS), or the start of the id of a session, experiment, "
        "run or request."
    )
    return Problem(404, "thing-unknown", "There is no such thing", detail)


def _named(now: Snapshot, who: Principal, name: str) -> list[str]:
    """Return whether a dataset, a model or both have this name, as far as one may see them."""
    if not KINDS["dataset"].fits(name):
        return []
    levels = {"dataset": dataset_level(who, now, name), "model": model_level(who, now, name)}
    return [kind for kind, level in levels.items() if level >= Level.READ]


def _with_version(now: Snapshot, name: str, rest: str) -> list[str]:
    """Return which of a dataset and a model has such a version (decrypts)."""
    model = now.models.get(name)
    number = int(rest) if rest.isdecimal() and len(rest) < 10 else 0
    in_model = model is not None and (rest in model.aliases or 0 < number <= model.versions)
    found = ["model"] if in_model else []
    return [*found, "dataset"] if one_version(now, name, rest) else found


def _dataset(name: str, rest: str) -> Thing:
    def find(sight: Sight) -> Start | None:
        snapshot = sight.at(stream("dataset", name))
        if not snapshot.catalog.has_dataset(name):
            return None
        version = one_version(snapshot, name, rest) if rest else None
        if rest and version is None:
            raise no_version(snapshot, name, rest)
        row = snapshot.catalog.dataset(name, version)
        return None if row is None else Start(Ref("dataset-version", name, row.spec.version))

    return Thing("dataset", name, find)


def _model(name: str, rest: str, *, requests: bool) -> Thing:
    def find(sight: Sight) -> Start | None:
        snapshot = sight.at(stream("model", name))
        model = snapshot.models.get(name)
        if model is None:
            return None
        newest = CHAMPION if model.champion else str(model.versions)
        number = version_of(snapshot, name, rest or newest)
        return Start(Ref("requests" if requests else "model-version", name, str(number)))

    return Thing("model", name, find)


async def _request(context: ApiContext, who: Principal, request: str, model: str) -> Thing:
    start = await find_request(context, who, request, model)
    return Thing("model", start.ref.within, lambda _: start)


def _table(sight: Sight, start: str) -> Start:
    found = sight.seen.lineage.tables(start)
    seen = [ref for ref in found if level_on(sight, ref) >= Level.READ]
    if len({ref.name for ref in seen}) > 1:
        detail = f"Several tables begin with {start[:64]}: give more of it."
        raise Problem(422, "ambiguous-id", "Several begin so", detail)
    if not seen:
        raise _unknown(start)
    return Start(seen[0])


async def _of_pipeline(context: ApiContext, who: Principal, given: str, kind: str) -> Thing:
    """Return a run of a pipeline, NAME@RUN or NAME for the newest; or a step, NAME@RUN:STEP."""
    name, _, rest = given.partition("@")
    start, _, step = rest.partition(":")
    pipeline = context.queries.latest().pipelines.stored(name)
    seen = pipeline_access(who, context.queries.latest(), name).level >= Level.READ
    if pipeline is None or not seen:
        raise _unknown(given)
    run = _run_of(context.queries.now(), name, start) if start else pipeline.last
    if not run or (kind == "step" and not step):
        raise _unknown(given)
    owner = runs_of(name)
    ref = Ref("step", f"{owner}/{run}", step) if step else Ref("pipeline-run", owner, run)
    return Thing("pipeline", name, lambda _: Start(ref))


def _run_of(now: Snapshot, name: str, start: str) -> str:
    """Return the run of a pipeline that begins so, "" for none.

    Raises:
        Problem: several begin so (422).
    """
    found = [*islice(now.runs.ids(runs_of(name), "pipeline", start.lower()), 2)]
    if len(found) > 1:
        detail = f"Several runs of {name} begin with {start[:36]}: give more of it."
        raise Problem(422, "ambiguous-id", "Several begin so", detail)
    return found[0] if found else ""


async def _pipeline_with(context: ApiContext, who: Principal, start: str) -> str:
    """Return NAME@RUN of a run of a pipeline that begins so, "" for none."""
    now = context.queries.now()
    names = now.pipelines.names(whose=None if who.everything else who.name)

    def look() -> str:
        for name in islice(names, _MOST_PIPELINES):
            if run := _run_of(now, name, start):
                return f"{name}@{run}"
        return ""

    return await context.executors.lists.run(look)


async def _by_id(context: ApiContext, who: Principal, given: str, kind: str) -> Thing:
    if not kind and (found := await _pipeline_with(context, who, given)):
        return await _of_pipeline(context, who, found, "pipeline-run")
    kinds = OF_SESSIONS if kind in ("", *_SESSION) else (kind,)
    if kind == "file":
        kinds = ("training", "prediction")
    session, run, of = await session_or_run(context, who, given, kinds)
    if level_of(who, context.queries.latest(), session) < Level.READ:
        raise forbidden("It is confidential.")
    check_id("session", session)
    ref = (
        Ref(kind if kind == "file" else of, session, run) if run else Ref("experiment", "", session)
    )
    return Thing("session", session, lambda _: Start(ref))
