"""Limits of a connection before it has sent a useful request.

uvicorn waits for ever for the head of a request, of any length, and for its body. Here a client
that sends too slowly, or too long a head, is cut, and cannot hold a place that others need.
"""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from http import HTTPStatus

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from autolearn.api.http.problems import Problem
from autolearn.api.limits.client_address import network_of

LONGEST_HEAD = 64 * 1024
"""Bytes of a request line and headers together."""


def _room() -> int:
    """Return for how many connections there are file descriptors, with some left for the rest."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(64, min(10_000, files * 3 // 4 if files > 0 else 10_000))


class SlowClientGuard(HttpToolsProtocol):
    """A connection with limits.

    The head of a request must be there `head_patience` seconds after its first byte, or after the
    connection was made; of a body, `least` bytes must come in every `body_patience` seconds, unless
    the app does not read. Of more than `most` connections one with an unfinished head is cut: of
    the address with most of those, the one that has lasted longest.
    """

    head_patience, body_patience = 10.0, 30.0
    least = 15_000
    most = _room()
    clock: asyncio.TimerHandle | None = None
    in_head, in_body = True, False
    head = body = 0
    since = 0.0
    address = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head; cut another connection if there are too many."""
        super().connection_made(transport)
        self.address = network_of(self.client[0]) if self.client else ""
        self.await_head()
        if len(self.connections) > self.most:
            waiting = [
                one for one in self.connections if isinstance(one, SlowClientGuard) and one.in_head
            ]
            many = Counter(one.address for one in waiting)
            min(waiting, key=lambda one: (-many[one.address], one.since)).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self.stop_clock()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes, and check the limits."""
        if self.clock is None and not self.in_body and (not self.cycle or self.idle):
            self.await_head()
        self.head += len(data)
        self.body += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.in_head and self.head > LONGEST_HEAD:
            self.send_400_response("")
        elif self.in_body and self.clock is None:
            self.await_body()

    @property
    def idle(self) -> bool:
        """Whether the newest request has been answered."""
        return bool(self.cycle.response_complete)

    # The parts of a request

    def on_message_begin(self) -> None:
        """Wait for the rest of the head."""
        super().on_message_begin()
        if not self.in_head:
            self.await_head()

    def on_headers_complete(self) -> None:
        """Accept the request, if its head is not too long."""
        self.head = len(self.url) + sum(len(n) + len(v) + 4 for n, v in self.headers)
        if self.head > LONGEST_HEAD:
            raise ValueError("the head is too long")  # httptools turns it into a 400
        self.stop_clock()
        self.in_head, self.in_body = False, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that all of the request is there."""
        super().on_message_complete()
        self.in_body = False
        self.stop_clock()

    # Clocks

    def await_head(self) -> None:
        """Start the time limit of a head."""
        self.stop_clock()
        self.in_head, self.head, self.since = True, 0, self.loop.time()
        self.clock = self.loop.call_later(self.head_patience, self.too_slow)

    def await_body(self) -> None:
        """Check later how much of the body has come."""
        self.body = 0
        self.clock = self.loop.call_later(self.body_patience, self.look)

    def look(self) -> None:
        """Cut a client that sends next to nothing."""
        if self.body < self.least and not self.flow.read_paused:
            self.transport.abort()
        else:
            self.await_body()

    def too_slow(self) -> None:
        """Cut a client that does not finish its head."""
        self.clock = None
        if self.head:
            self.say(_SLOW)
        self.transport.close()

    def stop_clock(self) -> None:
        """Stop waiting."""
        if self.clock is not None:
            self.clock.cancel()
            self.clock = None

    # Messages

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the words are ours
        """Report a malformed head, and close."""
        self.stop_clock()
        self.say(_LONG if self.in_head and self.head > LONGEST_HEAD else _NO_HTTP)
        self.transport.close()

    def say(self, problem: Problem) -> None:
        """Send a problem where there is no request yet that an app could answer."""
        status = HTTPStatus(problem.status_code)
        content = msgspec.json.encode(problem.body())
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            "Content-Type: application/problem+json",
            f"Content-Length: {len(content)}",
            "Connection: close",
        ]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + content)


_LONG = Problem(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "head-too-large",
    "The head of the request is too large",
    f"Its line and its headers may have {LONGEST_HEAD:,} bytes together.",
)
_SLOW = Problem(
    HTTPStatus.REQUEST_TIMEOUT,
    "head-too-slow",
    "The head of the request did not come in time",
    f"All headers must be there within {SlowClientGuard.head_patience:g} seconds.",
)
_NO_HTTP = Problem(
    HTTPStatus.BAD_REQUEST, "no-http", "That is no HTTP request", "Nothing was done: it is no HTTP."
)
