"""Which partitions a process begins with when the group takes some away meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from faust.types import TP

from autolearn.agents.command_handling.assignments import Assignments, Cancelled


class Slow:
    """A tenure that is taken once it may be, and ends early when it is cancelled."""

    made: list[Slow]
    more: asyncio.Event

    def __init__(self, partition: int) -> None:
        self.partition, self.cancelled, self.may = partition, threading.Event(), threading.Event()
        self.made.append(self)
        self.more.set()

    def take(self) -> None:
        while not self.may.wait(0.005):
            if self.cancelled.is_set():
                raise Cancelled

    def begin(self) -> int:
        return 7

    def close(self) -> None:
        pass


def kind() -> type[Slow]:
    """Return a class of tenures with a list of its own."""
    return type("Tenure", (Slow,), {"made": [], "more": asyncio.Event()})


def test_nothing_is_begun_with_what_was_taken_away_while_it_was_taken():
    async def run() -> None:
        made = kind()
        tenures: Assignments[Any] = Assignments(made)
        ours = {1}
        seeking = asyncio.create_task(tenures.position(TP("commands", 1), lambda: 1 in ours))
        await asyncio.sleep(0)
        ours.clear()
        await tenures.on_revoked(None, {TP("commands", 1)})
        assert await asyncio.wait_for(seeking, 10) is None
        assert (len(made.made), tenures.held) == (1, {})

    asyncio.run(run())


def test_what_was_taken_away_and_given_back_is_begun_anew():
    async def run() -> None:
        made = kind()
        tenures: Assignments[Any] = Assignments(made)
        seeking = asyncio.create_task(tenures.position(TP("commands", 1), lambda: True))
        await asyncio.sleep(0)
        made.more.clear()
        await tenures.on_revoked(None, {TP("commands", 1)})
        await asyncio.wait_for(made.more.wait(), 10)
        made.made[1].may.set()
        assert await asyncio.wait_for(seeking, 10) == 7
        assert tenures.held[1] is made.made[1]

    asyncio.run(run())


def test_what_was_taken_away_before_its_turn_is_not_begun_at_all():
    async def run() -> None:
        made = kind()
        tenures: Assignments[Any] = Assignments(made)
        assert await tenures.position(TP("commands", 0), lambda: False) is None
        assert (made.made, tenures.held) == ([], {})

    asyncio.run(run())
