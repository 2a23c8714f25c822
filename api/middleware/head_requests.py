"""HEAD, on every path that offers GET (RFC 9110, section 9.3.2): the same head, and no body."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FOUND = ("route", "endpoint", "path_params")
"""The scope's key for the route that a router has found."""


class _Enough(Exception):
    """The head is sent, and the rest is not needed."""


class AnswerHead:
    """Answers HEAD with the head of the answer to GET.

    It has the authorization and the cost of GET: an answer that goes on, such as a file or a
    stream, ends with its head.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def head(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                raise _Enough

        scope.setdefault("state", {})
        asked = {**scope, "method": "GET"}
        try:
            await self.app(asked, receive, head)
        except _Enough:
            pass
        finally:
            scope.update({name: asked[name] for name in _FOUND if name in asked})
