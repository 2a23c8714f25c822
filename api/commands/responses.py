"""Responses: JSON by msgspec, with the headers that locate resources."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.schemas.rest.commands import CommandState

encoder = msgspec.json.Encoder()


def json(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return Structs as JSON."""
    return Response(encoder.encode(content), status, headers, "application/json")


def created(content: object, location: str, asked: CommandRequest) -> Response:
    """Return a new resource (201)."""
    return json(content, 201, {"Location": location, **asked.prefer.applied()})


def pending(accepted: Accepted, asked: CommandRequest) -> Response:
    """Return the location of a command's future answer (202)."""
    at = f"/v1/commands/{accepted.id}?partition={accepted.partition}&offset={accepted.offset}"
    state = CommandState(accepted.id, "pending", links={"self": at})
    return json(state, 202, {"Location": at, **asked.prefer.applied()})
