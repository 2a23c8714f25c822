"""The dispatch agent: a Faust agent on `workers` that offers waiting runs to free slots.

It knows the workers from their heartbeats and the runs from `events`. A task is appended only once
there is a slot for it, to a partition that reaches its worker; until then the run waits in RocksDB.
Offers are not stored: after a restart every open run is offered again, as slots are free. That does
no harm, since only one worker's claim of an attempt is accepted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from faust.types import TP

from autolearn.agents.delivery_watch import Deliveries
from autolearn.agents.dispatch.worker_pool import TaskOffer, WorkerPool
from autolearn.agents.fail_stop import end_if_refused, end_process, spawn
from autolearn.agents.faust_app import consume, make_app
from autolearn.agents.followed_projection import FollowedProjection
from autolearn.eventlog.consumers.traced_projector import TracedProjector
from autolearn.eventlog.log import Log
from autolearn.projections.work.heartbeats import heartbeat_in
from autolearn.projections.work.open_runs import OpenRuns, runs_in
from autolearn.runtime.home import state_folder
from autolearn.runtime.meter import Meter
from autolearn.runtime.timestamps import text
from autolearn.runtime.trace_context import Trace, hop_of, instance_of, sending, trace_in
from autolearn.schemas.codec import EventRecord, Headers, to_json
from autolearn.schemas.errors import LogError
from autolearn.schemas.records.audit_hop import Hop
from autolearn.schemas.records.task import Task
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

TICK = 0.2
"""Seconds between two checks for lost offers, which are repeated."""
_MISSED = 3
"""Heartbeats in a row without which a worker gets no more offers."""
logger = structlog.get_logger(__name__)


class DispatchAgent:
    """Offers runs to workers. Of several such processes, the one with the partition acts."""

    def __init__(self, settings: Settings, log: Log, brokers: str, meter: Meter) -> None:
        self.log, self.topics, self.meter = log, Topics.of(settings), meter
        self.instance = instance_of("dispatch", settings.instance)
        self.audited = settings.observability.audit == "on"
        self.folder = state_folder(settings, "dispatch") / "runs"
        self.limits: dict[str, int] = {}
        limit = settings.quotas.runs_running
        self.pool = WorkerPool(
            _MISSED * settings.workers.heartbeat, lambda user: self.limits.get(user, limit)
        )
        self.acting = False
        self.assigned = asyncio.Event()
        self.app = app = make_app("dispatch", settings, brokers, self.position)
        workers = self.topics.workers.name
        self.deliveries = Deliveries(app, log, workers, on_change=self.on_partitions)
        consume(app, workers, "dispatch", self.run)

    async def start(self) -> None:
        """Fold the events so far, follow them, and start the clock."""
        events = self.topics.events
        self.followed = await asyncio.to_thread(
            FollowedProjection, self.log, events, self.folder, OpenRuns, TracedProjector
        )
        self.runs = self.followed.projection
        self.limits |= self.runs.limits()
        for run in self.runs.all():
            self.pool.see(run.stream, run.run, run)
        self.followed.follow(self.on_events)
        self.ticking = spawn(self._tick_for_ever(), "dispatch failed")

    async def ready(self) -> None:
        """Wait for the first assignment (perhaps of nothing: another process acts)."""
        await self.assigned.wait()

    async def stop(self) -> None:
        """Stop following."""
        self.ticking.cancel()
        await self.followed.close()

    async def position(self, tp: TP, _: Callable[[], bool]) -> int:
        """Begin with the next heartbeat: older ones do not describe the present."""
        ends = await asyncio.to_thread(self.log.ends, self.topics.workers.name)
        return ends[tp.partition]

    def on_partitions(self, ours: set[int] | None) -> None:
        """Act with the partition, and not without."""
        self.acting = bool(ours)
        if ours is None:
            self.pool.forget_workers()
        else:
            self.assigned.set()

    async def run(self, stream: Any) -> None:
        """Process every delivered heartbeat (the Faust agent)."""
        async for event in self.deliveries.of(stream.events()):
            beat = heartbeat_in(event.value, self.topics.tasks.partitions)
            if beat is None:
                continue
            try:
                self.pool.heard(beat, time.monotonic())
                self._hand_out()
            except Exception as error:  # noqa: BLE001 - Faust would lose the event and go on
                end_process("a heartbeat could not be taken in", error)

    def on_events(self, records: list[EventRecord]) -> None:
        """Update the runs and limits of these events."""
        for record in records:
            kind, _, name = record.subject.partition("/")
            if kind == "user":
                self._note_limit(name, self.runs.limit(name))
            for run in runs_in(record):
                self.pool.see(record.subject, run, self.runs.get(record.subject, run))
        self._hand_out()

    def _note_limit(self, user: str, limit: int | None) -> None:
        if limit is None:
            self.limits.pop(user, None)
        else:
            self.limits[user] = limit

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._hand_out()

    def _hand_out(self) -> None:
        if self.acting:
            for offer in self.pool.offers(time.monotonic()):
                self.send(offer)

    def send(self, offer: TaskOffer) -> None:
        """Append the task of an offer; a failed append ends the process."""
        attempt = offer.attempt
        run = self.runs.get(*attempt.key)
        if run is None:  # it has ended, and the pool will receive that in a moment
            return
        task = Task(
            kind=run.kind,
            run=run.run,
            stream=run.stream,
            attempt=attempt.number,
            request=run.request,
            time_limit=run.time_limit,
            memory_limit=run.memory_limit,
        )
        self.meter.count("autolearn_dispatch_tasks_total", run.kind)
        logger.info("offered", worker=offer.worker, stream=run.stream, run=run.run)
        now = time.time_ns() // 10**6
        headers = sending(Trace.read(run.traceparent), self.instance, str(now))
        self.log.append(
            self.topics.tasks.name,
            to_json(task),
            key=run.run,
            partition=offer.partition,
            headers=headers,
            delivered=partial(end_if_refused, "a task could not be handed out"),
        )
        if self.audited:
            self.log.append(
                self.topics.audit.name,
                to_json(_handed_out(offer, headers, now)),
                key="dispatch",
                delivered=_warn,
            )


def _handed_out(offer: TaskOffer, headers: Headers, now: int) -> Hop:
    """Return the hop of an offer for the behaviour log (`now`: milliseconds since 1970)."""
    trace, hop, attempt = trace_in(headers), hop_of(headers), offer.attempt
    return Hop(
        id=trace.span if trace else f"{attempt.run}-{attempt.number}-{now}",
        kind="task",
        time=text(now),
        service="dispatch",
        outcome="sent",
        instance=hop.instance,
        trace=trace.trace if trace else "",
        span=trace.span if trace else "",
        parent=hop.parent,
        stream=attempt.stream,
        run=attempt.run,
        attempt=attempt.number,
        worker=offer.worker,
    )


def _warn(error: LogError | None, _: int, __: int) -> None:
    """Warn that the behaviour log lacks a task; the claim that follows names the worker."""
    if error is not None:
        logger.error("a task is not in the behaviour log", why=error.detail)
