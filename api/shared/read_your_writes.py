"""Read your writes, through whichever process: what an answer has reached, and who wants no less.

The answer to what changes something names, in `AutoLearn-Reached`, a position that holds the
change. A request that gives it back in `AutoLearn-After` is answered from no less: also a list, and
also by another process.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autolearn.api.shared.as_of import until_folded
from autolearn.api.shared.positions import read_position
from autolearn.api.state.log_reader import LogReader
from autolearn.eventlog.positions import AFTER, REACHED, Position

__all__ = ["MarkReached", "until_reached"]


class MarkReached:
    """Names on the answer to whatever may have changed something what this process has folded."""

    def __init__(self, app: ASGIApp, reader: LogReader) -> None:
        self.app, self.reader = app, reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        asks = scope["type"] != "http" or scope["method"] in ("GET", "HEAD")
        if asks or not scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                reached = self.reader.queries.latest().progress()
                position = Position.of(self.reader.log_id, reached)
                MutableHeaders(scope=message)[REACHED] = position.token()
            await send(message)

        await self.app(scope, receive, marked)


async def until_reached(reader: LogReader, token: str) -> None:
    """Wait until this process has folded what a request wants to be answered from.

    Raises:
        Problem: it has not come so far in time (503), or that is no position of this log (422).
    """
    position = await read_position(reader, token, AFTER)
    await until_folded(reader, {place.partition: place.next for place in position.places})
