"""Bounds the size of bodies as they come in, before a route reads them."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autolearn.api.http.problems import Problem, respond
from autolearn.api.middleware.sealed_requests import has_body, is_sealed

SEAL = 32 * 1024
"""The most bytes of a sealed request besides its body."""


class LimitBodies:
    """Refuses bodies over `limit` bytes (413); files, which come with PUT, have another limit.

    A Content-Length over the limit is refused at once; a longer body than announced as soon as it
    is over the limit.
    """

    def __init__(self, app: ASGIApp, limit: int, upload_limit: int) -> None:
        self.app, self.limit, self.upload_limit = app, limit, upload_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        sealed = scope["type"] == "http" and is_sealed(scope)
        # Nobody reads the body of such a request, unless it is sealed.
        if scope["type"] != "http" or (scope["method"] in ("GET", "HEAD") and not sealed):
            await self.app(scope, receive, send)
            return
        limit = self.upload_limit if scope["method"] == "PUT" else self.limit
        if sealed:  # in base64, with other fields beside it
            limit = self.limit * 4 // 3 + SEAL
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > limit:
                await respond(_too_large(limit), scope["path"])(scope, receive, send)
                return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _too_large(limit)
            return message

        await self.app(scope, limited, send)


class RefuseEncoded:
    """Refuses bodies with a Content-Encoding (415) before any byte is read.

    Decoded they could be of any size, and undecoded they would be something else.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        headers = scope["headers"] if scope["type"] == "http" else ()
        found = [value for name, value in headers if name == b"content-encoding"]
        if found and has_body(scope):
            given = b",".join(found).decode("latin-1")
            codings = [one.strip() for one in given.lower().split(",") if one.strip()]
            if any(one != "identity" for one in codings):
                await respond(_encoded(given), scope["path"])(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _encoded(given: str) -> Problem:
    """Return the problem of an encoded body, by RFC 9110 (section 15.5.16)."""
    return Problem(
        415,
        "content-encoding",
        "The body is encoded",
        f"Its Content-Encoding is {given[:100]}, and bodies are taken as they are only: send it "
        "unpacked, without that header.",
        headers={"Accept-Encoding": "identity", "Connection": "close"},
    )


def _too_large(limit: int) -> Problem:
    """Return the problem of a body over the limit. The connection is closed with it."""
    return Problem(
        413,
        "body-too-large",
        "The body is too large",
        f"At most {limit:,} bytes are taken here. Data belong into a dataset: "
        "PUT /v1/catalog/datasets/{name}.",
        headers={"Connection": "close"},
    )
