"""The keys to which clients seal their requests."""

from __future__ import annotations

from fastapi import APIRouter
from msgspec import Struct
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.state.context import ApiContext

__all__ = ["router"]


class Key(Struct):
    """A public key (RFC 7517, RFC 8037). `kid` is its thumbprint (RFC 7638)."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str


class Keys(Struct):
    """The public keys of this installation. New requests are sealed to the first one."""

    keys: list[Key]


def router(context: ApiContext) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["process"])

    @routes.get("/.well-known/jwks.json", responses=answers({200: Keys}))
    async def wire_keys() -> Response:
        """Show the keys to which requests can be sealed (docs/wire.md)."""
        there = [Key(**one.jwk()) for one in context.wire_keys.present()]
        return json(Keys(there), headers={"Cache-Control": "max-age=60"})

    return routes
