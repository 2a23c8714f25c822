"""Models and pipelines, by their names: who may do what, one of them, and lists of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, NamedTuple

from fastapi import Request
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.pagination import from_token, next_link, page_of
from autolearn.api.http.problems import Problem, check_id, unknown
from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import Level, named_access
from autolearn.api.shared.as_of import AsOfView, require_now, see
from autolearn.api.shared.authorization import forbidden
from autolearn.api.shared.lookup import absent
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.time_travel.past import AsOfReader
from autolearn.schemas.errors import REASONS
from autolearn.schemas.rest.page import Page
from autolearn.schemas.stream_kinds import stream

_KNOWN = 100
"""Known names that a problem lists."""


class Named(NamedTuple):
    """A kind of things: the queries about them (`projections.queries.named_things`), how they end.

    `needed` has the words for who lacks a level.
    """

    kind: str
    of: Callable[[Snapshot], Any]
    ended: str
    needed: Mapping[Level, str]


async def require_named(
    what: Named, context: ApiContext, who: Principal, name: str, needed: Level
) -> str:
    """Return the group whose grant gives a principal the required level, "" for none.

    Raises:
        Problem: the level is less; or there is none (404, not 403, so that the existence of other
        users' things is not disclosed).
    """
    check_id(what.kind, name)
    now = context.queries.latest()
    level, via = named_access(who, now, what.of(now), name)
    if level < needed or (via and needed > Level.READ):
        # It may have been made or shared just now, or the membership have ended, through another
        # process.
        await context.reader.fresh()
        now = context.queries.latest()
        level, via = named_access(who, now, what.of(now), name)
    if level is Level.NOTHING:
        raise unknown_named(what, context, who, name)
    since = what.of(now).stored(name).deleted
    if since and level >= Level.READ:
        kind = f"{what.kind}-{what.ended}"
        detail = f"The {what.kind} {name} was {what.ended} at {since}."
        raise Problem(REASONS[kind].status, kind, REASONS[kind].title, detail)
    if level < needed:
        raise forbidden("It is confidential." if level is Level.ACTIVITY else what.needed[needed])
    return via


def unknown_named(what: Named, context: ApiContext, who: Principal, name: str) -> Problem:
    """Return the problem of a thing that does not exist for the principal."""
    known = what.of(context.queries.now()).names(whose=None if who.everything else who.name)
    return unknown(what.kind, name, islice(known, _KNOWN), f"/v1/{what.kind}s")


async def find_named(
    what: Named, context: ApiContext, who: Principal, name: str, as_of: str
) -> AsOfView:
    """Return a snapshot with a thing that a principal may read: now, or at `as_of`.

    Raises:
        Problem: there was none then; or as `require_named`.
    """
    await require_named(what, context, who, name, Level.READ)
    seen = await see(context, as_of, lambda past: past.load(stream(what.kind, name)))
    row = what.of(seen.snapshot).stored(name)
    if row is None or row.deleted:
        problem = unknown_named(what, context, who, name)
        raise await absent(context, what.kind, name, as_of, problem)
    return seen


async def list_named(
    what: Named,
    context: ApiContext,
    who: Principal,
    shown: Callable[[Any], object],
    request: Request,
    limit: int,
    page: str,
    as_of: str,
    *,
    shared: bool,
) -> Response:
    """Return a page of the things that a principal owns or has a grant of; for sysadmins of all.

    `shown` returns a row as REST shows it.
    """
    require_now(as_of, shared=shared)
    after = from_token(page, str, "page") if page else ""
    now = what.of(context.queries.now())
    whose = None if (who.everything or who.sysadmin) and not shared else who.name

    def load(past: AsOfReader) -> None:
        names = now.names(after, whose)
        past.load_named(what.kind, names, limit + 1, lambda: what.of(past.snapshot).names(after))

    seen = await see(context, as_of, load)

    def page_shown() -> Response:
        then, more = what.of(seen.snapshot), seen.snapshot.rows.full
        rows = (row for name in now.names(after, whose, shared=shared) if (row := then.get(name)))
        items, next_ = page_of(rows, limit, shown, lambda row: row.name, more=more)
        headers = {**seen.headers, **next_link(request.url, next_)}
        return json(Page(items, next_), headers=headers)

    return await context.executors.lists.run(page_shown)
