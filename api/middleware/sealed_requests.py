"""Decrypts sealed requests before the routes see them, and seals their answers.

The routes know nothing of it. A plain request must come by a way that nobody else can read: over
TLS, or from this machine (AUTOLEARN_PLAIN). The protocol is in docs/wire.md.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import NamedTuple

from joserfc.jwk import OKPKey
from msgspec import UNSET
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autolearn.api.http.problems import Problem, incomplete, respond, too_many
from autolearn.api.limits.client_address import is_loopback
from autolearn.schemas.settings import Settings
from autolearn.security.request_jwe import (
    HEADER,
    MEDIA_TYPE,
    Answering,
    Sealed,
    Undecipherable,
    open_request,
    public_key,
)
from autolearn.security.wire_keys import WireKeys

WINDOW = 120
"""Seconds by which the clocks of client and server may differ."""
_MOST_SEEN = 500_000
"""Requests that one process remembers against replay."""
OPEN = ("/health/", "/.well-known/", "/openapi.json", "/asyncapi.json")
"""The public paths, which are never sealed by force."""
_HEADER, _MEDIA_TYPE = HEADER.lower().encode(), MEDIA_TYPE.encode()
_REPLACED = (b"authorization", b"idempotency-key", b"content-type", b"content-length")


class ReplayCache:
    """The sealed requests of the last minutes, by the second of their creation."""

    def __init__(self, most: int = _MOST_SEEN) -> None:
        self.most, self.many = most, 0
        self.by_second: dict[int, set[int]] = {}
        self.cleared = 0

    def take(self, jti: str, iat: int, now: float) -> bool:
        """Remember a request; return whether it is recent and new.

        Raises:
            Problem: there are too many to remember (429).
        """
        if abs(now - iat) > WINDOW:
            return False
        if int(now) != self.cleared:
            self.cleared = int(now)
            for second in [one for one in self.by_second if one < now - WINDOW]:
                self.many -= len(self.by_second.pop(second))
        there = self.by_second.setdefault(iat, set())
        if hash(jti) in there:
            return False
        if self.many >= self.most:
            raise too_many("This process has taken too many sealed requests of late. Try again.")
        there.add(hash(jti))
        self.many += 1
        return True


Admit = Callable[[Scope, str], Awaitable[None]]
"""Authenticates a request by its Authorization, or raises the problem."""


class _Asker(NamedTuple):
    """The recipient of a sealed answer, and the `jti` of its request."""

    key: OKPKey
    jti: str


class Seal:
    """Decrypts sealed requests and seals their answers; refuses plain ones to be sealed."""

    def __init__(self, app: ASGIApp, keys: WireKeys, settings: Settings, admit: Admit) -> None:
        self.app, self.keys, self.admit = app, keys, admit
        self.plain, self.limit = settings.api.plain, settings.limits.max_body
        self.seen = ReplayCache()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"].startswith(OPEN):
            await self.app(scope, receive, send)
            return
        try:
            asker, receive = await self.opened(scope, receive)
            if asker is not None:
                send = _Sealing(asker, send)
        except Problem as problem:
            await respond(problem, scope["path"])(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def opened(self, scope: Scope, receive: Receive) -> tuple[_Asker | None, Receive]:
        """Return the recipient and the plain body; the scope becomes that of a plain request.

        Raises:
            Problem: it is not sealed and should be (403), cannot be deciphered (400), or its body
            is too large (413).
        """
        token, file = header_in(scope, _HEADER), scope["method"] == "PUT"
        in_body = is_sealed(scope)
        if not token and not in_body:
            if not self.may_be_plain(scope):
                raise _must_be_sealed("send it as JWE (docs/wire.md), as the Python client does")
            return None, receive
        if file and not in_body and self.plain != "always" and not _confidential(scope):
            raise _must_be_sealed("send files over TLS")
        if in_body:
            if token:  # the principal is known, so that a larger body is read
                announced, _ = self.read(token, scope)
                await self.admit(scope, announced.authorization)
            token = await _whole(receive)
        request, asker = self.read(token, scope)
        body = b"" if request.body is UNSET else bytes(request.body)
        if len(body) > self.limit:
            raise Problem(
                413,
                "body-too-large",
                "The body is too large",
                f"At most {self.limit:,} bytes are taken here.",
            )
        _replace(scope, request, None if file and not in_body else body)
        return asker, receive if file and not in_body else _Body(body, receive)

    def may_be_plain(self, scope: Scope) -> bool:
        """Return whether a request may come in clear."""
        return self.plain == "always" or (self.plain == "local" and _confidential(scope))

    def read(self, token: bytes, scope: Scope) -> tuple[Sealed, _Asker]:
        """Return the sealed content, if it was made for this very request, now, and is new.

        Raises:
            Problem: it was not (400); the fault is not disclosed.
        """
        query = scope.get("query_string", b"")
        target = scope.get("raw_path") or scope["path"].encode()
        target = target.partition(b"?")[0] + (b"?" + query if query else b"")
        try:
            request = open_request(token, self.keys.of)
            asker = _Asker(public_key(request.answer), request.jti)
        except Undecipherable:
            raise _undecipherable() from None
        if (request.htm, request.htu) != (scope["method"], target.decode("latin-1")):
            raise _undecipherable()
        if not self.seen.take(request.jti, request.iat, time.time()):
            raise _undecipherable()
        return request, asker


class _Body:
    """Replays a body that was read already, and then passes on what comes."""

    def __init__(self, body: bytes, rest: Receive) -> None:
        self.body: bytes | None = body
        self.rest = rest

    async def __call__(self) -> Message:
        """Return the next message."""
        if self.body is None:
            return await self.rest()
        body, self.body = self.body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Sealing:
    """Sends an answer sealed to the key that the request named, part by part."""

    def __init__(self, asker: _Asker, send: Send) -> None:
        self.asker, self.send = asker, send
        self.start: Message | None = None
        self.answering: Answering | None = None

    async def __call__(self, message: Message) -> None:
        """Send a message. The head goes out with the first part of the body."""
        if message["type"] == "http.response.start":
            media = Headers(raw=message["headers"]).get("content-type", "")
            self.answering = Answering(*self.asker, message["status"], media)
            self.start = message
            return
        if message["type"] != "http.response.body" or self.answering is None:
            await self.send(message)
            return
        last = not message.get("more_body", False)
        body = self.answering.lines(message.get("body", b""), last=last)
        if self.start is not None and (body or last):
            headers = MutableHeaders(scope=self.start)
            del headers["content-length"]
            headers["content-type"] = MEDIA_TYPE
            if last:
                headers["content-length"] = str(len(body))
            start, self.start = self.start, None
            await self.send(start)
        if body or last:
            await self.send({**message, "body": body})


def is_sealed(scope: Scope) -> bool:
    """Return whether the body of a request is a JWE."""
    media = header_in(scope, b"content-type").partition(b";")[0]
    return media.strip().lower() == _MEDIA_TYPE


def has_body(scope: Scope) -> bool:
    """Return whether a request has a body, by its head."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


