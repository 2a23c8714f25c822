"""The events of the log: in pages, or as a stream."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any, cast

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from autolearn.api.commands.command_headers import Prefer, prefer_of
from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import accepts, answers, streams
from autolearn.api.http.sse import EventStream, wants_stream
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Visibility
from autolearn.api.shared.authorization import authorise
from autolearn.api.shared.events.filters import EventFilter, wanted_of
from autolearn.api.shared.events.reader import EventReader
from autolearn.api.shared.events.subscription import Subscription, cut_off
from autolearn.api.shared.id_prefixes import whole_session, whole_stream
from autolearn.api.state.context import ApiContext
from autolearn.eventlog.consumers.event_pages import EventPage, Places
from autolearn.eventlog.positions import Position
from autolearn.schemas.rest.events import Events

After = Annotated[str, Query(description="A position, or `now`. Without it: the first event.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="The most events of a page.")]
Stream = Annotated[str, Query(description="Only events of this stream, such as dataset/iris.")]
_Session = Annotated[str, Query(description="Only events of this session or experiment.")]
Types = Annotated[
    list[str] | None,
    Query(
        alias="type",
        description="Only events of this type, such as RunCompleted (all versions) or "
        "autolearn.RunCompleted.v1. May be repeated.",
    ),
]
LastId = Annotated[
    str,
    Header(
        alias="Last-Event-ID",
        description="The id of the last event that was received; counts more than `after`.",
    ),
]
_COME_BACK = "Come back with the last id that was received as Last-Event-ID: nothing is lost."


def router(context: ApiContext) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/v1/events", tags=["process"])
    events = EventReader(context.log, context.lookup, context.reader)

    @routes.get(
        "",
        openapi_extra=accepts(None, prefer=True),
        responses=streams(answers({200: Events}, "Preference-Applied")),
    )
    async def list_events(
        request: Request,
        who: Who,
        after: After = "",
        limit: Limit = 100,
        stream: Stream = "",
        session: _Session = "",
        types: Types = None,
        last_event_id: LastId = "",
    ) -> Response:
        """List the admitted events past a position, each stream in its order.

        With `Prefer: wait=N` an empty list is answered only after N seconds. With `Accept:
        text/event-stream` the answer is a stream of Server-Sent Events that goes on: each has the
        position behind it as its id, the CloudEvent's type as its name, and the CloudEvent as it
        lies on the log as its data.
        """
        stream = await whole_stream(context, who, stream)
        session = await whole_session(context, who, session) if session else ""
        wanted = wanted_of(stream, session, types or (), Visibility(who, context.queries))
        if wants_stream(request):
            given = (last_event_id, "Last-Event-ID") if last_event_id else (after, "after")
            at = await events.start_of(*given)
            await events.check_stream(wanted)
            context.reader.require_brokers()
            context.tail.require_room()
            await context.reader.which_log()
            follower = Subscription(events, context.tail, context.executors, wanted, at)
            patience = context.settings.limits.feed_timeout
            cut = partial(cut_off, context.measures.meter, patience, _COME_BACK)
            return EventStream(follower.parts(), patience, cut)
        at = await events.start_of(after, "after")
        await events.check_stream(wanted)
        prefer = prefer_of(request)
        page, more = await _read_for(context, events, wanted, at, limit, prefer)
        token = Position(await context.reader.which_log(), tuple(page.places.values())).token()
        await authorise(request)  # again: it may have waited for long
        items = await context.executors.log.run(lambda: [wanted.shown(one) for one in page.found])
        return json(
            Events(cast("list[dict[str, Any]]", items), token, more),
            headers={**prefer.applied(), "Vary": "Accept"},
        )

    return routes


async def _read_for(
    context: ApiContext,
    events: EventReader,
    wanted: EventFilter,
    at: Places,
    limit: int,
    prefer: Prefer,
) -> tuple[EventPage, bool]:
    """Return a page; an empty one at the end of the log only after the time to wait."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + (prefer.wait or 0.0)
    while True:
        page, more = await events.read_on(context.executors.log, wanted, at, limit, limit)
        left, at = deadline - loop.time(), page.places
        if page.found or more or left <= 0:
            return page, more
        await context.arrivals.until(lambda at=at: _is_past(events.now(), at), left)  # type: ignore[misc]


def _is_past(here: Places, at: Places) -> bool:
    return any(place.next > at[p].next for p, place in here.items())
