"""Bounds the requests in progress: of all, of one user, and of strangers.

A request is a stranger's until its principal is known (`admit`). The bytes of strangers' bodies
come from small pools of their own, shared by address: users never wait for strangers.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TypeVar

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autolearn.api.http.problems import Problem
from autolearn.api.http.sse import is_stream
from autolearn.api.limits.client_address import address_of
from autolearn.api.middleware.sealed_requests import has_body, is_sealed
from autolearn.api.state.request_counts import Waiting
from autolearn.schemas import bounds

T = TypeVar("T")

_READS = ("GET", "HEAD")


class RequestSlot:
    """The slot of one request: a stranger's until `admit`, a user's from then on."""

    def __init__(self, waiting: Waiting, scope: Scope, sort: str) -> None:
        self.waiting, self.sort, self.address = waiting, sort, address_of(scope)
        self.user: str | None = None
        self.reading = False
        self.held = 0

    def admit(self, user: str) -> None:
        """Set the principal ("": everybody): the received bytes of the body count for it now.

        Raises:
            Problem: there are too many requests, or bytes of bodies (429).
        """
        if self.user is not None:
            return
        self.waiting.enter(self.sort, user)
        held = self.held
        self._leave_strangers()
        self.user = user
        self.take(held)

    def read(self) -> None:
        """Begin to read the body.

        Raises:
            Problem: too many strangers do (429).
        """
        if self.user is None and not self.reading:
            self.waiting.enter_stranger(self.address)
            self.reading = True

    def take(self, size: int) -> None:
        """Count bytes of the body, which are held until the request ends.

        Raises:
            Problem: there are too many (429), or too many for a stranger (413).
        """
        if not size:
            return
        if self.user is None:
            self.waiting.hold_stranger(self.address, size)
        else:
            self.waiting.hold(self.user, size)
        self.held += size

    def leave(self) -> None:
        """Release everything."""
        if self.user is None:
            self._leave_strangers()
            return
        waiting, user = self.waiting, self.user
        if self.sort in waiting.requests:
            waiting.requests[self.sort] -= 1
            _lessen(waiting.by_user, (self.sort, user), 1)
        waiting.bytes -= self.held
        _lessen(waiting.bytes_by_user, user, self.held)
        self.held = 0

    def _leave_strangers(self) -> None:
        waiting = self.waiting
        if self.reading:
            waiting.strangers -= 1
            _lessen(waiting.by_address, self.address, 1)
        waiting.strangers_bytes -= self.held
        _lessen(waiting.bytes_by_address, self.address, self.held)
        self.reading, self.held = False, 0


def _lessen(counter: Counter[T], key: T, by: int) -> None:
    counter[key] -= by
    if not counter[key]:
        del counter[key]


def place_of(scope: Scope) -> RequestSlot | None:
    """Return the slot of a request; None: it is not counted."""
    place: RequestSlot | None = scope.get("state", {}).get("place")
    return place


class LimitWaiting:
    """Gives each request its slot, and its body a time limit.

    Bodies count until their requests end, except uploads, which go to the disk unless they are
    sealed: those may also take their time. Requests count under /v1, except those of clients that
    follow the events.
    """

    def __init__(self, app: ASGIApp, waiting: Waiting) -> None:
        self.app, self.waiting = app, waiting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        counts = scope["path"].startswith("/v1/") and not is_stream(scope)
        sort = "other" if not counts else "read" if scope["method"] in _READS else "change"
        place = scope.setdefault("state", {})["place"] = RequestSlot(self.waiting, scope, sort)
        sealed = is_sealed(scope)
        reading = Reading(place, receive, sealed=sealed, upload=scope["method"] == "PUT")

        async def close_unread(message: Message) -> None:
            # The rest of an unauthenticated request's body is not awaited.
            unread = place.user is None and not reading.over and has_body(scope)
            if message["type"] == "http.response.start" and message["status"] >= 400 and unread:
                MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        try:
            await self.app(scope, reading, close_unread)
        finally:
            place.leave()


class Reading:
    """Reads a body, within the bounds of its slot and within a time (an ASGI `receive`)."""

    def __init__(self, place: RequestSlot, receive: Receive, *, sealed: bool, upload: bool) -> None:
        self.place, self.receive = place, receive
        self.sealed, self.to_disk = sealed, upload and not sealed
        self.size, self.began, self.over = 0, 0.0, False

    async def __call__(self) -> Message:
        """Return the next message.

        Raises:
            Problem: there is too much (413, 429), or it takes too long (408).
        """
        if self.over or (self.to_disk and self.place.user is not None):
            return await self.receive()  # then only the end of the connection comes
        self.place.read()
        self.began = self.began or asyncio.get_running_loop().time()
        stranger = self.place.user is None
        seconds = bounds.STRANGER_SECONDS if stranger else bounds.BODY_SECONDS
        try:
            async with asyncio.timeout_at(self.began + seconds):
                message = await self.receive()
        except TimeoutError:
            raise _too_slow(seconds, known=not stranger) from None
        self.over = not message.get("more_body", False)
        size = len(message.get("body", b""))
        self.size += size
        most = bounds.STRANGER_SEALED if self.sealed else bounds.STRANGER_BODY
        if stranger and self.size > most:
            raise _too_large_for_a_stranger(most)
        self.place.take(size)
        return message


def _too_slow(seconds: float, *, known: bool) -> Problem:
    """Return the problem of a body that does not arrive. The connection is closed with it."""
    who = "" if known else " before authentication"
    return Problem(
        408,
        "body-too-slow",
        "The body did not come in time",
        f"All of it must be there within {seconds:g} seconds{who}. Nothing was done.",
        headers={"Connection": "close"},
    )


def _too_large_for_a_stranger(most: int) -> Problem:
    return Problem(
        413,
        "body-too-large",
        "The body is too large",
        f"At most {most:,} bytes are taken here before authentication. A larger "
        "sealed request says so in its head (docs/wire.md); the Python client does.",
        headers={"Connection": "close"},
    )
