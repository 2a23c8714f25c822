"""Tells the others what a worker does, and that it lives."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

from autolearn.agents.worker.task_consumer import TaskConsumer
from autolearn.eventlog.log import Producer
from autolearn.runtime.sandbox import missing
from autolearn.runtime.timestamps import now
from autolearn.schemas.codec import to_json
from autolearn.schemas.records.heartbeat import Heartbeat
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from autolearn.schemas.work_kinds import OF_WORKERS


class HeartbeatProducer:
    """Sends heartbeats: at least one in `workers.heartbeat` + 0.2 s, and one after each change."""

    def __init__(
        self,
        log: Producer,
        settings: Settings,
        worker: str,
        tasks: TaskConsumer,
        changed: asyncio.Event,
        labels: dict[str, str],
    ) -> None:
        self.log, self.settings, self.worker = log, settings, worker
        self.tasks, self.changed, self.labels = tasks, changed, labels
        self._partitions: set[int] = set()
        self._topic, self._unconfined = Topics.of(settings).workers.name, missing()

    async def run(self) -> None:
        """Send heartbeats until it is cancelled."""
        while True:
            self.changed.clear()
            self.beat()
            await asyncio.sleep(min(0.2, self.settings.workers.heartbeat))
            with suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), self.settings.workers.heartbeat)

    def reached_by(self, partitions: set[int]) -> None:
        """Report soon that tasks on these partitions reach the worker."""
        self._partitions = partitions
        self.changed.set()

    def beat(self, *, stopped: bool = False) -> None:
        """Send one heartbeat."""
        heartbeat = Heartbeat(
            worker=self.worker,
            host=socket.gethostname(),
            pid=os.getpid(),
            kinds=() if self.tasks.leaving else OF_WORKERS,
            slots=self.settings.workers.slots,
            time=now(),
            runs=tuple(each.progress() for each in self.tasks.attempts.values() if each.begun),
            partitions=tuple(sorted(self._partitions)),
            stopped=stopped,
            unconfined=self._unconfined,
            disk_low=self.tasks.shortage(),
            labels=self.labels,
        )
        self.log.append(self._topic, to_json(heartbeat), key=self.worker)
