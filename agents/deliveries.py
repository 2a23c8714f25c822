"""Telling a consumer that stands still from one that has nothing to do.

Faust and aiokafka can lose their way when brokers end and come back: the process lives, its loops
go on, the group counts it as a member, and yet nothing is delivered any more (aiokafka issue 1154,
Faust issue 523). So what was delivered is compared with what is on the log. Brokers that do not
answer, and work on what was delivered, are no standstill.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from faust.types import TP, EventT

from autolearn.agents.ending import end_process
from autolearn.eventlog.log import Log
from autolearn.schemas.errors import LogError

__all__ = ["LATE", "LONG_REBALANCE", "LOOK", "Deliveries"]

LOOK = 5.0
"""Seconds between two looks."""
LATE = 3
"""Looks in a row at which a record lies on the log and nothing comes."""
LONG_REBALANCE = 24
"""Looks in a row at which the group has not said which partitions are ours."""


class Deliveries:
    """What a Faust application is given of a topic.

    `behind` is the offset behind the last one delivered, for each partition that is ours; `turns`
    counts all that came, `at_work` is true while a record is worked on.
    """

    def __init__(self, app: Any, log: Log, topic: str) -> None:
        self.log, self.topic = log, topic
        self.turns = self.looks = self.turns_then = 0
        self.at_work = False
        self.assigned: set[int] | None = None
        self.behind: dict[int, int] = {}
        app.on_partitions_assigned.connect(self.on_assigned, weak=False)
        app.on_partitions_revoked.connect(self.on_revoked, weak=False)

    async def on_assigned(self, _: Any, assigned: set[TP], **__: object) -> None:
        """Note what is ours from now on."""
        self.turns += 1
        self.assigned, self.behind = {tp.partition for tp in assigned}, {}

    async def on_revoked(self, *_: Any, **__: object) -> None:
        """Wait for what the group says next."""
        self.turns += 1
        self.assigned = None

    async def of(self, events: AsyncIterator[EventT[bytes]]) -> AsyncIterator[EventT[bytes]]:
        """Yield what is delivered, and note it."""
        async for event in events:
            self.turns += 1
            self.at_work = True
            self.behind[event.message.partition] = event.message.offset + 1
            yield event
            self.at_work = False

    async def watch(self) -> None:
        """Look again and again, and end the process at a standstill."""
        while True:
            await asyncio.sleep(LOOK)
            if self.goes_on():
                continue
            try:
                why = self.standstill(await asyncio.to_thread(self.on_log))
            except LogError:
                continue  # no broker answers: nothing can come
            if why:
                end_process(why)

    def goes_on(self) -> bool:
        """Say whether something came since the last look, or is worked on."""
        if self.turns == self.turns_then and not self.at_work:
            return False
        self.turns_then, self.looks = self.turns, 0
        return True

    def on_log(self) -> dict[int, tuple[int, int]]:
        """Return the oldest offset that is kept and the next one, of each partition (blocking)."""
        begins, ends = self.log.begins(self.topic), self.log.ends(self.topic)
        return {partition: (begins[partition], ends[partition]) for partition in ends}

    def standstill(self, on_log: dict[int, tuple[int, int]]) -> str:
        """Say what stands still, or "".

        What lay on a partition when it was first looked at may have been read in another tenure.
        """
        if self.assigned is None:
            self.looks += 1
            return f"no partition of {self.topic} is ours" if self.looks >= LONG_REBALANCE else ""
        for partition in self.assigned:
            oldest, end = on_log[partition]
            at = max(oldest, self.behind.setdefault(partition, end))
            if at < end:
                self.looks += 1
                late = f"offset {at} of partition {partition} of {self.topic} is not delivered"
                return late if self.looks >= LATE else ""
        self.looks = 0
        return ""
