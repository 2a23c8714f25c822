"""The events, as they lie on the log."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.asked import prefer_of
from autolearn.api.event_pages import read_page
from autolearn.api.facade import Facade
from autolearn.api.openapi import accepts, answers
from autolearn.api.positions import read_position
from autolearn.api.responses import json
from autolearn.eventlog.positions import Place, Position

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
        """List the admitted events past a position, each stream in its order.

        `after` is a position's token; without it the list starts at the first event. With
        `Prefer: wait=N` an empty list is answered only after N seconds.
        """
        at: dict[int, Place] = {}
        if after:
            position = await read_position(facade, after, "after")
            at = {place.partition: place for place in position.places}
        prefer = prefer_of(request)

        def ends() -> dict[int, int]:
            return {p: reached.next for p, reached in facade.queries.progress().items()}

        def news() -> bool:
            return any(end > at.get(p, Place(p)).next for p, end in ends().items())

        if prefer.wait is not None:
            await facade.arrivals.until(news, prefer.wait)
        until, topic = ends(), facade.topics.events.name
        items, behind = await asyncio.to_thread(read_page, facade.log, topic, at, until, limit)
        more = any(place.next < until[place.partition] for place in behind)
        token = Position(await facade.which_log(), tuple(behind)).token()
        return json(Events(items, token, more), headers=prefer.applied())

    return routes
