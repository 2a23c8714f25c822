"""Detects a consumer that stands still, as opposed to an idle one.

Faust and aiokafka can lose their way when brokers end and come back: the process lives, its loops
go on, the group counts it as a member, and yet nothing is delivered any more (aiokafka issue 1154,
Faust issue 523). So deliveries are compared with the log. Brokers that do not answer, and work on a
delivered record, are no standstill.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from faust.types import TP, EventT

from autolearn.agents.fail_stop import end_process
from autolearn.eventlog.log import RecordSource
from autolearn.schemas.errors import LogError

_LOOK = 5.0
"""Seconds between two checks."""
LATE = 4
"""Checks in a row at which a partition has a record, and is not delivered any."""
LONG_REBALANCE = 24
"""Checks in a row without an assignment of the group."""


class Deliveries:
    """The deliveries of a topic to a Faust application.

    `busy` says whether it cannot receive anything yet. `on_change` receives the assigned partitions
    when they change; None without an assignment. For each of them, `behind` is the offset behind
    the last delivered record, `before` its value at the last check, and `late` the number of checks
    at a standstill. `at_work` is true while a record is processed.
    """

    def __init__(
        self,
        app: Any,
        log: RecordSource,
        topic: str,
        busy: Callable[[], bool] = lambda: False,
        on_change: Callable[[set[int] | None], None] = lambda _: None,
    ) -> None:
        self.log, self.topic, self.busy, self.on_change = log, topic, busy, on_change
        self.turns = self.turns_then = self.unknown = 0
        self.at_work = False
        self.assigned: set[int] | None = None
        self.behind: dict[int, int] = {}
        self.before: dict[int, int] = {}
        self.late: Counter[int] = Counter()
        app.on_partitions_assigned.connect(self.on_assigned, weak=False)
        app.on_partitions_revoked.connect(self.on_revoked, weak=False)

    async def on_assigned(self, _: Any, assigned: set[TP], **__: object) -> None:
        """Note the assigned partitions."""
        self.assigned = {tp.partition for tp in assigned}
        self.forget()

    async def on_revoked(self, *_: Any, **__: object) -> None:
        """Wait for the next assignment."""
        self.assigned, self.unknown = None, 0
        self.forget()

    def forget(self) -> None:
        """Start anew, as after an assignment."""
        self.behind, self.before, self.late = {}, {}, Counter()
        self.on_change(self.assigned)

    async def of(self, events: AsyncIterator[EventT[bytes]]) -> AsyncIterator[EventT[bytes]]:
        """Yield the delivered records, and note them."""
        async for event in events:
            self.turns += 1
            self.at_work = True
            self.behind[event.message.partition] = event.message.offset + 1
            yield event
            self.at_work = False

    async def watch(self) -> None:
        """Check again and again, and end the process at a standstill."""
        while True:
            await asyncio.sleep(_LOOK)
            if self.goes_on():
                continue
            with suppress(LogError):  # no broker answers: nothing can come
                ends = await asyncio.to_thread(self.log.ends, self.topic)
                if (why := self.standstill(ends)) and not await self.expired():
                    end_process(why)

    def goes_on(self) -> bool:
        """Return whether there is nothing to check.

        That is so if every partition of ours was delivered something since the last check, or
        nothing can be: it is `busy`, or has worked on one record all the time.
        """
        working = self.at_work and self.turns == self.turns_then
        self.turns_then = self.turns
        if (self.assigned is None or self.stands()) and not working and not self.busy():
            return False
        self.before = dict(self.behind)
        self.late.clear()
        return True

    def stands(self) -> set[int]:
        """Return our partitions without a delivery since the last check."""
        held = self.assigned or set()
        return {p for p in held if self.behind.get(p) == self.before.get(p)}

    def standstill(self, ends: dict[int, int]) -> str:
        """Describe the standstill, or ""; `ends` are the next offsets on the log.

        Records that lay on a partition at the first check may have been read in another tenure.
        """
        if self.assigned is None:
            self.unknown += 1
            return f"no partition of {self.topic} is ours" * (self.unknown >= LONG_REBALANCE)
        standing = self.stands()
        for partition in self.assigned:
            waits = self.behind.setdefault(partition, ends[partition]) < ends[partition]
            self.late[partition] = (
                self.late[partition] + 1 if waits and partition in standing else 0
            )
        self.before = dict(self.behind)
        for partition, looks in self.late.items():
            if looks >= LATE:
                at = f"offset {self.behind[partition]} of partition {partition} of {self.topic}"
                return f"{at} is not delivered"
        return ""

    async def expired(self) -> bool:
        """Return whether the undelivered records have expired on the log; then skip them."""
        begins = await asyncio.to_thread(self.log.begins, self.topic)
        passed = {p: at for p, at in self.behind.items() if at < begins[p]}
        self.behind |= {p: begins[p] for p in passed}
        return bool(passed)
