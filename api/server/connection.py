"""The HTTP connections of a process: uvicorn's, which the app can also cut."""

from __future__ import annotations

import asyncio
import socket

from autolearn.api.http.sse import EXTENSION
from autolearn.api.server.slow_clients import SlowClientGuard

_SEND_BUFFER = 128 * 1024
"""Bytes of a stream that the kernel buffers (Linux takes twice as much for itself)."""
_LINGER = 5.0
"""Seconds that a client has to take the last message."""


class HttpConnection(SlowClientGuard):
    """One connection, which can be cut from a client that reads nothing; ASGI alone cannot.

    A client that reads nothing of an answer for `patience` seconds loses its connection: an answer
    that is written whole would lie here for as long as the client likes.
    """

    patience = 300.0
    stuck: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Note that the client reads too slowly."""
        super().pause_writing()
        self.watch()

    def watch(self) -> None:
        """Check later whether it has read anything."""
        left = self.transport.get_write_buffer_size()
        self.stuck = self.loop.call_later(self.patience, self.part_unless_below, left)

    def part_unless_below(self, size: int) -> None:
        """Cut the client unless fewer unread bytes are left than this; nothing is added by then."""
        if self.transport.get_write_buffer_size() < size:
            self.watch()
        else:
            self.transport.abort()

    def resume_writing(self) -> None:
        """Note that it has read most of it."""
        super().resume_writing()
        self.wait_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self.wait_no_more()

    def wait_no_more(self) -> None:
        """Stop the clock."""
        if self.stuck is not None:
            self.stuck.cancel()
            self.stuck = None

    def on_message_begin(self) -> None:
        """Offer the extension to a new request."""
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"narrow": self.narrow, "cut": self.cut}}

    def narrow(self) -> None:
        """Shrink the kernel's buffer, so that a client that reads nothing is noticed soon.

        By default, Linux holds 4 MiB, and reports room only when a third of them was read.
        """
        bare = self.transport.get_extra_info("socket")
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)

    def cut(self) -> None:
        """Close after the end of the answer, which is written in any case.

        Bytes that the client has not read _LINGER seconds later are dropped.
        """
        self.cycle.keep_alive = False
        self.flow.resume_writing()
        self.loop.call_later(_LINGER, self.transport.abort)
