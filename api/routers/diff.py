"""What changed between two points of the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from msgspec import Struct
from starlette.responses import Response

from autolearn.api.access import Sight
from autolearn.api.facade import Facade
from autolearn.api.identity import Who
from autolearn.api.moments import AS_OF, in_past, read_point
from autolearn.api.openapi import answers
from autolearn.api.problems import Problem
from autolearn.api.responses import json
from autolearn.eventlog.positions import Position
from autolearn.projections.changes import Change, changes_of, streams_between
from autolearn.projections.past import Past
from autolearn.schemas.streams import kind_of

__all__ = ["Diff", "router"]

Knows = Callable[[str], bool]
AHEAD = 50
"""Streams that are compared in one go."""
From = Annotated[str, Query(alias="from", max_length=50_000, description=AS_OF)]
To = Annotated[str, Query(max_length=50_000, description=f"{AS_OF} Without it: now.")]
Stream = Annotated[str, Query(max_length=200, description="This stream only: session/<id>, …")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Streams to show; there may be `more`.")]


class Diff(Struct):
    """Changes between two positions. `more` says that further streams have changed."""

    before: str
    after: str
    items: list[Change]
    more: bool


def router(facade: Facade) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/v1/diff", tags=["process"])

    @routes.get("", responses=answers({200: Diff}))
    async def diff(
        who: Who, from_: From, to: To = "", stream: Stream = "", limit: Limit = 100
    ) -> Response:
        """Show what was added, removed and changed between two points.

        Without `stream` the log is read from the first point until `limit` streams have changed.
        """
        if stream:
            check_stream(stream)
        before = await read_point(facade, from_, "from")
        after = await read_point(facade, to, "to") if to else await present(facade)
        check_order(before, after)

        knows = Sight(who, facade.queries).knows

        def compared(past: Past) -> Diff:
            items, more = compare(facade, before, past, stream, limit, knows)
            return Diff(before.token(), after.token(), items, more)

        return json(await in_past(facade, after, compared))

    return routes


def compare(
    facade: Facade, before: Position, then: Past, stream: str, limit: int, knows: Knows
) -> tuple[list[Change], bool]:
    """Return the changes of up to `limit` streams, and whether there are more (blocks).

    Streams that the one who asks does not know of are passed over.
    """
    begins = {p: before.next(p) for p in then.ends}

    def at(ends: Mapping[int, int]) -> Past:
        return Past(then.index, then.lookup, ends)

    was, topic = at(begins), facade.topics.events.name
    names = [stream] if stream else streams_between(facade.log, topic, begins, then.ends)
    touched = (name for name in names if knows(name) and was.offsets(name) != then.offsets(name))
    items: list[Change] = []
    shown = 0
    for some in batches(touched):
        earlier, later = at(begins), at(then.ends)
        earlier.load(*some)
        later.load(*some)
        for name in some:
            changes = changes_of(name, earlier.moment, later.moment)
            if changes and shown == limit:
                return items, True
            shown += bool(changes)
            items += changes
    return items, False


def batches(names: Iterable[str]) -> Iterable[list[str]]:
    """Yield names, some at a time."""
    coming = iter(names)
    while some := list(islice(coming, AHEAD)):
        yield some


async def present(facade: Facade) -> Position:
    """Return how far the read models are now."""
    return Position.of(await facade.which_log(), facade.queries.progress())


def check_stream(name: str) -> None:
    """Raise a problem unless that can be the name of a stream."""
    try:
        kind_of(name)
    except ValueError as error:
        detail = f"{name[:120]!r} is not a stream: {error}."
        errors = [{"parameter": "stream", "detail": detail}]
        raise Problem(
            422, "malformed-stream", "A stream's name is malformed", detail, errors=errors
        ) from None


def check_order(before: Position, after: Position) -> None:
    """Raise a problem if the first point is later than the second, on any partition."""
    partitions = {place.partition for place in (*before.places, *after.places)}
    if any(before.next(p) > after.next(p) for p in partitions):
        detail = "`from` lies behind `to`: give the earlier point first."
        errors = [{"parameter": "from", "detail": detail}]
        raise Problem(
            422, "wrong-order", "The points are in the wrong order", detail, errors=errors
        )
