"""Drives runs of pipelines: claims those that nobody conducts, and tells that it is alive.

A run is claimed as workers claim theirs, by a command that is accepted once. When this process is
silent, supervision reports its runs as lost, and another process claims their next attempts.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial

import structlog

from autolearn.api.http.problems import Problem
from autolearn.api.pipelines.commands import LostRun, RunCommands
from autolearn.api.pipelines.conductor import Conductor, open_runs
from autolearn.api.pipelines.run import ConductedRun
from autolearn.api.services.pipelines.kinds import functions_in, session_of
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.pipelines import runs_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.rows.runs import StoredRun
from autolearn.runtime.timestamps import now
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, to_json
from autolearn.schemas.commands import CancelRun, ForgetRuns, StartRun
from autolearn.schemas.errors import LogError
from autolearn.schemas.messages import Command, type_of
from autolearn.schemas.records.heartbeat import Heartbeat, Progress
from autolearn.schemas.rest.runs import PipelineRunRow
from autolearn.schemas.values import RunId

_MOST_DRIVEN = 64
"""Runs that a process conducts at a time; others wait, or another process takes them."""
_AGAIN = 5.0
"""Seconds after which it looks again at what it could not claim."""
_LONGEST_CLAIM = 30.0
"""Seconds for which it waits for the answer to a claim: other runs wait meanwhile."""
_TO_SEE = {type_of(events.PipelineRequested), type_of(events.RunLost)}
"""The events after which there may be a run to claim."""
_TO_END = {type_of(events.RunCancelled), type_of(events.RunFailed)}
"""Those after which steps of an ended run may go on."""
_TO_LOOK = _TO_SEE | _TO_END
_TO_LOOK |= {type_of(events.RunCompleted), type_of(events.PipelineRemoved)}
"""Those after which there may be something to do: a run to let go of, too."""
log = structlog.stdlib.get_logger("autolearn.pipelines")


class Driver:
    """The runs that this process conducts. All methods belong to the event loop."""

    def __init__(self, context: ApiContext) -> None:
        self.context, self.id = context, f"api-{uuid.uuid4()}"
        self.conducted: dict[RunId, Conductor] = {}
        self.ending: dict[RunId, asyncio.Task[None]] = {}
        self.to_see: set[str] = set()
        """The pipelines that may have runs which nobody conducts."""
        self.to_end: set[str] = set()
        """The pipelines that may have ended runs of which steps go on."""
        self.tasks: dict[RunId, asyncio.Task[None]] = {}
        self.loops: list[asyncio.Task[None]] = []
        self.look = asyncio.Event()
        self.beaten = time.monotonic()
        """When it has last told that it is alive, and what it conducts was known to be its own."""

    def start(self) -> None:
        """Begin to claim runs."""
        self.loops = [
            asyncio.create_task(self._beat()),
            asyncio.create_task(self._claim_for_ever()),
        ]

    async def stop(self) -> None:
        """Let go of all runs: another process goes on with them."""
        going = [*self.loops, *self.tasks.values()]
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        if self.loops:
            try:
                self._say(stopped=True)
            except LogError as error:  # its silence will tell
                log.warning("its end was not told", why=error.detail)

    def on_events(self, records: Iterable[EventRecord]) -> None:
        """Look for runs to claim, and at the end of conducted ones, when a pipeline changes."""
        for record in records:
            kind, _, name = record.subject.partition("/")
            if kind == "pipeline" and record.type in _TO_SEE:
                self.to_see.add(name)
            if kind == "pipeline" and record.type in _TO_END:
                self.to_end.add(name)
            if kind == "pipeline" and record.type in _TO_LOOK:
                self.look.set()

    async def _claim_for_ever(self) -> None:
        known = False
        while True:
            self.look.clear()
            try:
                if not known:
                    await self.context.reader.until_ready()
                    names = await asyncio.to_thread(self._names)
                    self.to_see.update(names)
                    self.to_end.update(names)
                    known = True
                await self._look()
            except Exception:  # whatever it is, it must not end this: other runs wait
                log.exception("runs of pipelines cannot be claimed now")
            with suppress(TimeoutError):
                # what could not be seen or claimed, such as without its key, is tried again
                again = self.to_see or not known
                await asyncio.wait_for(self.look.wait(), _AGAIN if again else None)

    def _names(self) -> list[str]:
        """Return the names of all pipelines (blocks)."""
        return [*self.context.queries.now().pipelines.names()]

    async def _look(self) -> None:
        """Claim open runs, and let go of those that have ended or are another process's."""
        latest = self.context.queries.latest()
        for run, one in list(self.conducted.items()):
            row = latest.runs.stored(runs_of(one.by.pipeline), "pipeline", run)
            if row is not None and row.ended and one.reports:
                continue  # by itself: its task ends when old runs are forgotten
            if row is None or row.ended or (row.worker, row.attempt) != (self.id, one.attempt):
                self._let_go(run, ended=row is None or row.ended is not None)
        await self._end_left()
        if not self.to_see or len(self.conducted) >= _MOST_DRIVEN:
            return
        names, self.to_see = self.to_see, set()
        try:
            found = await asyncio.to_thread(self._unclaimed, names)
        except BaseException:
            self.to_see |= names
            raise
        for name, run in found:
            row = latest.runs.stored(runs_of(name), "pipeline", run)
            if row is None or not self._may_claim(run, row):
                continue
            try:
                async with asyncio.timeout(_LONGEST_CLAIM):
                    claimed = await self._claim(name, run, row.attempt)
            except Exception:  # it may be of this run alone
                log.exception("a run cannot be claimed now", pipeline=name, run=run)
                claimed = False
            if not claimed:
                self.to_see.add(name)

    async def _end_left(self) -> None:
        """End what goes on of ended runs: nobody conducted them when they ended."""
        names, self.to_end = self.to_end, set()
        if not names:
            return
        for name, run in await asyncio.to_thread(self._left, names):
            ended = await self._conductor(name, run, 0) if run not in self.ending else None
            if ended is not None:
                self._end(run, ended)

    def _may_claim(self, run: RunId, row: StoredRun) -> bool:
        """Return whether nobody conducts a run, or this process should: it has lost its claim."""
        if row.kind != "pipeline" or row.ended is not None or run in self.conducted:
            return False
        return row.status == "open" or row.worker == self.id

    def _unclaimed(self, names: Iterable[str]) -> list[tuple[str, RunId]]:
        """Return the runs of pipelines that wait for a process (blocks)."""
        now = self.context.queries.now()
        return [
            (name, run)
            for name in names
            for run, row in _runs_in(now, name)
            if self._may_claim(run, row)
        ]

    def _left(self, names: Iterable[str]) -> list[tuple[str, RunId]]:
        """Return ended runs of pipelines of which steps or trainings go on (blocks).

        Nobody conducted those when they were cancelled, or failed as lost.
        """
        now, found = self.context.queries.now(), list[tuple[str, RunId]]()
        for name in names:
            steps = {row.study for _, _, row in now.runs.open_of(runs_of(name))}
            found += [
                (name, run)
                for run, row in _runs_in(now, name)
                if row.status in ("cancelled", "failed")
                and (run in steps or open_runs(now, name, run, session_of(run)))
            ]
        return found

    async def _claim(self, name: str, run: RunId, attempt: int) -> bool:
        """Claim a run, and conduct it if the claim is accepted; return whether that is settled."""
        if len(self.conducted) >= _MOST_DRIVEN:
            return False
        conductor = await self._conductor(name, run, attempt)
        if conductor is None:
            return False
        by = conductor.by
        try:
            claim = StartRun(run, attempt, self.id)
            await by.commands.conduct(by.stream, claim, "claim", attempt, self.id)
        except Problem as problem:  # another process was first, or it has ended
            log.info("not claimed", pipeline=name, run=run, why=str(problem.detail))
            return True
        log.info("conducted", pipeline=name, run=run, attempt=attempt)
        self.conducted[run] = conductor
        self.tasks[run] = task = asyncio.create_task(conductor.conduct())
        task.add_done_callback(partial(self._done, run))
        return True

    async def _conductor(self, name: str, run: RunId, attempt: int) -> Conductor | None:
        """Return a conductor of a run; None while it cannot be read: its key may come."""
        context = self.context
        row = await asyncio.to_thread(
            lambda: context.queries.now().runs.of_any(runs_of(name), "pipeline", run)
        )
        if not isinstance(row, PipelineRunRow) or row.unreadable:
            return None
        functions = await asyncio.to_thread(lambda: functions_in(context.queries.now()))
        held = partial(self._require_held, name, run, attempt)
        commands = RunCommands(context, self.id, run, row.actor, attempt, held)
        return Conductor(ConductedRun(context, name, row, commands, functions), attempt)

    async def _require_held(
        self, name: str, run: RunId, attempt: int, command: Command | None
    ) -> None:
        """Let a command of a run pass that this process conducts; of an ended one, what tidies up.

        A process that stood still may have lost the run without having read so: it reads first.

        Raises:
            LostRun: the run is another process's, or has ended.
        """
        if time.monotonic() - self.beaten > self.context.settings.workers.timeout / 2:
            await self.context.reader.fresh()
        row = self.context.queries.latest().runs.stored(runs_of(name), "pipeline", run)
        if row is None or isinstance(command, StartRun):
            return
        if row.ended is not None and not isinstance(command, CancelRun | ForgetRuns):
            raise LostRun("it has ended")
        if row.ended is None and (row.worker, row.attempt) != (self.id, attempt):
            raise LostRun(f"{row.worker or 'nobody'} conducts it, attempt {row.attempt}")

    def _done(self, run: RunId, task: asyncio.Task[None]) -> None:
        """Forget a run that is conducted no longer; a fault of ours is for the log."""
        if self.tasks.get(run) is task:  # else it was let go, and may be conducted anew
            del self.conducted[run], self.tasks[run]
        self.look.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a run could not be conducted", run=run, exc_info=error)

    def _let_go(self, run: RunId, *, ended: bool) -> None:
        """Stop to conduct a run; if it has ended, such as by a cancellation, so do its steps."""
        conductor, task = self.conducted.pop(run), self.tasks.pop(run)
        task.cancel()
        if ended:
            self._end(run, conductor)

    def _end(self, run: RunId, conductor: Conductor) -> None:
        """End the steps of a run that has ended, meanwhile."""
        self.ending[run] = task = asyncio.create_task(self._stop(conductor))
        task.add_done_callback(lambda _: self.ending.pop(run, None))

    async def _stop(self, conductor: Conductor) -> None:
        """End the steps of a run that has ended."""
        try:
            await conductor.stop()
        except Exception:  # it has ended anyway
            log.exception("the steps of a run could not be stopped", run=conductor.by.id)

    async def _beat(self) -> None:
        """Tell every moment that this process is alive, and what it conducts."""
        workers = self.context.settings.workers
        while True:
            try:
                if time.monotonic() - self.beaten > workers.timeout / 2:
                    await self.context.reader.fresh()  # it stood still: see what it has lost
                self._say()
                self.beaten = time.monotonic()
            except LogError as error:  # another one follows
                log.warning("a heartbeat was not sent", why=error.detail)
            except Exception:  # without heartbeats it would lose all that it conducts
                log.exception("a heartbeat was not sent")
            await asyncio.sleep(workers.heartbeat)

    def _say(self, *, stopped: bool = False) -> None:
        runs = tuple(
            Progress(run, "pipeline", runs_of(one.by.pipeline), one.attempt, one.phase, one.since)
            for run, one in self.conducted.items()
        )
        host, pid = socket.gethostname(), os.getpid()
        beat = Heartbeat(self.id, host, pid, (), 0, now(), runs=runs, stopped=stopped)
        self.context.log.append(self.context.topics.workers.name, to_json(beat), key=self.id)


def _runs_in(now: Snapshot, name: str) -> Iterator[tuple[RunId, StoredRun]]:
    """Yield the runs of a pipeline, without those of their steps, the oldest first."""
    for _, run in reversed([*now.pipelines.newest_runs(name)]):
        row = now.runs.stored(runs_of(name), "pipeline", run)
        if row is not None:
            yield run, row
