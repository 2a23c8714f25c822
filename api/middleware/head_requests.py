"""HEAD, on every path that offers GET (RFC 9110, section 9.3.2): the same head, and no body."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["AnswerHead"]

FOUND = ("route", "endpoint", "path_params")
"""What a router notes of a request, and others read when it is answered."""


class _Enough(Exception):
    """The head is sent, and nobody wants the rest."""


class AnswerHead:
    """Asks the routes what GET would be answered, and sends the head of that.

    It wants what GET wants of the one who asks, and costs no more: an answer that goes on, such as
    a file or a stream, ends with its head.
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
            scope.update({name: asked[name] for name in FOUND if name in asked})
