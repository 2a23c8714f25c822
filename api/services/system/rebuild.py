"""Rebuilds the read models of this process from the log."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from autolearn.api.commands.command_headers import prefer_of
from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.state.context import ApiContext
from autolearn.schemas.rest.system import Rebuild


def router(context: ApiContext) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1/rebuild", tags=["process"])

    @routes.post("", status_code=202, responses=answers({202: Rebuild}))
    async def rebuild() -> Response:
        """Fold the log again into new read models, which replace these when they are ready.

        During a rebuild a second request changes nothing: the answer shows the progress.
        """
        context.reader.require_ready()
        return json(context.rebuilding.start(), 202)

    @routes.get(
        "",
        openapi_extra=accepts(None, prefer=True),
        responses=answers({200: Rebuild}, "Preference-Applied"),
    )
    async def see_rebuild(request: Request) -> Response:
        """Show the newest rebuild. With `Prefer: wait=N` wait so long for its end."""
        prefer = prefer_of(request)
        status = await context.rebuilding.until_over(prefer.wait or 0)
        return json(status, headers=prefer.applied())

    return routes
