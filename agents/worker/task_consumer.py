"""Takes the delivered tasks: each waits for a slot, and is worked on then."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path

import structlog
from faust.types import EventT

from autolearn.agents.fail_stop import end_process, spawn
from autolearn.agents.worker.attempt_runner import AttemptRunner, WorkerAttempt
from autolearn.runtime.disk_usage import shortage
from autolearn.runtime.folders import artifacts_of
from autolearn.runtime.home import home_of
from autolearn.runtime.meter import GaugeSample
from autolearn.runtime.timestamps import now
from autolearn.runtime.trace_context import Trace, trace_in
from autolearn.schemas.bounds import LONGEST_NAME, cut
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.task import Task
from autolearn.schemas.settings import Settings
from autolearn.schemas.stream_kinds import kind_of
from autolearn.schemas.work_kinds import WORK

_MOST_STUDIES = 2 * 16
"""Studies that are taken at a time: twice as many as are offered, as with slots."""
logger = structlog.get_logger(__name__)
_SCRATCH_PERCENT = 10
"""The percentage of the temporary folder's file system that the reserve takes at most."""


class TaskConsumer:
    """Takes tasks as long as slots are free and the disks have room; a few more wait for a slot."""

    def __init__(self, settings: Settings, runner: AttemptRunner) -> None:
        self.settings, self.runner, self.slots = settings, runner, settings.workers.slots
        self._free = asyncio.Semaphore(self.slots)
        self.attempts: dict[tuple[str, int], WorkerAttempt] = {}
        self.disk_low = ""
        self.leaving = False
        """It takes no more tasks."""
        self._working: set[asyncio.Task[None]] = set()
        store = artifacts_of(settings)
        self._disks = [home_of(settings), *([store] if store else [])]

    async def consume(self, delivered: AsyncIterator[EventT[bytes]]) -> None:
        """Take every delivered task."""
        async for event in delivered:
            try:
                task, trace = task_in(event.value), trace_in(event.message.headers)
            except MalformedRecord as error:
                # Dispatch repeats waiting offers: nothing is lost with a malformed task.
                logger.warning("a task could not be read", why=error.detail)
                continue
            try:
                self.take(task, trace)
            except Exception as error:  # noqa: BLE001 - Faust would lose the task and go on
                end_process("a task could not be taken", error)

    def take(self, task: Task, trace: Trace | None) -> None:
        """Begin to work on a task, or leave it to others: dispatch repeats unclaimed offers.

        Never waits, since other tasks are behind it. While all slots are taken a few tasks may wait
        for one here: dispatch learns a little earlier than the worker itself that a run has ended.
        """
        known, slot = (task.run, task.attempt) in self.attempts, WORK[task.kind].takes_slot
        there = sum(WORK[one.task.kind].takes_slot == slot for one in self.attempts.values())
        most = 2 * self.slots if slot else _MOST_STUDIES
        if not known and not self.leaving and not self.shortage() and there < most:
            attempt = self.attempts[task.run, task.attempt] = WorkerAttempt(task, trace)
            working = spawn(self.work(attempt), "work failed")
            self._working.add(working)
            working.add_done_callback(self._working.discard)

    def shortage(self) -> str:
        """Return which disk is too full for another run, "" if none is; note a change."""
        reserve, scratch = self.settings.limits.disk_reserve, [Path(tempfile.gettempdir())]
        # A temporary folder may be a small file system in memory.
        why = shortage(reserve, self._disks) or shortage(reserve, scratch, _SCRATCH_PERCENT)
        if bool(why) != bool(self.disk_low):
            logger.warning("no run is taken: the disk is low" if why else "runs are taken", why=why)
        self.disk_low = why
        return why

    async def work(self, attempt: WorkerAttempt) -> None:
        """Once there is a slot: claim an attempt, do the work if it was accepted, post its end.

        A study needs no slot. The next one has the slot while the end is posted.
        """
        task, end = attempt.task, None
        try:
            async with self._free if WORK[task.kind].takes_slot else nullcontext():
                if not self.runner.is_taken(task):
                    attempt.begun, attempt.since = True, now()
                    end = await self.runner.run(attempt)
            if end is not None:
                await self.runner.report(attempt, end)
        finally:
            del self.attempts[task.run, task.attempt]
            self.runner.changed.set()

    def cancel_lost(self) -> None:
        """End the attempts that were cancelled, or given to another worker."""
        for attempt in self.attempts.values():
            if attempt.running is not None and not self.runner.holds(attempt.task):
                attempt.cancel()

    async def drain(self, seconds: float) -> None:
        """Take no more tasks, and wait for the end of those that were taken, not for longer."""
        self.leaving = True
        self.runner.changed.set()
        if self._working:
            await asyncio.wait(self._working, timeout=seconds)

    def stop(self) -> None:
        """End all attempts: other workers will start their runs again."""
        for working in self._working:
            working.cancel()
        for attempt in self.attempts.values():
            attempt.cancel()

    def busy(self) -> list[GaugeSample]:
        """Return the number of slots, and of used ones."""
        begun = (one for one in self.attempts.values() if one.begun)
        busy = min(sum(WORK[one.task.kind].takes_slot for one in begun), self.slots)
        return [
            ("autolearn_worker_slots", (), self.slots),
            ("autolearn_worker_busy_slots", (), busy),
        ]


def task_in(value: bytes | None) -> Task:
    """Return the task of a record.

    Raises:
        MalformedRecord: it is none.
    """
    task = from_json(value or b"", Task)
    if task.kind not in WORK or len(task.run) > LONGEST_NAME:
        raise MalformedRecord(f"There is no such work: {cut(task.kind)!r} {cut(task.run)!r}.")
    try:
        kind_of(task.stream)
    except ValueError as error:
        raise MalformedRecord(f"The task is of no stream: {error}.") from None
    return task
