"""Requests that wait for the answer of a command, or for new events of a stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from autolearn.schemas.codec import EventRecord
from autolearn.schemas.events import (
    CommandFailed,
    CommandQuarantined,
    Refused,
    RunStarted,
    StepRecorded,
)
from autolearn.schemas.messages import type_of
from autolearn.schemas.work_kinds import WORK

_ANY = ""
_NO_END = {
    type_of(RunStarted),
    type_of(StepRecorded),
    *(type_of(work.requested) for work in WORK.values()),
}
"""The most frequent events of runs, after which each run goes on."""
_ANSWERS = {
    type_of(Refused): "refused",
    type_of(CommandFailed): "failed",
    type_of(CommandQuarantined): "failed",
}


class AnswerWaiters:
    """Wakes waiting requests when events were stored. Everything here runs on the event loop.

    Commands without a waiting request are not tracked.

    `told(answer, seconds)` receives the time until the answer of a command with a waiting request:
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
        """Yield a future that is done as soon as the answer of a command is stored.

        Several requests may wait for the same command; a request that gives up leaves the others.
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
        """Wake every request that waits for one of these stored events."""
        for record in records:
            if record.causationid in self.answers:
                self.settle(self.answers, record.causationid)
                self.tell(record)
            if self.news:
                self.settle(self.news, record.subject)
                if record.type not in _NO_END:
                    self.settle(self.news, _ends_of(record.subject))
        self.settle(self.news, _ANY)

    def tell(self, record: EventRecord) -> None:
        """Report the time until an answer."""
        asked = self.asked.pop(record.causationid, None)
        if asked is not None:
            self.told(_ANSWERS.get(record.type, "accepted"), time.perf_counter() - asked)

    def give_up(self) -> None:
        """Wake every request that waits for an answer: there will be none."""
        for command in list(self.answers):
            self.settle(self.answers, command)

    def settle(self, waiting: dict[str, asyncio.Future[None]], at: str) -> None:
        """Wake the requests that wait for one thing."""
        future = waiting.pop(at, None)
        if future is not None and not future.done():
            future.set_result(None)

    async def until_ended(self, true: Callable[[], bool], seconds: float, stream: str) -> bool:
        """Wait until a run of a stream has ended, as `until` does.

        The condition is not checked at events that end no run: hundreds of runs may be waited for.
        """
        return await self.until(true, seconds, _ends_of(stream))

    async def until(self, true: Callable[[], bool], seconds: float, stream: str = _ANY) -> bool:
        """Wait until a condition holds, checked at each event of the stream (or of any).

        Return whether it holds; False after `seconds`.
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


def _ends_of(stream: str) -> str:
    return f"{stream} ends"
