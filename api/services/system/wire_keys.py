"""The keys to which clients seal their requests."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.state.context import ApiContext
from autolearn.schemas.rest.system import JsonWebKey, JsonWebKeySet


def router(context: ApiContext) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["process"])

    @routes.get("/.well-known/jwks.json", responses=answers({200: JsonWebKeySet}))
    async def wire_keys() -> Response:
        """Show the keys to which requests can be sealed (docs/wire.md)."""
        there = [JsonWebKey(**one.jwk()) for one in context.wire_keys.present()]
        return json(JsonWebKeySet(there), headers={"Cache-Control": "max-age=60"})

    return routes
