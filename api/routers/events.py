"""The events, as they lie on the log."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.asked import prefer_of
from autolearn.api.event_pages import Place, read_page
from autolearn.api.facade import Facade
from autolearn.api.openapi import accepts, answers
from autolearn.api.pages import from_token, to_token
from autolearn.api.responses import json
from autolearn.eventlog.admission import Progress

__all__ = ["router"]

Limit = Annotated[int, Query(ge=1, le=1000)]


class Events(msgspec.Struct):
    """Some events. `next` is where to go on, also when there are no more yet (`more`)."""

    items: list[msgspec.Raw]
    next: str
    more: bool


def router(facade: Facade) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/v1/events", tags=["process"])

    @routes.get(
        "",
        openapi_extra=accepts(None, prefer=True),
        responses=answers({200: Events}, "Preference-Applied"),
    )
    async def list_events(request: Request, after: str = "", limit: Limit = 100) -> Response:
        """List the admitted events past a position, in log order within every stream.

        `after` is a position's token; without it the list starts at the first event. With
        `Prefer: wait=N` an empty list is answered only after N seconds.
        """
        at = place(after)
        prefer = prefer_of(request)

        def news() -> bool:
            reached = facade.queries.progress()
            return any(end.next > at.get(p, Progress()).next for p, end in reached.items())

        if prefer.wait is not None:
            await facade.arrivals.until(news, prefer.wait)
        until = facade.queries.progress()
        at = {p: at.get(p, Progress()) for p in until}
        topic = facade.topics.events.name
        items = await asyncio.to_thread(read_page, facade.log, topic, at, until, limit)
        more = any(at[p].next < end.next for p, end in until.items())
        token = to_token(
            [Place(p, reached.next, reached.term, reached.last) for p, reached in at.items()]
        )
        return json(Events(items, token, more), headers=prefer.applied())

    return routes


def place(token: str) -> dict[int, Progress]:
    """Return the position that a token stands for."""
    places = from_token(token, list[Place], "after") if token else []
    return {at.partition: Progress(at.next, at.term, at.last) for at in places}
