"""The work agent: a Faust agent on `tasks` that claims attempts and does the work.

Dispatch sends a task when a slot seems free. The worker claims its attempt with a command, and
works only if the log says that the claim was accepted. The work itself is done by a process of its
own (agents.executors), so that it can be cancelled and limited, and cannot take the worker down.
"""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from msgspec import Raw, Struct

from autolearn.agents.command_client import CommandClient, command_id
from autolearn.agents.delivery_watch import Deliveries
from autolearn.agents.executors.executor import (
    Completed,
    Executor,
    Failed,
    Limits,
    Lost,
    StartedRun,
)
from autolearn.agents.executors.local.executor import LocalExecutor
from autolearn.agents.fail_stop import end_process, spawn
from autolearn.agents.faust_app import consume, make_app
from autolearn.agents.followed_projection import FollowedProjection
from autolearn.agents.worker.catalog_announcer import offers
from autolearn.eventlog.encryption.session_cipher import key_of_kept, open_vault
from autolearn.eventlog.log import Log
from autolearn.projections.work.open_runs import OpenRuns, spec_digest
from autolearn.runtime.disk_usage import shortage
from autolearn.runtime.folders import artifacts_of
from autolearn.runtime.home import artifacts_url, home_of, state_folder
from autolearn.runtime.meter import GaugeSample, Meter
from autolearn.runtime.sandbox import missing
from autolearn.runtime.timestamps import now
from autolearn.runtime.trace_context import Trace, trace_in
from autolearn.schemas import commands
from autolearn.schemas.actors import worker
from autolearn.schemas.bounds import LONGEST_NAME, LONGEST_TEXT, cut
from autolearn.schemas.codec import EventRecord, event_of, from_json, to_json
from autolearn.schemas.commands import RegisterDataset
from autolearn.schemas.errors import MalformedRecord, TooLarge
from autolearn.schemas.events import CommandFailed, CommandQuarantined, Refused, RunStarted
from autolearn.schemas.messages import Command, type_of
from autolearn.schemas.records.heartbeat import Heartbeat, Progress
from autolearn.schemas.records.task import Task
from autolearn.schemas.settings import Settings
from autolearn.schemas.stream_kinds import kind_of
from autolearn.schemas.stream_kinds import stream as stream_name
from autolearn.schemas.topics import Topics
from autolearn.schemas.values import DatasetRef
from autolearn.schemas.work_kinds import WORK
from autolearn.security.data_key import Unreadable

logger = structlog.get_logger(__name__)
_SCRATCH_PERCENT = 10
"""The percentage of the temporary folder's file system that the reserve takes at most."""
_NOT_TAKEN = {type_of(Refused), type_of(CommandFailed), type_of(CommandQuarantined)}
Offer = commands.RegisterEstimator | commands.RegisterMetric | commands.RegisterDataset
_KIND_OF_OFFER = {
    commands.RegisterEstimator: "estimator",
    commands.RegisterMetric: "metric",
    commands.RegisterDataset: "dataset",
}


class Limited(Struct):
    """The limits and the dataset in a run's request."""

    time_limit: float
    memory_limit: int
    dataset: DatasetRef


class Opened(NamedTuple):
    """A task in clear: its request, its limits, and the keys of its session and its data.

    `data_key` is None if the dataset is deleted.
    """

    request: Raw
    limits: Limits
    dataset: DatasetRef
    key: bytes
    data_key: bytes | None


class WorkerAttempt:
    """One attempt that this worker works on, tries to claim, or has no slot for yet."""

    def __init__(self, task: Task, trace: Trace | None) -> None:
        self.task, self.trace = task, trace
        self.has_slot = False
        self.phase = "claiming"
        self.since = now()
        self.running: StartedRun | None = None
        self.cancelled = False

    def progress(self) -> Progress:
        """Return its progress for a heartbeat."""
        session = self.task.stream.partition("/")[2]
        task = self.task
        return Progress(task.run, task.kind, session, task.attempt, self.phase, self.since)

    def cancel(self) -> None:
        """Stop the work; its outcome is ignored."""
        self.cancelled = True
        if self.running is not None:
            self.running.cancel()


