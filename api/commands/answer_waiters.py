"""Who waits for what: requests that wait for the answer of a command, or for news of a stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from autolearn.schemas.codec import EventRecord
from autolearn.schemas.events import CommandFailed, CommandQuarantined, Refused
from autolearn.schemas.messages import type_of

__all__ = ["AnswerWaiters"]

ANY = ""
ANSWERS = {
    type_of(Refused): "refused",
    type_of(CommandFailed): "failed",
    type_of(CommandQuarantined): "failed",
}


class AnswerWaiters:
    """Wakes those who wait when events were stored. Everything here runs on the event loop.

    Nothing is kept of a command that nobody waits for.

    `told(answer, seconds)` hears how long the answer of a command took that somebody waits for:
    accepted, refused or failed.
    """

    def __init__(self, told: Callable[[str, float], None] = lambda *_: None) -> None:
        self.told = told
        self.answers: dict[str, asyncio.Future[None]] = {}
        self.asked: dict[str, float] = {}
        self.waiting: dict[str, int] = {}
        self.news: dict[str, asyncio.Future[None]] = {}

    @contextmanager
    def expected(self, command: str) -> Iterator[asyncio.Future[None]]:
        """Give what is done as soon as the answer of a command is stored.

        Several requests may wait for the same command; the first that gives up leaves the others.
        """
        found = self.answers.get(command)
        if found is None:
            found = self.answers[command] = asyncio.get_running_loop().create_future()
            self.asked[command] = time.perf_counter()
        self.waiting[command] = self.waiting.get(command, 0) + 1
        try:
            yield found
        finally:
            self.waiting[command] -= 1
            if not self.waiting[command]:
                del self.waiting[command]
                self.answers.pop(command, None)
                self.asked.pop(command, None)

    def notify(self, records: list[EventRecord]) -> None:
        """Wake everyone who waits for one of these events, which are stored."""
        for record in records:
            if record.causationid in self.answers:
                self.settle(self.answers, record.causationid)
                self.tell(record)
            if self.news:
                self.settle(self.news, record.subject)
        self.settle(self.news, ANY)

    def tell(self, record: EventRecord) -> None:
        """Tell how long an answer took."""
        asked = self.asked.pop(record.causationid, None)
        if asked is not None:
            self.told(ANSWERS.get(record.type, "accepted"), time.perf_counter() - asked)

    def give_up(self) -> None:
        """Wake everyone who waits for an answer: there will be none."""
        for command in list(self.answers):
            self.settle(self.answers, command)

    def settle(self, waiting: dict[str, asyncio.Future[None]], at: str) -> None:
        """Wake those who wait for one thing."""
        future = waiting.pop(at, None)
        if future is not None and not future.done():
            future.set_result(None)

    async def until(self, true: Callable[[], bool], seconds: float, stream: str = ANY) -> bool:
        """Wait until a condition holds, asked again at each event of the stream (or of any).

        Returns whether it holds; False after `seconds`.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not true():
            future = self.news.get(stream)
            if future is None:
                future = self.news[stream] = loop.create_future()
            done, _ = await asyncio.wait((future,), timeout=deadline - loop.time())
            if not done:
                return true()
        return True
