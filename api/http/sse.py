"""Server-Sent Events as they are written (WHATWG HTML, 9.2), and a response that is a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

EXTENSION = "autolearn.connection"
"""The ASGI extension by which an app reaches the connection of a request."""

_MEDIA_TYPE = "text/event-stream"
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # a proxy that buffers would hold events back
    "Vary": "Accept",
}


def block(*, id: str = "", event: str = "", data: bytes = b"", retry: int | None = None) -> bytes:  # noqa: A002 - the words of the standard
    """Return one event. Without data nothing is dispatched, but the client keeps the id.

    `retry` is in milliseconds.
    """
    fields = [b"retry: %d\n" % retry] if retry is not None else []
    fields += [b"id: %b\n" % id.encode()] if id else []
    fields += [b"event: %b\n" % event.encode()] if event else []
    fields += [b"data: %b\n" % line for line in data.splitlines()]
    return b"".join(fields) + b"\n"


def comment(words: str = "") -> bytes:
    """Return a comment, which clients ignore."""
    return f": {words}\n\n".encode()


def wants_stream(request: Request) -> bool:
    """Return whether a request accepts an event stream by name."""
    accepted = ",".join(request.headers.getlist("accept")).lower().split(",")
    return any(one.split(";")[0].strip() == _MEDIA_TYPE for one in accepted)


def is_stream(scope: Scope) -> bool:
    """Return whether a request is for an endless stream."""
    return scope["path"] in ("/v1/events", "/v1/audit") and wants_stream(Request(scope))


class _NotTaken(Exception):
    """A client has not read in time."""


class EventStream(StreamingResponse):
    """A response that is written in parts, each when the client has taken the one before.

    The generator is closed at once when the client has gone away. A client that does not take a
    part within `patience` seconds is cut, after the `farewell`.
    """

    def __init__(
        self, parts: AsyncGenerator[bytes, None], patience: float, farewell: Callable[[], bytes]
    ) -> None:
        super().__init__(parts, headers=_HEADERS, media_type=_MEDIA_TYPE)
        self.parts, self.patience, self.farewell = parts, patience, farewell
        self.connection: Mapping[str, Callable[[], None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response on its connection, which only our server offers."""
        self.connection = scope.get("extensions", {}).get(EXTENSION, {})
        if narrow := self.connection.get("narrow"):
            narrow()
        await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Write all parts."""

        async def in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(self.patience):
                    await send(message)
            except TimeoutError:
                raise _NotTaken from None

        async with aclosing(self.parts):
            try:
                await super().stream_response(in_time)
            except _NotTaken:
                last = {"type": "http.response.body", "body": self.farewell(), "more_body": False}
                if cut := self.connection.get("cut"):
                    cut()
                    await send(last)