def header_in(scope: Scope, wanted: bytes) -> bytes:
    """Return a header of a request by its name in small letters, the first one of several."""
    for name, value in scope["headers"]:
        if name == wanted:
            found: bytes = value
            return found
    return b""


def _confidential(scope: Scope) -> bool:
    """Return whether nobody else can read the connection: TLS, this machine, or its socket."""
    if scope.get("scheme") == "https" or scope.get("client") is None:
        return True
    # A request through an untrusted proxy may come from anywhere.
    passed_on = any(name == b"x-forwarded-for" for name, _ in scope["headers"])
    return is_loopback(scope["client"][0]) and not passed_on


async def _whole(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise incomplete()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _replace(scope: Scope, request: Sealed, body: bytes | None) -> None:
    """Replace the request by its sealed content: nobody can add a token or key of their own.

    Without a `body` the received one stays: it is a file.
    """
    dropped = _REPLACED[:2] if body is None else _REPLACED
    dropped = (*dropped, _HEADER)
    headers = [one for one in scope["headers"] if one[0] not in dropped]
    if request.authorization:
        headers.append((b"authorization", request.authorization.encode()))
    if request.idempotency_key:
        headers.append((b"idempotency-key", request.idempotency_key.encode()))
    if body:
        headers.append((b"content-type", b"application/json"))
        headers.append((b"content-length", str(len(body)).encode()))
    scope["headers"] = headers


def _undecipherable() -> Problem:
    """Return the problem of any faulty sealed request: always the same."""
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "undecipherable",
        "The request cannot be deciphered",
        "It is no JWE for a present key of this server (/.well-known/jwks.json), was changed on "
        "its way, was made for another request or more than two minutes from now, or was here "
        "before. Nothing was done: get the keys, and seal it anew.",
    )


def _must_be_sealed(how: str) -> Problem:
    return Problem(
        HTTPStatus.FORBIDDEN,
        "plain-forbidden",
        "Others could read that",
        f"Nothing plain is taken by this way: {how}; or ask over TLS, or on the machine of the "
        "API, if AUTOLEARN_PLAIN allows it. If you sent a token, revoke it.",
    )
