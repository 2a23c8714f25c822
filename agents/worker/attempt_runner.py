"""Claims an attempt, does its work in a process of its own, and posts its end."""

from __future__ import annotations

import asyncio
import base64
import time
import uuid
from typing import NamedTuple

import structlog
from msgspec import Raw, Struct
from msgspec.structs import replace

from autolearn.agents.command_client import CommandClient, command_id
from autolearn.agents.executors.executor import (
    Completed,
    Executor,
    Failed,
    Limits,
    Lost,
    StartedRun,
)
from autolearn.agents.worker.studies import Studies
from autolearn.eventlog.encryption.session_cipher import SessionCipher, key_of_kept
from autolearn.projections.work.open_runs import OpenRuns
from autolearn.runtime.meter import Meter
from autolearn.runtime.timestamps import now
from autolearn.runtime.trace_context import Trace
from autolearn.schemas import commands
from autolearn.schemas.bounds import LONGEST_TEXT, cut
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.codec import event_of, from_json
from autolearn.schemas.errors import MalformedRecord, TooLarge
from autolearn.schemas.events import CommandFailed, CommandQuarantined, Refused, RunStarted
from autolearn.schemas.messages import Command, type_of
from autolearn.schemas.records.heartbeat import Progress
from autolearn.schemas.records.task import Task
from autolearn.schemas.results import StepResult
from autolearn.schemas.settings import WorkerSettings
from autolearn.schemas.stream_kinds import owner_of_runs
from autolearn.schemas.values import NO_DATASET, DatasetRef
from autolearn.schemas.workers.cluster import DaskSettings, uses_cluster
from autolearn.security.data_key import Unreadable, about_progress

logger = structlog.get_logger(__name__)
_NOT_TAKEN = {type_of(Refused), type_of(CommandFailed), type_of(CommandQuarantined)}


class _Limited(Struct):
    """The limits and the inputs in a run's request."""

    time_limit: float
    memory_limit: int
    dataset: DatasetRef = NO_DATASET
    tables: tuple[DatasetSpec, ...] = ()
    artifact: str = ""
    artifact_keyid: str = ""
    network: bool = False
    rows: int = 0
    function: str = ""
    estimator: str = ""
    max_attempts: int = 1


class Opened(NamedTuple):
    """A task in clear: its request, its limits, and the keys of its session and its inputs.

    `input_keys` are by the digest of what is stored. `deleted` says which input is shredded.
    """

    request: Raw
    limits: Limits
    key: bytes
    input_keys: dict[str, bytes]
    deleted: str = ""
    network: bool = False
    cluster: DaskSettings | None = None
    max_attempts: int = 1


class WorkerAttempt:
    """One attempt that this worker works on, tries to claim, or has no slot for yet."""

    def __init__(self, task: Task, trace: Trace | None) -> None:
        self.task, self.trace = task, trace
        self.begun = False
        self.phase, self.detail, self.keyid = "claiming", "", ""
        self.since = now()
        self.running: StartedRun | None = None
        self.cancelled = False

    def progress(self) -> Progress:
        """Return its progress for a heartbeat."""
        task, session = self.task, owner_of_runs(self.task.stream)
        return Progress(
            task.run,
            task.kind,
            session,
            task.attempt,
            self.phase,
            self.since,
            self.detail,
            self.keyid,
        )

    def cancel(self) -> None:
        """Stop the work; its outcome is ignored."""
        self.cancelled = True
        if self.running is not None:
            self.running.cancel()


