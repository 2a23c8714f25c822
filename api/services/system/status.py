"""The status of the whole installation."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.state.context import ApiContext
from autolearn.schemas.reports.status import Status


def router(context: ApiContext) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/v1/status", tags=["process"])

    @routes.get("", responses=answers({200: Status}))
    async def status() -> Response:
        """Show the status of everything, and what needs attention (`findings`).

        It is answered also while the process is not ready, or Kafka does not answer; `unknown` has
        the unavailable parts. It is looked up every two seconds at most, for any number of
        requests.
        """
        return json(await context.inspection.status(), headers={"Cache-Control": "max-age=2"})

    return routes
