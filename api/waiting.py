"""How many requests a process works on at a time: one too many is told so before it is read."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autolearn.api.problems import Problem, respond, too_many
from autolearn.api.sealed import is_sealed
from autolearn.api.sse import is_stream

__all__ = ["LimitWaiting", "Waiting"]

READS = ("GET", "HEAD")


class Waiting:
    """The requests that a process works on, by sort, and the bytes of their bodies."""

    def __init__(self) -> None:
        self.requests = {"read": 0, "change": 0}
        self.bytes = 0


class LimitWaiting:
    """Answers 429 under /v1 once `limit` requests of a sort are worked on.

    There are two sorts, those that read and those that change something, so that neither takes the
    other's place. All bodies together may have `limit_bytes` bytes, each for as long as its request
    lasts; uploads, which go to the disk unless they are sealed, aside. Clients that follow the
    events do not count.
    """

    def __init__(self, app: ASGIApp, waiting: Waiting, limit: int, limit_bytes: int) -> None:
        self.app, self.waiting, self.limit, self.limit_bytes = app, waiting, limit, limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/") or is_stream(scope):
            await self.app(scope, receive, send)
            return
        sort, requests = "read" if scope["method"] in READS else "change", self.waiting.requests
        if requests[sort] >= self.limit:
            await respond(self.full(sort), scope["path"])(scope, receive, send)
            return
        requests[sort] += 1
        try:
            await self.within_bytes(scope, receive, send)
        finally:
            requests[sort] -= 1

    async def within_bytes(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, the body of which counts for as long as that lasts."""
        held = 0
        to_disk = scope["method"] == "PUT" and not is_sealed(Headers(scope=scope))

        async def counted() -> Message:
            nonlocal held
            message = await receive()
            size = 0 if to_disk else len(message.get("body", b""))
            if size and self.waiting.bytes + size > self.limit_bytes:
                raise too_many(
                    f"The bodies that are worked on have {self.waiting.bytes:,} bytes, and this "
                    "process holds no more. Nothing was done: try again, or ask another process."
                )
            held += size
            self.waiting.bytes += size
            return message

        try:
            await self.app(scope, counted, send)
        finally:
            self.waiting.bytes -= held

    def full(self, sort: str) -> Problem:
        """Return the problem of one request too many."""
        words = "read" if sort == "read" else "change something"
        return too_many(
            f"This process works on {self.waiting.requests[sort]} requests that {words}, and takes "
            "no more until one is answered. Nothing was done: try again, or ask another process."
        )