class AttemptRunner:
    """Works on attempts for the worker with this id.

    `runs` are the open runs of the log; `changed` is set when an attempt is in another phase.
    """

    def __init__(
        self,
        *,
        worker: str,
        settings: WorkerSettings,
        commands: CommandClient,
        vault: SessionCipher,
        executor: Executor,
        runs: OpenRuns,
        meter: Meter,
        changed: asyncio.Event,
    ) -> None:
        self.worker, self.settings, self.commands = worker, settings, commands
        self.vault, self.executor, self.runs = vault, executor, runs
        self.studies = Studies(commands, vault, runs)
        self.meter, self.changed = meter, changed

    def is_taken(self, task: Task) -> bool:
        """Return whether a worker has the run, or its present attempt is another one."""
        run = self.runs.get(task.stream, task.run)
        return run is not None and (run.worker != "" or run.attempt != task.attempt)

    def holds(self, task: Task) -> bool:
        """Return whether this worker holds the attempt, by the log."""
        run = self.runs.get(task.stream, task.run)
        return run is not None and (run.worker, run.attempt) == (self.worker, task.attempt)

    async def run(self, attempt: WorkerAttempt) -> Command | None:
        """Claim the attempt and do the work, if it is ours; return what reports its end."""
        task = attempt.task
        bound = _bound_to(task)
        claim = commands.StartRun(task.run, task.attempt, self.worker)
        # A new id each time: a task may come again, and its second claim must be answered too.
        answer = await self.commands.ask(task.stream, claim, str(uuid.uuid4()), attempt.trace)
        accepted = event_of(answer)
        if not isinstance(accepted, RunStarted) or attempt.cancelled:
            bound.info("not claimed", answer=answer.type)
            return None
        bound.info("started", kind=task.kind)
        return await self.do(attempt)

    async def report(self, attempt: WorkerAttempt, end: Command) -> None:
        """Post the end of an attempt, unless it was cancelled meanwhile."""
        task = attempt.task
        bound = _bound_to(task)
        if attempt.cancelled:
            return
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
        identity = command_id("end", task.run, task.attempt, self.worker, *mark)
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
        return commands.FailRun(task.run, task.attempt, self.worker, reason, words)

    async def do(self, attempt: WorkerAttempt) -> Command | None:
        """Do the work in a process of its own, and return the command that reports its end.

        None if its session has ended. A task that cannot be decrypted here is given back: another
        worker may have the key.
        """
        task = attempt.task
        if not self.holds(task):
            return None  # cancelled right after the claim

        def on_phase(words: str) -> None:
            attempt.phase, _, detail = words.partition("\n")
            attempt.keyid, attempt.detail = self.sealed(task, detail)
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
            return commands.ReportRunLost(task.run, task.attempt, self.worker)
        if opened.deleted:
            why = f"{opened.deleted} is deleted: its key is shredded"
            return commands.FailRun(task.run, task.attempt, self.worker, reason="input", detail=why)
        if task.kind == "study":
            attempt.running = self.studies.start(task, opened.request, attempt.trace, on_phase)
        else:
            attempt.running = self.executor.start(
                task.kind,
                opened.request,
                opened.limits,
                on_phase,
                opened.key,
                opened.input_keys,
                opened.network,
                opened.cluster,
            )
        self.changed.set()
        outcome = await attempt.running.outcome()
        ended = {Completed: "completed", Failed: "failed", Lost: "lost"}[type(outcome)]
        ended = "cancelled" if attempt.cancelled else ended
        took = time.perf_counter() - began
        self.meter.observe("autolearn_worker_run_duration_seconds", took, task.kind, ended)
        match outcome:
            case Completed(result):
                if isinstance(result, StepResult) and result.table is not None:
                    made = replace(result.table, keyid=key_of_kept(task.request))
                    result = replace(result, table=made)
                return commands.CompleteRun(task.run, task.attempt, self.worker, result)
            case Failed(reason, detail):
                return self.failed(task, reason, detail)
            case Lost(detail):
                logger.error("an attempt is lost", stream=task.stream, run=task.run, why=detail)
                if opened.cluster and task.attempt >= opened.max_attempts:
                    words = f"{detail.removesuffix('.')}. That was the last attempt."
                    return self.failed(task, "lost", words)
                return commands.ReportRunLost(task.run, task.attempt, self.worker)

    def sealed(self, task: Task, detail: str) -> tuple[str, str]:
        """Return the id of the session's key and a detail encrypted with it; without one in clear.

        Nothing is said of a session whose key is gone.
        """
        keyid = key_of_kept(task.request)
        if not (keyid and detail):
            return "", detail
        try:
            content = self.vault.key(keyid).seal(detail.encode(), about_progress(task.run))
        except Unreadable:
            return "", ""
        return keyid, base64.b64encode(content).decode()

    def open(self, task: Task) -> Opened | None:
        """Return a task in clear; None if its session's key is not known."""
        key = b""
        try:
            if keyid := key_of_kept(task.request):
                key = self.vault.find(keyid).derived("artifacts")
            request = self.vault.open_kept(task.stream, task.request)
        except Unreadable:
            return None
        said = from_json(request, _Limited)
        refs = [said.dataset, *(one.ref for one in said.tables)]
        inputs = [
            (one.place, one.keyid, f"the {'table' if one.folder else 'dataset'} {one.name}")
            for one in refs
        ]
        inputs.append((said.artifact, said.artifact_keyid, "the model"))
        keys: dict[str, bytes] = {}
        deleted = ""
        for place, keyid, what in inputs:
            if keyid:
                try:
                    keys[place] = self.vault.find(keyid).derived("artifacts")
                except Unreadable:
                    deleted = what
        limits, cluster = self.limits(said), self.cluster(task.kind, said)
        last = said.max_attempts
        return Opened(request, limits, key, keys, deleted, said.network, cluster, last)

    def cluster(self, kind: str, asked: _Limited) -> DaskSettings | None:
        """Return the cluster on which a run works, if it does."""
        offered = self.settings.cluster
        rows = max((one.rows for one in asked.tables), default=asked.rows)
        about = {"function": asked.function, "estimator": asked.estimator}
        return offered if offered and uses_cluster(kind, rows, offered, **about) else None

    def limits(self, asked: _Limited) -> Limits:
        """Return the limits of a run: the requested ones, and no more than this worker's."""
        return Limits(
            time_s=min(asked.time_limit, self.settings.time_limit),
            memory_mb=min(asked.memory_limit, self.settings.memory_limit),
        )


def _bound_to(task: Task) -> structlog.stdlib.BoundLogger:
    """Return the logger of an attempt."""
    bound: structlog.stdlib.BoundLogger = logger.bind(
        stream=task.stream, run=task.run, attempt=task.attempt
    )
    return bound
