"""Rebuilds the read models of this process while they are served (blue and green).

A process of its own folds the log into the spare folder; then a second projector catches up in here
and replaces the first at the very same position, between two batches. No request notices.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import structlog

from autolearn.api.state.log_reader import LogReader
from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.log import RecordSource
from autolearn.projections.read_models import ReadModels
from autolearn.projections.rebuild.store_folders import ViewsPlace, deleted
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.runtime.child_process import python_command
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.rest.system import Rebuild

SWEEP, SWEEPS = 0.5, 240
"""Seconds between attempts to delete the former read models, and their number."""

log = structlog.stdlib.get_logger("autolearn.api")


class Rebuilding:
    """At most one rebuild at a time, of the views below `folder`."""

    def __init__(self, to: RecordSource, reader: LogReader, folder: Path) -> None:
        self.log, self.reader, self.place = to, reader, ViewsPlace(folder)
        self.status = Rebuild()
        self.task: asyncio.Task[None] | None = None
        self.sweeping: asyncio.Task[None] | None = None

    def start(self) -> Rebuild:
        """Start a rebuild unless one is running."""
        if self.task is None or self.task.done():
            self.status = Rebuild("folding")
            self.task = asyncio.create_task(self.run())
        return self.status

    async def until_over(self, patience: float) -> Rebuild:
        """Return the status once the rebuild is over, or after `patience` seconds."""
        if self.task is not None:
            await asyncio.wait({self.task}, timeout=patience)
        return self.status

    async def run(self) -> None:
        """Rebuild, and take over."""
        began = time.monotonic()
        try:
            folder = self.place.spare()
            await self.fold(folder)
            self.status.status = "catching-up"
            store, follower = await asyncio.to_thread(self.catch_up, folder)
            await self.reader.hand_over(store, follower)
            left = await asyncio.to_thread(self.place.switch, store.folder)
            self.status.status = "done"
            if self.sweeping is not None:
                self.sweeping.cancel()  # what it has not deleted is in `left`
            if left:
                self.sweeping = asyncio.create_task(self._sweep(left))
            log.info("rebuilt", seconds=round(time.monotonic() - began, 1))
        except AutoLearnError as error:
            self.status.status, self.status.detail = "failed", error.diagnostics()
            log.warning("not rebuilt", why=error.detail)
        except Exception as error:
            # Waiting requests must hear of the failure; the old read models are still served.
            self.status.status, self.status.detail = "failed", f"A fault of ours: {error!r}"
            log.exception("not rebuilt")

    async def _sweep(self, left: list[Path]) -> None:
        """Delete the former read models, once RocksDB has closed them.

        It closes them after the last answer from them, in a thread of its own, without a signal. A
        folder that cannot be deleted is logged, and left to the next rebuild.
        """
        for _ in range(SWEEPS):
            await asyncio.sleep(SWEEP)
            left = await asyncio.to_thread(deleted, left)
            if not left:
                return
        log.warning("old read models cannot be deleted", folders=[str(folder) for folder in left])

    async def fold(self, folder: Path) -> None:
        """Fold the log up to now, in a process of its own."""
        asked = ("build", "--with-parent", "--folder", str(folder))
        process = await asyncio.create_subprocess_exec(
            *python_command("autolearn.operations.replay", *asked),
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
        """Process a message of the process."""
        if "progress" in said:
            self.status.done, self.status.total = (
                said["progress"]["done"],
                said["progress"]["total"],
            )
        if "result" in said:
            for name in ("events", "seconds", "events_per_s"):
                setattr(self.status, name, said["result"][name])

    def catch_up(self, folder: Path) -> tuple[RocksStore, Projector]:
        """Open the new store, and fold the events since (blocking)."""
        events = self.reader.topics.events
        with ExitStack() as failed:  # a folder that stayed open could not be resumed
            store = RocksStore(folder)
            failed.callback(store.close)
            follower = Projector(self.log, events.name, ReadModels(store), range(events.partitions))
            failed.callback(follower.close)
            follower.catch_up()
            failed.pop_all()
        return store, follower

    async def stop(self) -> None:
        """Cancel a running rebuild; the next one resumes it."""
        tasks = [task for task in (self.task, self.sweeping) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
