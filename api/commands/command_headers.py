"""The headers of a command's request: Idempotency-Key and Prefer."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import NamedTuple

from starlette.requests import Request

from autolearn.api.commands.recorded_request import RecordedRequest
from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import Principal
from autolearn.schemas.codec import to_json

_NAMESPACE = uuid.UUID("6f1d3f2c-5a0e-4d0c-9a55-2d3a7d1b8c10")
"""Command ids are version-5 UUIDs in here: the same key on the same route is the same command."""

_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_WAIT = re.compile(r"wait\s*=\s*\"?(\d{1,9})\"?", re.IGNORECASE)
_LONGEST_WAIT = 300.0


class Prefer(NamedTuple):
    """The preferences of a request (RFC 7240): seconds to wait, and the choice at their end."""

    wait: float | None = None
    respond_async: bool = False

    @property
    def at_once(self) -> bool:
        """Whether the request does not wait for the answer."""
        return self.respond_async and self.wait is None

    def applied(self) -> dict[str, str]:
        """Return the header of the applied preferences."""
        words = ["respond-async"] if self.respond_async else []
        if self.wait is not None:
            words.append(f"wait={self.wait:g}")
        return {"Preference-Applied": ", ".join(words)} if words else {}


class CommandRequest(NamedTuple):
    """A request for one command.

    `id` is the command's, `fingerprint` distinguishes requests with the same key and other content,
    `actor` is the principal, with the right `grant`. The same key of another actor is another
    command. Only a `keyed` request can be repeated: another request would be another command.
    `call` is the request for the behaviour log, if that is kept; `via` the group whose grant
    the principal uses (`schemas.actors`).
    """

    id: str
    fingerprint: str
    prefer: Prefer
    keyed: bool = True
    actor: str = ""
    grant: str = ""
    call: RecordedRequest | None = None
    via: str = ""

    @classmethod
    def of(cls, request: Request, content: object) -> CommandRequest:
        """Read the headers of a request with this content.

        Raises:
            Problem: the Idempotency-Key is malformed.
        """
        principal: Principal = request.state.principal
        key, actor = request.headers.get("idempotency-key"), principal.name
        if key is None:
            command = str(uuid.uuid4())
        elif _VISIBLE.fullmatch(key):
            route = f"{request.method} {request.url.path}"
            if actor:
                route = f"{actor}\0{route}"
            command = str(uuid.uuid5(_NAMESPACE, f"{route}:{key}"))
        else:
            raise Problem(
                400,
                "malformed-idempotency-key",
                "The Idempotency-Key is malformed",
                "It must be 1 to 255 visible ASCII characters without spaces: send a new UUID "
                "with each request, and the same one again only to repeat that request.",
            )
        fingerprint = hashlib.sha256(to_json(content)).hexdigest()[:32]
        call = call_of(request)
        prefer, grant = prefer_of(request), principal.grant
        via = getattr(request.state, "via", "")
        return cls(command, fingerprint, prefer, key is not None, actor, grant, call, via)


def call_of(request: Request) -> RecordedRequest | None:
    """Return a request for the behaviour log; None if that is not kept."""
    return getattr(request.state, "call", None)


def prefer_of(request: Request) -> Prefer:
    """Return the preferences of a request; unknown ones are ignored."""
    wait, respond_async = None, False
    for preference in ",".join(request.headers.getlist("prefer")).split(","):
        words = preference.split(";")[0].strip()
        if words.lower() == "respond-async":
            respond_async = True
        elif wait is None and (found := _WAIT.fullmatch(words)):
            wait = min(float(found[1]), _LONGEST_WAIT)
    return Prefer(wait, respond_async)


def derive(command: str, what: str) -> str:
    """Return the id of something that a command makes: a retry makes the same id."""
    return str(uuid.uuid5(uuid.UUID(command), what))
