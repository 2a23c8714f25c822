"""Read your writes: a client requires the position of its own changes from then on."""

from __future__ import annotations

import httpx

from autolearn.eventlog.positions import AFTER, REACHED, Position


class Reached:
    """The reached position of a client, and the hooks of its httpx client that send it."""

    def __init__(self) -> None:
        self.position: Position | None = None

    def ask(self, request: httpx.Request) -> None:
        """Require the reached position for an answer."""
        if self.position is not None:
            request.headers[AFTER] = self.position.token()

    def keep(self, response: httpx.Response) -> None:
        """Store the position of an answer; forget one of a log that is gone."""
        if response.status_code == 422:
            response.read()
        self.take(response)

    def take(self, response: httpx.Response) -> None:
        """Do that; the body of a 422 was read."""
        if told := response.headers.get(REACHED):
            position = Position.parse(told)
            self.position = position.joined(self.position) if self.position else position
        elif response.status_code == 422 and AFTER.encode() in response.content:
            self.position = None  # another log by now: a restored one


class AsyncReached(Reached):
    """The same hooks to await."""

    async def ask_async(self, request: httpx.Request) -> None:
        """Do as `ask`."""
        self.ask(request)

    async def keep_async(self, response: httpx.Response) -> None:
        """Do as `keep`."""
        if response.status_code == 422:
            await response.aread()
        self.take(response)
