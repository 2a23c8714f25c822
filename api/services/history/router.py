"""The changes between two points of the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Annotated, cast

from fastapi import APIRouter, Query, Request
from msgspec import Raw, Struct
from msgspec.structs import replace
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.pagination import from_token, next_link, to_token
from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.identity.visibility import Visibility
from autolearn.api.shared.as_of import AS_OF, in_past, read_point
from autolearn.api.shared.id_prefixes import whole_stream
from autolearn.api.state.context import ApiContext
from autolearn.eventlog.consumers.event_pages import places_of, read_page
from autolearn.eventlog.positions import PartitionPosition, Position
from autolearn.projections.time_travel.changes import changes_of
from autolearn.projections.time_travel.past import AsOfReader
from autolearn.schemas.bounds import PAGE_BYTES, PAGE_STREAMS
from autolearn.schemas.codec import EventRecord, to_json
from autolearn.schemas.rest.history import Change, Diff
from autolearn.schemas.stream_kinds import KINDS, kind_of
from autolearn.schemas.values import StreamId

AHEAD, AHEAD_EVENTS = 50, 2000
"""Streams, and their events, that are compared together; one with more is compared alone."""
From = Annotated[str, Query(alias="from", max_length=50_000, description=AS_OF)]
To = Annotated[str, Query(max_length=50_000, description=f"{AS_OF} Without it: now.")]
Stream = Annotated[str, Query(max_length=200, description="This stream only: session/<id>, …")]
Limit = Annotated[int, Query(ge=1, le=1000, description="The most streams of a page.")]


class Cursor(Struct, array_like=True, frozen=True):
    """The start of a page: behind the stream `name`, or at these positions of the log.

    The first `skip` changes there are not repeated.
    """

    name: str = ""
    places: tuple[PartitionPosition, ...] = ()
    skip: int = 0


def router(context: ApiContext) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/v1/diff", tags=["process"])

    @routes.get("", responses=answers({200: Diff}, "Link"))
    async def diff(
        request: Request,
        who: Who,
        from_: From,
        to: To = "",
        stream: Stream = "",
        limit: Limit = 100,
        page: str = "",
    ) -> Response:
        """Show the added, removed and changed things between two points.

        `next` goes on, with `before` and `after` of the answer as `from` and `to`.
        """
        chosen = await whole_stream(context, who, stream)
        if chosen:
            _check_stream(chosen)
        cursor = from_token(page, Cursor, "page") if page else Cursor()
        before = await read_point(context, from_, "from")
        after = await read_point(context, to, "to") if to else await _present(context)
        _check_order(before, after)
        search = _Search(context, who, before, limit, cursor)

        def compared(past: AsOfReader) -> Diff:
            items, more = search.page(past, chosen)
            token = None if more is None else to_token(more)
            return Diff(before.token(), after.token(), cast("list[Change]", items), token)

        found = await in_past(context, after, compared)
        url = request.url.include_query_params(**{"from": found.before, "to": found.after})
        return json(found, headers=next_link(url, found.next))

    return routes


class _Search:
    """Collects the changes of one page, from a cursor on. All of it blocks.

    Streams that the principal may not see are skipped.
    """

    def __init__(
        self, context: ApiContext, who: Principal, before: Position, limit: int, cursor: Cursor
    ) -> None:
        self.context, self.who, self.before, self.limit = context, who, before, limit
        self.cursor = cursor
        self.knows = Visibility(who, context.queries).knows

    def page(self, then: AsOfReader, stream: StreamId) -> tuple[list[Raw], Cursor | None]:
        """Return changes of up to `limit` streams and PAGE_BYTES, and the next cursor."""
        begins = {p: self.before.next(p) for p in then.ends}
        was = AsOfReader(then.index, then.lookup, begins)
        behind, rest = self._candidates(was, then, stream)
        items, done, size, shown = list[Raw](), self.cursor, 0, 0
        skip = self.cursor.skip
        for some in _batches(behind, then):
            earlier, later = (AsOfReader(one.index, one.lookup, one.ends) for one in (was, then))
            for past in (earlier, later):
                past.load(*(name for name, _ in some))
            for name, place in some:
                if shown == self.limit:
                    return items, done
                number, changes = 0, changes_of(name, earlier.snapshot, later.snapshot)
                for number, change in enumerate(changes, 1):
                    if number <= skip:
                        continue
                    raw = Raw(to_json(change))
                    size += len(raw)
                    if items and size > PAGE_BYTES:
                        return items, replace(done, skip=number - 1)
                    items.append(raw)
                shown += number > 0
                skip, done = 0, place
        return items, rest()

    def _candidates(
        self, was: AsOfReader, then: AsOfReader, stream: StreamId
    ) -> tuple[Iterator[tuple[StreamId, Cursor]], Callable[[], Cursor | None]]:
        """Return the streams that may have changed, each with the cursor behind it.

        And a function that returns the cursor of the next page, when they are all read.
        """
        if stream:
            there = [(stream, Cursor())] if self.changed(stream, was, then) else []
            return iter(there), lambda: None
        if self.who.everything:
            return self._in_log(was, then)
        known = then.index.streams.visible_to(
            self.who.name, sysadmin=self.who.sysadmin, after=self.cursor.name
        )
        names = list(islice(known, PAGE_STREAMS + 1))
        rest = Cursor(names[PAGE_STREAMS - 1]) if names[PAGE_STREAMS:] else None
        some = (name for name in names[:PAGE_STREAMS] if self.changed(name, was, then))
        return ((name, Cursor(name)) for name in some), lambda: rest

    def _in_log(
        self, was: AsOfReader, then: AsOfReader
    ) -> tuple[Iterator[tuple[StreamId, Cursor]], Callable[[], Cursor | None]]:
        """Return the streams of the log between the points, where the principal sees all of them.

        Each comes with its first event behind the earlier point.
        """
        sequences: dict[str, int] = {}

        def is_first(record: EventRecord) -> bool:
            name = record.subject
            if name.partition("/")[0] not in KINDS:
                return False
            if name not in sequences:
                sequences[name] = len(was.offsets(name)[1]) + 1
            return record.sequence == sequences[name]

        places = self.cursor.places or self.before.places
        start = places_of({place.partition: place for place in places}, then.ends)
        topic = self.context.topics.events.name
        page = read_page(
            self.context.log, topic, start, then.ends, self.limit, is_first, self.limit
        )

        def cursors() -> Iterator[tuple[StreamId, Cursor]]:
            at = dict(start)
            for one in page.found:
                at[one.behind.partition] = one.behind
                yield one.record.subject, Cursor(places=tuple(at.values()))

        more = any(page.places[p].next < end for p, end in then.ends.items())
        rest = Cursor(places=tuple(page.places.values())) if more else None
        return cursors(), lambda: rest

    def changed(self, name: StreamId, was: AsOfReader, then: AsOfReader) -> bool:
        """Return whether a stream is visible, and has events between the points."""
        return self.knows(name) and was.offsets(name) != then.offsets(name)


def _batches(
    names: Iterator[tuple[StreamId, Cursor]], then: AsOfReader
) -> Iterator[list[tuple[StreamId, Cursor]]]:
    """Yield streams in batches that are folded together."""
    some, events = list[tuple[StreamId, Cursor]](), 0
    for one in names:
        many = len(then.offsets(one[0])[1])
        if some and (len(some) == AHEAD or events + many > AHEAD_EVENTS):
            yield some
            some, events = [], 0
        some.append(one)
        events += many
    if some:
        yield some


async def _present(context: ApiContext) -> Position:
    """Return the present progress of the read models."""
    return Position.of(await context.reader.which_log(), context.queries.progress())


def _check_stream(name: str) -> None:
    """Raise a problem unless the word can be a stream's name."""
    try:
        kind_of(name)
    except ValueError as error:
        detail = f"{name[:120]!r} is not a stream: {error}."
        errors = [{"parameter": "stream", "detail": detail}]
        raise Problem(
            422, "malformed-stream", "A stream's name is malformed", detail, errors=errors
        ) from None


def _check_order(before: Position, after: Position) -> None:
    """Raise a problem if the first point is later than the second, on any partition."""
    partitions = {place.partition for place in (*before.places, *after.places)}
    if any(before.next(p) > after.next(p) for p in partitions):
        detail = "`from` lies behind `to`: give the earlier point first."
        errors = [{"parameter": "from", "detail": detail}]
        raise Problem(
            422, "wrong-order", "The points are in the wrong order", detail, errors=errors
        )
