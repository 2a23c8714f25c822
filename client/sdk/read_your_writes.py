"""Read your writes: a client asks from then on for no less than what it was told of its changes."""

from __future__ import annotations

import httpx

from autolearn.eventlog.positions import AFTER, REACHED, Position

__all__ = ["AsyncReached", "Reached"]


class Reached:
    """What a client has been told, and the hooks of its httpx client that ask for it."""

    def __init__(self) -> None:
        self.position: Position | None = None

    def ask(self, request: httpx.Request) -> None:
        """Ask to be answered from what holds all that was told."""
        if self.position is not None:
            request.headers[AFTER] = self.position.token()

    def keep(self, response: httpx.Response) -> None:
        """Keep how far an answer has come; forget it where it is of no log that is there."""
        if response.status_code == 422:
            response.read()
        self.take(response)

    def take(self, response: httpx.Response) -> None:
        """Do that; the body of a 422 was read."""
        if told := response.headers.get(REACHED):
            position = Position.parse(told)
            self.position = position.joined(self.position) if self.position else position
        elif response.status_code == 422 and AFTER.encode() in response.content:
            self.position = None  # it is another log by now: one that was restored


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
