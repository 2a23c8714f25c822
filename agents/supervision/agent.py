"""The supervise agent: a Faust agent on `workers` that reports the runs of lost workers.

A worker is lost when it has reported its end, or was silent for `worker_timeout` seconds. The
decider opens the next attempt of its runs; reporting one twice does no harm. The acting process
also shreds the keys of ended sessions (`agents.supervision.key_shredder`).
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from autolearn.agents.command_client import CommandClient, command_id
from autolearn.agents.delivery_watch import Deliveries
from autolearn.agents.fail_stop import spawn
from autolearn.agents.faust_app import consume, make_app
from autolearn.agents.followed_projection import FollowedProjection
from autolearn.agents.supervision.artifact_collector import Collector
from autolearn.agents.supervision.broker_clock import BrokerClock, steady
from autolearn.agents.supervision.key_shredder import KeyShredder
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.consumers.traced_projector import TracedProjector
from autolearn.eventlog.encryption.keyring import KeyRing
from autolearn.eventlog.kafka.connect import client_of
from autolearn.eventlog.kafka.consumer_groups import groups_of
from autolearn.eventlog.log import Log
from autolearn.projections.work.heartbeats import heartbeat_in
from autolearn.projections.work.open_runs import OpenRun, OpenRuns, runs_in
from autolearn.projections.work.session_retention import SessionRetention
from autolearn.runtime.home import artifacts_url, state_folder
from autolearn.runtime.meter import Meter
from autolearn.runtime.timestamps import millis, now
from autolearn.runtime.trace_context import Trace, instance_of
from autolearn.schemas.actors import SUPERVISE
from autolearn.schemas.codec import EventRecord, to_json
from autolearn.schemas.commands import ReportRunLost
from autolearn.schemas.records.heartbeat import Heartbeat, Supervision
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import GROUPS, Topics
from autolearn.schemas.values import RunId, StreamId

TICK = 1.0
"""Seconds between two checks of the held runs."""
_REPEAT = 30.0
"""Seconds after which an unanswered report is repeated."""
_GROUP_TIMEOUT = 10.0
"""Seconds within which the brokers should return the deciders' progress."""
_LOG_APPEND_TIME = 1
"""The type of a record's time stamp that the broker has set (KIP-32)."""
_REMEMBERED = 10
"""Times of silence for which a worker is remembered."""
logger = structlog.get_logger(__name__)


