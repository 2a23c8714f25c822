"""Rebuilding the read models of this process while they are served (blue and green).

A process of its own folds the log into the spare folder; then a second Follower catches up in here
and takes over from the first at the very same position, between two batches. No request notices.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from msgspec import Struct

from autolearn.eventlog.follower import Follower
from autolearn.projections.place import ViewsPlace
from autolearn.projections.projection import ReadModels
from autolearn.projections.store import RocksStore
from autolearn.schemas.errors import AutoLearnError

if TYPE_CHECKING:
    from autolearn.api.facade import Facade

__all__ = ["Rebuilding", "Status"]

log = structlog.stdlib.get_logger("autolearn.api")


class Status(Struct):
    """How a rebuild goes: `status` is none, folding, catching-up, done or failed."""

    status: str = "none"
    done: int = 0
    total: int | None = None
    events: int = 0
    seconds: float = 0.0
    events_per_s: float = 0.0
    detail: str = ""


class Rebuilding:
    """At most one rebuild at a time, of the views below `folder`."""

    def __init__(self, facade: Facade, folder: Path) -> None:
        self.facade, self.place = facade, ViewsPlace(folder)
        self.status = Status()
        self.task: asyncio.Task[None] | None = None

    def start(self) -> Status:
        """Begin a rebuild, unless one is going on."""
        if self.task is None or self.task.done():
            self.status = Status("folding")
            self.task = asyncio.create_task(self.run())
        return self.status

    async def until_over(self, patience: float) -> Status:
        """Return the status once the rebuild is over, or after `patience` seconds."""
        if self.task is not None:
            await asyncio.wait({self.task}, timeout=patience)
        return self.status

    async def run(self) -> None:
        """Rebuild, and take over."""
        began = time.monotonic()
        try:
            await self.fold()
            self.status.status = "catching-up"
            store, follower = await asyncio.to_thread(self.catch_up)
            await self.facade.hand_over(store, follower)
            await asyncio.to_thread(self.place.switch, store.folder)
            self.status.status = "done"
            log.info("rebuilt", seconds=round(time.monotonic() - began, 1))
        except AutoLearnError as error:
            self.status.status, self.status.detail = "failed", error.diagnostics()
            log.warning("not rebuilt", why=error.detail)

    async def fold(self) -> None:
        """Fold the log up to now, in a process of its own."""
        command = ("-m", "autolearn.projections.replay", "build", "--json", "--with-parent")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            "--folder",
            str(self.place.spare()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            while line := await process.stdout.readline():
                self.take(msgspec.json.decode(line))
            words = (await process.stderr.read()).decode(errors="replace")
            if await process.wait():
                raise AutoLearnError(words.strip(), title="The log could not be folded")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def take(self, said: dict[str, Any]) -> None:
        """Note what the process says."""
        if "progress" in said:
            self.status.done, self.status.total = (
                said["progress"]["done"],
                said["progress"]["total"],
            )
        if "result" in said:
            for name in ("events", "seconds", "events_per_s"):
                setattr(self.status, name, said["result"][name])

    def catch_up(self) -> tuple[RocksStore, Follower]:
        """Open what was built, and fold what was written meanwhile (blocking)."""
        facade = self.facade
        store = RocksStore(self.place.spare())
        topic, partitions = facade.topics.events.name, range(facade.topics.events.partitions)
        follower = Follower(facade.log, topic, ReadModels(store), partitions)
        follower.catch_up()
        return store, follower

    async def stop(self) -> None:
        """Give up a rebuild that is going on; the next one goes on from there."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
