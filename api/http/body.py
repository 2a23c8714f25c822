"""Bodies of requests: decoded, checked, and explained where they are wrong."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from autolearn.api.http.problems import Problem
from autolearn.schemas.bounds import cut
from autolearn.schemas.codec import DEEPEST, is_too_deep

B = TypeVar("B", bound=BaseModel)
_DEEPEST_BODY = DEEPEST - 2
"""Levels of lists and objects in a body: the record of a command adds its own."""
_MOST_FAULTS = 50
"""Faults of a body that an answer lists."""
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    """The base of all bodies: unknown fields are refused, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


async def read_body(request: Request, kind: type[B]) -> B:
    """Return the body of a request.

    Raises:
        Problem: it is not JSON (400), has another media type (415), or does not fit (422).
    """
    content = await request.body()
    given = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if content and not (given == "application/json" or given.endswith("+json")):
        raise Problem(
            415,
            "not-json",
            "The body is not JSON",
            f"It is {given[:100]!r}: send JSON with content-type: application/json.",
        )
    try:
        value = msgspec.json.decode(content) if content else {}
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Problem(
            400,
            "not-json",
            "The body is not JSON",
            f"It cannot be read as JSON (RFC 8259): {error}.",
        ) from None
    if is_too_deep(content, _DEEPEST_BODY):
        raise Problem(
            422,
            "invalid-body",
            "The body does not fit",
            f"It is nested too deeply: at most {_DEEPEST_BODY} levels of lists and objects.",
        )
    if not isinstance(value, dict):
        raise Problem(
            422, "invalid-body", "The body does not fit", "It must be a JSON object: {…}."
        )
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise invalid_body(error) from None


def invalid_body(error: ValidationError) -> Problem:
    """Return the problem of a body that does not fit, with every fault and its place."""
    faults = [
        {"pointer": _pointer(fault["loc"]), "detail": _sentence(fault["type"], fault["msg"])}
        for fault in error.errors(include_url=False, include_input=False, include_context=False)[
            :_MOST_FAULTS
        ]
    ]
    words = "; ".join(f"{fault['pointer']}: {fault['detail']}" for fault in faults[:5])
    return Problem(422, "invalid-body", "The body does not fit", f"{words}.", errors=faults)


def _pointer(where: tuple[int | str, ...]) -> str:
    """Return a place in the body as a JSON pointer in a URI fragment (RFC 6901)."""
    # pydantic names the member of a union that it tried, which is not part of the body.
    parts = [
        str(part) for part in where if not str(part).startswith(("DatasetBody", "constrained-"))
    ]
    words = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
    return "#" + cut(words)


def _sentence(kind: str, words: str) -> str:
    """Describe the fault at a place."""
    if kind == "extra_forbidden":
        return "there is no such field"
    if kind == "missing":
        return "this field is required"
    return words[:1].lower() + words[1:]
