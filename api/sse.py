"""Server-Sent Events as they are written (WHATWG HTML, 9.2), and a response that is a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Send

__all__ = ["MEDIA_TYPE", "EventStream", "block", "comment", "wants_stream"]

MEDIA_TYPE = "text/event-stream"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # a proxy that collects output would hold events back
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
    """Return a comment: clients pass over it."""
    return f": {words}\n\n".encode()


def wants_stream(request: Request) -> bool:
    """Say whether a request accepts an event stream by name."""
    accepted = ",".join(request.headers.getlist("accept")).lower().split(",")
    return any(one.split(";")[0].strip() == MEDIA_TYPE for one in accepted)


class EventStream(StreamingResponse):
    """A response that is written as its parts come, one when the one before has been taken.

    The generator is closed at once when the client has gone away.
    """

    def __init__(self, parts: AsyncGenerator[bytes, None]) -> None:
        super().__init__(parts, headers=HEADERS, media_type=MEDIA_TYPE)
        self.parts = parts

    async def stream_response(self, send: Send) -> None:
        """Write all parts."""
        async with aclosing(self.parts):
            await super().stream_response(send)
