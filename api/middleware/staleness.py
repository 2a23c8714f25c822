"""Marks answers with the age of the read models while the log cannot be read.

`Age` (RFC 9111, 5.1) has the seconds since the read models last held all of the log, and
`Cache-Status` (RFC 9211) the reason. (`Warning: 110` was for this, until RFC 9111 removed it.)
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autolearn.api.state.staleness import Staleness


class MarkStale:
    """Sets the headers on answers from read models that may be old."""

    def __init__(self, app: ASGIApp, staleness: Staleness) -> None:
        self.app, self.staleness = app, staleness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 500:
                MutableHeaders(scope=message).update(self.staleness.headers())
            await send(message)

        await self.app(scope, receive, marked)