class SuperviseAgent:
    """Watches the workers. Of several such processes, the one with the partition acts."""

    def __init__(self, settings: Settings, log: Log, brokers: str, meter: Meter) -> None:
        self.log, self.topics, self.settings = log, Topics.of(settings), settings
        self.brokers = brokers
        self.folder = state_folder(settings, "supervise") / "runs"
        self.meter = meter
        instance = instance_of("supervise", settings.instance)
        self.commands = CommandClient(log, self.topics, SUPERVISE, instance)
        self.name = f"{socket.gethostname()}-{instance}"
        self.ring = KeyRing(log, self.topics.keys.name, None)
        self.artifacts = ArtifactStore(artifacts_url(settings))
        self.clock = BrokerClock(settings.retention.expiry_grace)
        self.heard: dict[str, float] = {}
        self.stopped: set[str] = set()
        self.reported: dict[tuple[str, int], float] = {}
        self.held: dict[tuple[str, str], OpenRun] = {}
        self.assigned_at: float | None = None
        self.app = app = make_app("supervise", settings, brokers)
        workers = self.topics.workers.name
        self.deliveries = Deliveries(app, log, workers, on_change=self.on_partitions)
        consume(app, workers, "supervise", self.run)

    async def start(self) -> None:
        """Follow the events, and check the held runs every second."""
        events = self.topics.events
        self.followed_runs = await asyncio.to_thread(
            FollowedProjection, self.log, events, self.folder, OpenRuns, TracedProjector
        )
        self.runs = self.followed_runs.projection
        for run in self.runs.all():
            self.note(run.stream, run.run, run)
        self.followed_runs.follow(self.on_events)
        await self._start_shredding()
        self.loops = [
            spawn(self._for_ever(work), "supervision failed")
            for work in (self.look, self.shred, self.delete_folders, self.collect, self.beat)
        ]

    async def _start_shredding(self) -> None:
        """Follow the keys, and the events once more, for shredding."""
        self.ring.start()
        events, folder = self.topics.events, self.folder.with_name("drafts")
        self.followed_drafts = await asyncio.to_thread(
            FollowedProjection, self.log, events, folder, SessionRetention
        )
        drafts = self.followed_drafts.projection
        await asyncio.to_thread(self.ring.catch_up)
        self.shredding = KeyShredder(
            self.commands,
            self.topics,
            drafts,
            self.ring,
            self.artifacts,
            self.meter,
            self.settings.retention.expiry_grace,
            self.settings.retention.prediction_days,
        )
        self.shredding.begin()
        self.collector = Collector(
            self.log, self.topics, drafts, self.artifacts, self.meter, self.committed
        )
        self.followed_drafts.follow(self.shredding.on_events)

    async def ready(self) -> None:
        """Do nothing: supervision may begin later than everything else."""

    async def stop(self) -> None:
        """Stop following."""
        for loop in self.loops:
            loop.cancel()
        await asyncio.to_thread(self.ring.stop)
        await self.followed_runs.close()
        await self.followed_drafts.close()

    def on_events(self, records: list[EventRecord]) -> None:
        """Update the runs of these events."""
        for record in records:
            for run in runs_in(record):
                self.note(record.subject, run, self.runs.get(record.subject, run))

    def note(self, stream: StreamId, run: RunId, now_open: OpenRun | None) -> None:
        """Remember a run while a worker holds it: of waiting ones there may be many."""
        if now_open is not None and now_open.worker:
            self.held[stream, run] = now_open
        else:
            self.held.pop((stream, run), None)

    def on_partitions(self, ours: set[int] | None) -> None:
        """Act with the partition; every worker is given the time of a silence to be heard."""
        self.assigned_at = time.monotonic() if ours else None

    async def run(self, stream: Any) -> None:
        """Process every delivered heartbeat (the Faust agent)."""
        async for event in self.deliveries.of(stream.events()):
            beat = heartbeat_in(event.value, self.topics.tasks.partitions)
            if beat is None or beat.supervision is not None:
                told = event.message.timestamp_type == _LOG_APPEND_TIME
                self.compare(beat, event.message.timestamp if told else None)
                continue
            self.heard[beat.worker] = time.monotonic()
            if beat.stopped:
                self.stopped.add(beat.worker)

    def compare(self, beat: Heartbeat | None, written: float | None) -> None:
        """Compare the clocks by a heartbeat, if it is this process's own."""
        if beat is not None and (beat.worker, beat.pid) == (self.name, os.getpid()):
            self.clock.compare(millis(beat.time) / 1000, written, time.time(), steady())

    async def _for_ever(self, work: Callable[[float], Awaitable[None]]) -> None:
        """Do one kind of work again and again, while this process acts; none waits for another."""
        while True:
            await asyncio.sleep(TICK)
            if self.assigned_at is not None:
                await work(time.monotonic())

    async def look(self, now: float) -> None:
        """Report every started run of a lost worker, and propose that sessions expire."""
        for run in self.held.values():
            if self._is_gone(run.worker, now):
                self.report(run, now)
        self.reported = {at: t for at, t in self.reported.items() if now - t < _REPEAT}
        self.forget(now - _REMEMBERED * self.settings.workers.timeout)
        wall, at = time.time(), steady()
        self.clock.look(wall, at)
        if self.clock.believed(at):
            self.shredding.expire(wall * 1000)
            self.shredding.end_months(wall * 1000)

    async def shred(self, _: float) -> None:
        """Shred the keys of ended sessions."""
        await asyncio.to_thread(self.shredding.shred_keys)

    async def delete_folders(self, now: float) -> None:
        """Delete the artifacts of ended sessions."""
        await asyncio.to_thread(self.shredding.delete_folders, now)

    async def collect(self, at: float) -> None:
        """Delete unreferenced content, while the clock is trusted."""
        if self.clock.believed(steady()):
            await asyncio.to_thread(self.collector.round, at, time.time())

    def committed(self) -> Mapping[int, int]:
        """Return the deciders' next offset, per partition of `commands` (blocks).

        Raises:
            LogError: the brokers do not answer.
        """
        name = f"{self.settings.kafka.topic_prefix}.{GROUPS['decide'].name}"
        client = client_of(self.settings, self.brokers)
        asked = groups_of(self.brokers, client, {name: self.topics.commands.name}, _GROUP_TIMEOUT)
        return asked[name].committed

    async def beat(self, at: float) -> None:
        """Send a heartbeat with the state of this process's work."""
        overdue = self.shredding.overdue(at, self.settings.retention.shred_within)
        clock = (self.clock.difference, self.clock.doubt(steady()))
        said = Supervision(*overdue, *clock, self.collector.refused)
        host, pid = socket.gethostname(), os.getpid()
        heartbeat = Heartbeat(self.name, host, pid, (), 0, now(), supervision=said)
        self.log.append(self.topics.workers.name, to_json(heartbeat), key=self.name)

    def forget(self, before: float) -> None:
        """Forget workers whose last heartbeat was before a time: they are gone anyway."""
        self.heard = {worker: at for worker, at in self.heard.items() if at >= before}
        self.stopped &= self.heard.keys()

    def _is_gone(self, worker: str, now: float) -> bool:
        last = max(self.heard.get(worker, 0.0), self.assigned_at or now)
        return worker in self.stopped or now - last > self.settings.workers.timeout

    def report(self, run: OpenRun, now: float) -> None:
        """Report to the session that a run's worker is lost."""
        if (run.run, run.attempt) in self.reported:
            return
        self.reported[run.run, run.attempt] = now
        self.meter.count("autolearn_supervise_lost_runs_total", run.kind)
        logger.warning("worker is gone", worker=run.worker, stream=run.stream, run=run.run)
        command = ReportRunLost(run.run, run.attempt, run.worker)
        identity = command_id("lost", run.run, run.attempt)
        self.commands.post(run.stream, command, identity, Trace.read(run.traceparent))
