"""The HTTP connections of a process: uvicorn's, which the app can also cut."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["CUT", "Connection"]

CUT = "autolearn.cut"
"""The ASGI extension by which an app cuts the connection that a request came in on."""
LINGER = 5.0
"""Seconds that a client has to take the last words."""


class Connection(HttpToolsProtocol):
    """One connection. ASGI alone has no way to part from a client that takes nothing."""

    def on_message_begin(self) -> None:
        """Offer the extension to the request that begins."""
        super().on_message_begin()
        self.scope["extensions"] = {CUT: {"cut": self.cut}}

    def cut(self) -> None:
        """Close behind the end of the answer, which is written whatever is still to be taken.

        What the client has not taken LINGER seconds later is thrown away.
        """
        self.cycle.keep_alive = False
        self.flow.resume_writing()
        self.loop.call_later(LINGER, self.transport.abort)