class Worker:
    """Works on runs of every kind, `settings.slots` at a time.

    Its id is new with every process, so that the runs of an earlier one are recognised as lost.
    """

    def __init__(self, settings: Settings, log: Log, brokers: str, meter: Meter) -> None:
        self.settings, self.log = settings, log
        self.topics = Topics.of(settings)
        self.id = f"{socket.gethostname()}-{settings.instance}-{uuid.uuid4().hex[:12]}"
        self.slots = asyncio.Semaphore(settings.slots)
        self.attempts: dict[tuple[str, int], WorkerAttempt] = {}
        self.partitions: set[int] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.changed = asyncio.Event()
        self.vault = open_vault(settings, log)
        actor, instance = worker(self.id), f"work/{self.id}"
        self.commands = CommandClient(log, self.topics, actor, instance, self.vault)
        self.unconfined, self.disk_low = missing(), ""
        store = artifacts_of(settings)
        self.disks = [home_of(settings), *([store] if store else [])]
        self.meter = meter
        meter.watch(self.busy)
        self.folder = state_folder(settings, "work") / "runs"
        self.executor: Executor = LocalExecutor(
            artifacts_url(settings),
            note=self.folder.with_name(f"{self.folder.name}.scratch"),
        )
        self.app = app = make_app("work", settings, brokers)
        tasks = self.topics.tasks.name
        self.deliveries = Deliveries(app, log, tasks, on_change=self.on_partitions)
        consume(app, tasks, "work", self.run)

    def on_partitions(self, ours: set[int] | None) -> None:
        """Tell dispatch soon which partitions reach this worker."""
        self.partitions = ours or set()
        if ours == set():
            advice = "there are more workers than partitions: AUTOLEARN_TASK_PARTITIONS"
            logger.warning("this worker gets no tasks", advice=advice)
        self.changed.set()

    async def start(self) -> None:
        """Follow the events, warm the executor, announce the catalog, and begin to beat."""
        self.vault.start()
        await asyncio.to_thread(self.vault.catch_up)
        events = self.topics.events
        self.followed, _ = await asyncio.gather(
            asyncio.to_thread(FollowedProjection, self.log, events, self.folder, OpenRuns),
            self.executor.warm(),
        )
        self.runs = self.followed.projection
        self.followed.follow(self.on_events)
        self.beating = spawn(self._beat_for_ever(), "the heartbeat failed")
        self.announcing = asyncio.create_task(self.announce())

    async def ready(self) -> None:
        """Wait until the whole catalog is on the log."""
        await self.announcing

    async def stop(self) -> None:
        """End the runs in progress (others will start them again), and report it."""
        self.beating.cancel()
        for task in self.tasks:
            task.cancel()
        for attempt in self.attempts.values():
            attempt.cancel()
        await self.executor.close()
        self.beat(stopped=True)
        await self.followed.close()
        await asyncio.to_thread(self.vault.stop)

    def busy(self) -> list[GaugeSample]:
        """Return the number of slots, and of used ones."""
        return [
            ("autolearn_worker_slots", (), self.settings.slots),
            ("autolearn_worker_busy_slots", (), len(self.attempts)),
        ]

    def spawn(self, work: Any) -> None:
        """Run a coroutine; an error in it ends the process."""
        task = spawn(work, "work failed")
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def announce(self) -> None:
        """Register catalog entries that are missing on the log, or differ.

        A dataset is registered once: an update does not replace data that were trained on.
        """
        on_offer = await offers(self.executor)
        for problem in on_offer.problems:
            logger.warning("a plug-in was left out", problem=problem)
        for command in on_offer:
            assert isinstance(command, Offer)
            name = stream_name(_KIND_OF_OFFER[type(command)], command.spec.name)
            known = self.runs.offered(name)
            digest = spec_digest(command.spec)
            once = isinstance(command, RegisterDataset)
            if known is None or (known.spec != digest and not once):
                # The sequence makes going back to an earlier specification another command.
                after = known.sequence if known else 0
                identity = command_id("offer", name, digest, "after", after)
                begun = Trace.begin() if self.settings.audit == "on" else None
                try:
                    await self.commands.ask(name, command, identity, begun)
                except TooLarge as error:
                    logger.warning("an offer was left out", name=name, why=error.detail)

    async def run(self, stream: Any) -> None:
        """Process every delivered task (the Faust agent)."""
        async for event in self.deliveries.of(stream.events()):
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
        known = (task.run, task.attempt) in self.attempts
        if not known and not self.shortage() and len(self.attempts) < 2 * self.settings.slots:
            attempt = self.attempts[task.run, task.attempt] = WorkerAttempt(task, trace)
            self.spawn(self.work(attempt))

    def shortage(self) -> str:
        """Return which disk is too full for another run, "" if none is; note a change."""
        reserve, scratch = self.settings.disk_reserve, [Path(tempfile.gettempdir())]
        # A temporary folder may be a small file system in memory.
        why = shortage(reserve, self.disks) or shortage(reserve, scratch, _SCRATCH_PERCENT)
        if bool(why) != bool(self.disk_low):
            logger.warning("no run is taken: the disk is low" if why else "runs are taken", why=why)
        self.disk_low = why
        return why

    async def work(self, attempt: WorkerAttempt) -> None:
        """Once there is a slot: claim an attempt, do the work if it was accepted, post its end."""
        task = attempt.task
        try:
            async with self.slots:
                if not self._is_taken(task):
                    attempt.has_slot, attempt.since = True, now()
                    await self.claim_and_do(attempt)
        finally:
            del self.attempts[task.run, task.attempt]
            self.changed.set()

    def _is_taken(self, task: Task) -> bool:
        run = self.runs.get(task.stream, task.run)
        return run is not None and (run.worker != "" or run.attempt != task.attempt)

    async def claim_and_do(self, attempt: WorkerAttempt) -> None:
        """Claim an attempt, do the work if the claim was accepted, and post its end."""
        task = attempt.task
        bound = logger.bind(stream=task.stream, run=task.run, attempt=task.attempt)
        claim = commands.StartRun(task.run, task.attempt, self.id)
        # A new id each time: a task may come again, and its second claim must be answered too.
        answer = await self.commands.ask(task.stream, claim, str(uuid.uuid4()), attempt.trace)
        accepted = event_of(answer)
        if not isinstance(accepted, RunStarted) or attempt.cancelled:
            bound.info("not claimed", answer=answer.type)
            return
        bound.info("started", kind=task.kind)
        end = await self.do(attempt)
        if end is not None and not attempt.cancelled:
            bound.info("ended", result=type(end).__name__)
            try:
                if why := await self.tell(attempt, end):
                    bound.warning("the result was not taken", why=why)
                    await self.tell(attempt, self.failed(task, "input", why), "not taken")
            except Unreadable:
                bound.info("its session has ended: its key is shredded")

    async def tell(self, attempt: WorkerAttempt, end: Command, *mark: str) -> str:
        """Post the end of a run; return why it was refused, "" if it was not.

        Raises:
            Unreadable: its session's key is shredded.
        """
        task = attempt.task
        identity = command_id("end", task.run, task.attempt, self.id, *mark)
        keyid = key_of_kept(task.request)
        try:
            answer = await self.commands.ask(task.stream, end, identity, attempt.trace, keyid)
        except TooLarge as error:
            return error.detail
        match event_of(answer) if answer.type in _NOT_TAKEN else None:
            case Refused(reason="too-large", detail=why) | CommandFailed(detail=why):
                return why
            case CommandQuarantined(reason=why):
                return why
        return ""

    def failed(self, task: Task, reason: str, detail: str) -> Command:
        """Return the command that reports a failed run."""
        words = cut(detail, LONGEST_TEXT)
        return commands.FailRun(task.run, task.attempt, self.id, reason, words)

    async def do(self, attempt: WorkerAttempt) -> Command | None:
        """Do the work in a process of its own, and return the command that reports its end.

        None if its session has ended. A task that cannot be decrypted here is given back: another
        worker may have the key.
        """
        task = attempt.task
        if not self.holds(task):
            return None  # cancelled right after the claim

        def on_phase(phase: str) -> None:
            attempt.phase = phase
            self.changed.set()

        began = time.perf_counter()
        try:
            opened = await asyncio.to_thread(self.open, task)
        except MalformedRecord as error:
            return self.failed(task, "input", error.detail)
        if not self.holds(task):
            return None  # it was cancelled, or its session has ended and its key is shredded
        if opened is None:
            logger.error("the key of a run is not here", stream=task.stream, run=task.run)
            return commands.ReportRunLost(task.run, task.attempt, self.id)
        if opened.data_key is None:
            why = f"the dataset {opened.dataset.name} is deleted: its key is shredded"
            return commands.FailRun(task.run, task.attempt, self.id, reason="input", detail=why)
        attempt.running = self.executor.start(
            task.kind, opened.request, opened.limits, on_phase, opened.key, opened.data_key
        )
        self.changed.set()
        outcome = await attempt.running.outcome()
        ended = {Completed: "completed", Failed: "failed", Lost: "lost"}[type(outcome)]
        ended = "cancelled" if attempt.cancelled else ended
        took = time.perf_counter() - began
        self.meter.observe("autolearn_worker_run_duration_seconds", took, task.kind, ended)
        match outcome:
            case Completed(result):
                return commands.CompleteRun(task.run, task.attempt, self.id, result)
            case Failed(reason, detail):
                return self.failed(task, reason, detail)
            case Lost(detail):
                logger.error("an attempt is lost", stream=task.stream, run=task.run, why=detail)
                return commands.ReportRunLost(task.run, task.attempt, self.id)

    def open(self, task: Task) -> Opened | None:
        """Return a task in clear; None if its session's key is not known."""
        key = b""
        try:
            if keyid := key_of_kept(task.request):
                key = self.vault.find(keyid).derived("artifacts")
            request = self.vault.open_kept(task.stream, task.request)
        except Unreadable:
            return None
        said = from_json(request, Limited)
        data_key: bytes | None = b""
        if said.dataset.keyid:
            try:
                data_key = self.vault.find(said.dataset.keyid).derived("artifacts")
            except Unreadable:
                data_key = None
        return Opened(request, self.limits(said), said.dataset, key, data_key)

    def limits(self, asked: Limited) -> Limits:
        """Return the limits of a run: the requested ones, and no more than this worker's."""
        return Limits(
            time_s=min(asked.time_limit, self.settings.time_limit),
            memory_mb=min(asked.memory_limit, self.settings.memory_limit),
        )

    def holds(self, task: Task) -> bool:
        """Say whether the log tells that this worker has the attempt; it was told so before."""
        run = self.runs.get(task.stream, task.run)
        return run is not None and (run.worker, run.attempt) == (self.id, task.attempt)

    def on_events(self, records: list[EventRecord]) -> None:
        """Hand answers to those who wait, and end the runs that were cancelled or given away."""
        self.commands.take_answers(records)
        for attempt in self.attempts.values():
            if attempt.running is not None and not self.holds(attempt.task):
                attempt.cancel()

    async def _beat_for_ever(self) -> None:
        while True:
            self.changed.clear()
            self.beat()
            await asyncio.sleep(min(0.2, self.settings.heartbeat))
            with suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), self.settings.heartbeat)

    def beat(self, *, stopped: bool = False) -> None:
        """Send one heartbeat."""
        heartbeat = Heartbeat(
            worker=self.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            kinds=tuple(WORK),
            slots=self.settings.slots,
            time=now(),
            runs=tuple(each.progress() for each in self.attempts.values() if each.has_slot),
            partitions=tuple(sorted(self.partitions)),
            stopped=stopped,
            unconfined=self.unconfined,
            disk_low=self.shortage(),
        )
        self.log.append(self.topics.workers.name, to_json(heartbeat), key=self.id)


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
