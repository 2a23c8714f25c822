"""The assigned partitions of a process, and the tenure of each.

A tenure lasts from the assignment of a partition to its revocation. It begins with `take`, which
may be long (a whole log may have to be folded), so it runs in a thread and is never awaited by
Faust's assignment handler: that would stop the heartbeats, and the group would expel the process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import structlog
from faust.types import TP

from autolearn.agents.fail_stop import end_process

logger = structlog.get_logger(__name__)


class Cancelled(Exception):
    """The partition was revoked before its tenure had begun."""


class Tenure(Protocol):
    """One tenure of one partition; a later tenure of the same partition is another object."""

    partition: int
    cancelled: threading.Event

    def take(self) -> None:
        """Make ready (blocking). Raises Cancelled soon after `cancelled` is set."""

    def begin(self) -> int:
        """Return the offset to read first, once taken."""

    def close(self) -> None:
        """Close files and connections (blocking)."""


T = TypeVar("T", bound=Tenure)


class Assignments(Generic[T]):
    """The tenures of one Faust application, made by `new(partition)`."""

    def __init__(self, new: Callable[[int], T]) -> None:
        self.new = new
        self.held: dict[int, T] = {}
        self.taking: dict[int, asyncio.Task[None]] = {}
        self.assigned = asyncio.Event()

    def follow(self, app: Any) -> None:
        """Begin and end tenures as Faust's application is assigned partitions."""
        app.on_partitions_assigned.connect(self.on_assigned, weak=False)
        app.on_partitions_revoked.connect(self.on_revoked, weak=False)

    async def on_assigned(self, _: Any, assigned: set[TP], **__: object) -> None:
        """Begin the tenures of new partitions."""
        for tp in assigned:
            if tp.partition not in self.held:
                self.begin(tp.partition)
        self.assigned.set()

    async def ready(self) -> None:
        """Wait until partitions were assigned (perhaps none) and are taken."""
        await self.assigned.wait()
        await asyncio.gather(*(self.of(partition) for partition in list(self.held)))

    async def on_revoked(self, _: Any, revoked: set[TP], **__: object) -> None:
        """End the tenures of revoked partitions."""
        for tp in revoked:
            await self.end(tp.partition)

    def begin(self, partition: int) -> None:
        """Begin a tenure."""
        tenure = self.held[partition] = self.new(partition)
        self.taking[partition] = asyncio.create_task(self.take(tenure))

    async def take(self, tenure: T) -> None:
        """Take a partition in a thread; any failure but a revocation ends the process."""
        try:
            await asyncio.to_thread(tenure.take)
        except Cancelled:
            logger.info("partition was revoked early", partition=tenure.partition)
            raise
        except Exception as error:  # noqa: BLE001 - a task's exception would be lost
            end_process(f"partition {tenure.partition} could not be taken", error)

    async def position(self, tp: TP, ours: Callable[[], bool]) -> int | None:
        """Return the offset to begin a partition (`agents.faust_app.Position`).

        A partition that was revoked meanwhile begins no tenure, which would fence its new owner.
        """
        while ours():
            if tp.partition not in self.held:
                self.begin(tp.partition)
            tenure = await self.of(tp.partition)
            if tenure is not None:
                return tenure.begin()
        return None

    async def of(self, partition: int) -> T | None:
        """Return the tenure of a partition once it is taken; None if it is not ours (any more)."""
        tenure = self.held.get(partition)
        if tenure is None:
            return None
        try:
            await asyncio.shield(self.taking[partition])
        except Cancelled:
            return None
        return tenure if self.holds(tenure) else None

    def taking_any(self) -> bool:
        """Return whether a tenure is not taken yet: nothing is read before that."""
        return any(not self.taking[partition].done() for partition in self.held)

    def holds(self, tenure: T) -> bool:
        """Return whether a tenure still lasts."""
        return self.held.get(tenure.partition) is tenure

    async def close(self) -> None:
        """End all tenures."""
        for partition in list(self.held):
            await self.end(partition)

    async def end(self, partition: int) -> None:
        """End the tenure of a partition, if there is one: first it is removed, then closed."""
        tenure = self.held.pop(partition, None)
        if tenure is not None:
            tenure.cancelled.set()
            await asyncio.to_thread(tenure.close)
