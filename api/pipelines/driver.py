"""Drives runs of pipelines: claims those that nobody conducts, and tells that it is alive.

A run is claimed as workers claim theirs, by a command that is accepted once. When this process is
silent, supervision reports its runs as lost, and another process claims their next attempts.
"""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

import structlog

from autolearn.api.http.problems import Problem
from autolearn.api.pipelines.commands import RunCommands
from autolearn.api.pipelines.conductor import Conductor
from autolearn.api.pipelines.run import ConductedRun
from autolearn.api.services.pipelines.kinds import functions_in
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.pipelines import runs_of
from autolearn.runtime.timestamps import now
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, to_json
from autolearn.schemas.commands import StartRun
from autolearn.schemas.errors import LogError
from autolearn.schemas.messages import type_of
from autolearn.schemas.records.heartbeat import Heartbeat, Progress
from autolearn.schemas.rest.runs import PipelineRunRow
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import RunId

_MOST_DRIVEN = 64
"""Runs that a process conducts at a time; others wait, or another process takes them."""
_AGAIN = 5.0
"""Seconds after which it looks again at what it could not claim."""
_TO_SEE = {type_of(events.PipelineRequested), type_of(events.RunLost)}
_TO_LOOK = _TO_SEE | {
    type_of(event)
    for event in (
        events.RunCancelled,
        events.RunFailed,
        events.RunCompleted,
        events.PipelineRemoved,
    )
}
"""The events after which there may be a run to claim, or to let go of."""
log = structlog.stdlib.get_logger("autolearn.pipelines")


class Driver:
    """The runs that this process conducts. All methods belong to the event loop."""

    def __init__(self, context: ApiContext) -> None:
        self.context, self.id = context, f"api-{uuid.uuid4()}"
        self.conducted: dict[RunId, Conductor] = {}
        self.ending: set[asyncio.Task[None]] = set()
        self.to_see: set[str] = set()
        """The pipelines that may have runs which nobody conducts."""
        self.tasks: dict[RunId, asyncio.Task[None]] = {}
        self.loops: list[asyncio.Task[None]] = []
        self.look = asyncio.Event()

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
            self._say(stopped=True)

    def on_events(self, records: Iterable[EventRecord]) -> None:
        """Look for runs to claim, and at the end of conducted ones, when a pipeline changes."""
        for record in records:
            kind, _, name = record.subject.partition("/")
            if kind == "pipeline" and record.type in _TO_SEE:
                self.to_see.add(name)
            if kind == "pipeline" and record.type in _TO_LOOK:
                self.look.set()

    async def _claim_for_ever(self) -> None:
        await self.context.reader.until_ready()
        names = await asyncio.to_thread(lambda: [*self.context.queries.now().pipelines.names()])
        self.to_see.update(names)
        while True:
            self.look.clear()
            try:
                await self._look()
            except Exception:  # whatever it is, it must not end this: other runs wait
                log.exception("runs of pipelines cannot be claimed now")
            with suppress(TimeoutError):
                # what could not be seen or claimed, such as without its key, is tried again
                await asyncio.wait_for(self.look.wait(), _AGAIN if self.to_see else None)

    async def _look(self) -> None:
        """Claim open runs, and let go of those that have ended or are another process's."""
        latest = self.context.queries.latest()
        for run, one in list(self.conducted.items()):
            row = latest.runs.stored(runs_of(one.by.pipeline), "pipeline", run)
            if row is None or row.ended or (row.worker, row.attempt) != (self.id, one.attempt):
                self._let_go(run, ended=row is None or row.ended is not None)
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
            if row is None or row.status != "open" or run in self.conducted:
                continue
            try:
                claimed = await self._claim(name, run, row.attempt)
            except Exception:  # it may be of this run alone
                log.exception("a run cannot be claimed now", pipeline=name, run=run)
                claimed = False
            if not claimed:
                self.to_see.add(name)

    def _unclaimed(self, names: Iterable[str]) -> list[tuple[str, RunId]]:
        """Return the runs of pipelines that wait for a process (blocks)."""
        now = self.context.queries.now()
        return [
            (name, run)
            for name in names
            for _, run, row in now.runs.open_of(runs_of(name))
            if row.kind == "pipeline" and row.status == "open"
        ]

    async def _claim(self, name: str, run: RunId, attempt: int) -> bool:
        """Claim a run, and conduct it if the claim is accepted; return whether that is settled."""
        context = self.context
        if len(self.conducted) >= _MOST_DRIVEN:
            return False
        row = await asyncio.to_thread(
            lambda: context.queries.now().runs.of_any(runs_of(name), "pipeline", run)
        )
        if not isinstance(row, PipelineRunRow):
            return True
        if row.unreadable:  # its key may not be here yet
            return False
        functions = await asyncio.to_thread(lambda: functions_in(context.queries.now()))
        commands = RunCommands(context, self.id, run, row.actor, attempt)
        try:
            claim = StartRun(run, attempt, self.id)
            await commands.conduct(stream("pipeline", name), claim, "claim", attempt, self.id)
        except Problem as problem:  # another process was first, or it has ended
            log.info("not claimed", pipeline=name, run=run, why=str(problem.detail))
            return True
        conductor = Conductor(ConductedRun(context, name, row, commands, functions), attempt)
        log.info("conducted", pipeline=name, run=run, attempt=attempt)
        self.conducted[run] = conductor
        self.tasks[run] = task = asyncio.create_task(conductor.conduct())
        task.add_done_callback(partial(self._done, run))
        return True

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
            self.ending.add(ending := asyncio.create_task(conductor.stop()))
            ending.add_done_callback(self.ending.discard)

    async def _beat(self) -> None:
        """Tell every moment that this process is alive, and what it conducts."""
        while True:
            try:
                self._say()
            except LogError as error:  # another one follows
                log.warning("a heartbeat was not sent", why=error.detail)
            await asyncio.sleep(self.context.settings.workers.heartbeat)

    def _say(self, *, stopped: bool = False) -> None:
        runs = tuple(
            Progress(run, "pipeline", runs_of(one.by.pipeline), one.attempt, one.phase, one.since)
            for run, one in self.conducted.items()
        )
        host, pid = socket.gethostname(), os.getpid()
        beat = Heartbeat(self.id, host, pid, (), 0, now(), runs=runs, stopped=stopped)
        self.context.log.append(self.context.topics.workers.name, to_json(beat), key=self.id)
