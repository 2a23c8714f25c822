"""The work agent: a Faust agent on `tasks` that claims attempts and does the work.

Dispatch sends a task when a slot seems free. The worker claims its attempt with a command, and
works only if the log says that the claim was accepted. The work itself is done by a process of its
own (agents.executors), so that it can be cancelled and limited, and cannot take the worker down.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time
import uuid
from typing import Any

import structlog

from autolearn.agents.command_client import CommandClient
from autolearn.agents.delivery_watch import Deliveries
from autolearn.agents.executors.executor import Executor
from autolearn.agents.executors.local.executor import LocalExecutor
from autolearn.agents.fail_stop import spawn
from autolearn.agents.faust_app import consume, make_app
from autolearn.agents.followed_projection import FollowedProjection
from autolearn.agents.worker.attempt_runner import AttemptRunner
from autolearn.agents.worker.catalog_announcer import announce
from autolearn.agents.worker.heartbeat_producer import HeartbeatProducer
from autolearn.agents.worker.labels import labels_of
from autolearn.agents.worker.task_consumer import TaskConsumer
from autolearn.eventlog.encryption.session_cipher import open_vault
from autolearn.eventlog.log import Log
from autolearn.projections.work.open_runs import OpenRuns
from autolearn.runtime.home import artifacts_url, state_folder
from autolearn.runtime.meter import Meter
from autolearn.schemas.actors import worker
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from autolearn.schemas.workers.cluster import DASK

logger = structlog.get_logger(__name__)


class Worker:
    """Works on runs of every kind, `workers.slots` of the settings at a time.

    Its id is new with every process, so that the runs of an earlier one are recognised as lost.
    """

    def __init__(self, settings: Settings, log: Log, brokers: str, meter: Meter) -> None:
        self.settings, self.log, self.meter = settings, log, meter
        self.topics = Topics.of(settings)
        self.id = f"{socket.gethostname()}-{settings.instance}-{uuid.uuid4().hex[:12]}"
        self.vault = open_vault(settings, log)
        actor, instance = worker(self.id), f"work/{self.id}"
        self.commands = CommandClient(log, self.topics, actor, instance, self.vault)
        self.folder = state_folder(settings, "work") / "runs"
        self.executor: Executor = LocalExecutor(
            artifacts_url(settings), note=self.folder.with_name(f"{self.folder.name}.scratch")
        )
        self.app = app = make_app("work", settings, brokers)
        tasks = self.topics.tasks.name
        self.deliveries = Deliveries(app, log, tasks, on_change=self.on_partitions)
        consume(app, tasks, "work", self.run)

    async def start(self) -> None:
        """Follow the events, warm the executor, announce the catalog, and begin to beat."""
        self.vault.start()
        await asyncio.to_thread(self.vault.catch_up)
        events = self.topics.events
        self.followed, labels, _ = await asyncio.gather(
            asyncio.to_thread(FollowedProjection, self.log, events, self.folder, OpenRuns),
            asyncio.to_thread(labels_of, self.settings.workers),
            self.executor.warm(),
        )
        runs, changed = self.followed.projection, asyncio.Event()
        runner = AttemptRunner(
            worker=self.id,
            settings=self.settings.workers,
            commands=self.commands,
            vault=self.vault,
            executor=self.executor,
            runs=runs,
            meter=self.meter,
            changed=changed,
        )
        self.tasks = TaskConsumer(self.settings, runner)
        self.meter.watch(self.tasks.busy)
        self.followed.follow(self.on_events)
        self.heartbeats = HeartbeatProducer(
            self.log, self.settings, self.id, self.tasks, changed, labels
        )
        self.beating = spawn(self.heartbeats.run(), "the heartbeat failed")
        traced = self.settings.observability.audit == "on"
        offer = announce(self.executor, runs, self.commands, traced, cluster=DASK in labels)
        self.announcing = asyncio.create_task(offer)

    async def ready(self) -> None:
        """Wait until the whole catalog is on the log."""
        await self.announcing
        if self.settings.workers.idle_exit:
            self.idling = spawn(self._leave_when_idle(), "idleness cannot be watched")

    async def _leave_when_idle(self) -> None:
        """End this process once it has had no run for `idle_exit` seconds."""
        patience, since = self.settings.workers.idle_exit, time.monotonic()
        while time.monotonic() - since < patience:
            await asyncio.sleep(min(1.0, patience / 4))
            if self.tasks.attempts:
                since = time.monotonic()
        self.tasks.leaving = True  # without an await since it was idle: no run is taken and lost
        logger.info("it is idle, and ends", seconds=patience)
        signal.raise_signal(signal.SIGTERM)

    async def drain(self) -> None:
        """Take no more runs, and wait for the end of those that it has, `drain` seconds at most."""
        if self.settings.workers.drain:
            await self.tasks.drain(self.settings.workers.drain)

    async def stop(self) -> None:
        """End the runs in progress (others will start them again), and report it."""
        self.beating.cancel()
        if hasattr(self, "idling"):
            self.idling.cancel()
        self.tasks.stop()
        await self.executor.close()
        self.heartbeats.beat(stopped=True)
        await self.followed.close()
        await asyncio.to_thread(self.vault.stop)

    async def run(self, stream: Any) -> None:
        """Process every delivered task (the Faust agent)."""
        await self.tasks.consume(self.deliveries.of(stream.events()))

    def on_partitions(self, ours: set[int] | None) -> None:
        """Tell dispatch soon which partitions reach this worker."""
        if ours == set():
            advice = "there are more workers than partitions: AUTOLEARN_TASK_PARTITIONS"
            logger.warning("this worker gets no tasks", advice=advice)
        self.heartbeats.reached_by(ours or set())

    def on_events(self, records: list[EventRecord]) -> None:
        """Hand answers to those who wait, and end the runs that were cancelled or given away."""
        self.commands.take_answers(records)
        self.tasks.cancel_lost()
        self.tasks.runner.studies.wake(records)
