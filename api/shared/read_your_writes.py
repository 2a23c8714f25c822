"""Read your writes, through any process: the position behind an answer, and the required one.

The answer to a change names, in `AutoLearn-Reached`, a position that holds the change. A request
that gives it back in `AutoLearn-After` is answered from no less: also a list, and also by another
process.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autolearn.api.shared.as_of import until_folded
from autolearn.api.shared.positions import read_position
from autolearn.api.state.log_reader import LogReader
from autolearn.eventlog.positions import AFTER, REACHED, Position


class MarkReached:
    """Names the position of this process on the answer to every possible change."""

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
                reached = self.reader.queries.progress()
                position = Position.of(self.reader.log_id, reached)
                MutableHeaders(scope=message)[REACHED] = position.token()
            await send(message)

        await self.app(scope, receive, marked)


async def until_reached(reader: LogReader, token: str) -> None:
    """Wait until this process has reached the position that a request requires.

    Raises:
        Problem: it has not reached it in time (503), or it is no position of this log (422).
    """
    position = await read_position(reader, token, AFTER)
    await until_folded(reader, {place.partition: place.next for place in position.places})
