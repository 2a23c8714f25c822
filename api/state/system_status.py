"""The status of the installation, as one API process sees it, on request."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from autolearn.api.limits.executors import ThreadLane
from autolearn.api.state.dead_letters import DeadLetters
from autolearn.api.state.log_reader import LogReader
from autolearn.api.state.worker_heartbeats import Heartbeats
from autolearn.operations.status.findings import findings
from autolearn.operations.status.inspector import StatusInspector
from autolearn.runtime.folders import places_of, topic_bytes
from autolearn.runtime.home import home_of
from autolearn.schemas.errors import LogError
from autolearn.schemas.reports.status import Finding, Member, Process, Status, Usage, WorkerState
from autolearn.schemas.settings import Settings

FRESH = 2.0
"""Seconds for which a status is repeated, to spare the brokers."""
_FRESH_DISK = 60.0
"""The same for the disks, where every file is read."""
_DISK_PATIENCE = 1.0
"""Seconds for which the first answer waits for them."""


class _Disks:
    """Measures the size of folders, in a thread of its own, now and then."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.found: list[Usage] | None = None
        self.bytes: dict[str, int] = {}
        self.began = float("-inf")
        self.thread: threading.Thread | None = None

    def newest(self) -> list[Usage] | None:
        """Return the newest measurement; start a due one, and wait for it a moment only."""
        busy = self.thread is not None and self.thread.is_alive()
        if not busy and time.monotonic() - self.began > _FRESH_DISK:
            self.began = time.monotonic()
            self.thread = threading.Thread(target=self.measure, name="disks", daemon=True)
            self.thread.start()
            self.thread.join(_DISK_PATIENCE)
        return self.found

    def measure(self) -> None:
        """Measure every file (in the thread)."""
        self.bytes = topic_bytes(home_of(self.settings))
        self.found = places_of(self.settings)


class SystemStatus:
    """Makes the status. Simultaneous requests share one, and it is kept for FRESH seconds."""

    def __init__(
        self,
        settings: Settings,
        reader: LogReader,
        heartbeats: Heartbeats,
        dead_letters: DeadLetters,
        executor: ThreadLane,
        looking: StatusInspector | None,
        waiting: Callable[[], dict[str, int]],
    ) -> None:
        self.settings, self.reader, self.heartbeats = settings, reader, heartbeats
        self.dead_letters, self.executor, self.looking = dead_letters, executor, looking
        self.waiting = waiting
        self.disks = _Disks(settings)
        self.host = socket.gethostname()
        self.name = f"api-{settings.instance}"
        self.lock = asyncio.Lock()
        self.newest: Status | None = None
        self.looked = float("-inf")

    async def status(self) -> Status:
        """Return the status, at most FRESH seconds old."""
        async with self.lock:
            if self.newest is None or time.monotonic() - self.looked > FRESH:
                self.newest = await self.executor.run(self.look)
                self.looked = time.monotonic()
            return self.newest

    def look(self) -> Status:
        """Inspect everything (in a thread)."""
        reader, told_by = self.reader, f"{self.name} on {self.host}"
        reached = reader.queries.progress()
        if self.looking is not None and reader.brokers.answer:
            status = self.looking.look(told_by, reached)
        else:
            status = Status(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z", told_by)
            status.unknown["brokers"] = f"Kafka does not answer. {reader.brokers.error}".strip()
        ends = reader.brokers.ends
        behind = {str(p): max(0, end - reached[p].next) for p, end in ends.items() if p in reached}
        us = [Member(self.name, self.host, sorted(reached))]
        status.processes.insert(0, Process("api", reader.topics.events.name, us, behind))
        status.workers = WorkerState.all_of(self.heartbeats.workers(), time.time())
        status.waiting = self.waiting()
        status.supervision = self.heartbeats.supervision()
        self._count_dead_letters(status)
        if (places := self.disks.newest()) is not None:
            status.disk = places
            for topic in status.topics:
                topic.bytes = self.disks.bytes.get(topic.name)
        else:
            status.unknown["disk"] = "The folders are still being measured: ask again."
        names = [topic.name for topic in reader.topics.all()]
        status.findings = findings(status, names, self.settings)
        if not reader.ready:
            left = reader.missing()
            why = "It waits for Kafka." if left is None else f"{left} events are to be read first."
            about = Finding("not-ready", f"{told_by} is not ready: {why}", "Give it time.")
            status.findings.insert(0, about)
        return status

    def _count_dead_letters(self, status: Status) -> None:
        """Count the dead letters, if the brokers answer."""
        if "brokers" in status.unknown:
            return
        try:
            status.dead_letters = self.dead_letters.count(time.time_ns() // 1_000_000)
        except LogError as error:
            status.unknown["dead-letters"] = error.detail
