"""What the workers do now: the newest heartbeat of each, kept in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from autolearn.api.resources import Running
from autolearn.eventlog.log import Log, Message
from autolearn.projections.models import RunRow, TrainingRow
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import AutoLearnError, MalformedRecord
from autolearn.schemas.workers import Heartbeat, Progress

__all__ = ["Heartbeats"]

log = structlog.stdlib.get_logger("autolearn.api")

FORGOTTEN_AFTER_MS = 30_000
PAUSE, PATIENCE = 5.0, 2.0


class Heartbeats:
    """Reads the topic `workers` in a thread of its own. It is not part of the truth.

    A fault here is logged and costs the live progress, nothing else.
    """

    def __init__(
        self, to: Log, topic: str, clock: Callable[[], float] = lambda: time.time() * 1000
    ) -> None:
        self.log, self.topic, self.clock = to, topic, clock
        self.newest: dict[str, tuple[Heartbeat, int]] = {}
        self.stopped = threading.Event()

    def start(self) -> None:
        """Start reading."""
        self.thread = threading.Thread(target=self.run, name="heartbeats", daemon=True)
        self.thread.start()

    def run(self) -> None:
        """Read until stopped (in the thread); after a fault, again from the start."""
        while not self.stopped.is_set():
            try:
                self.read()
            except AutoLearnError as error:
                log.warning("live progress is not shown", why=error.diagnostics())
                self.stopped.wait(PAUSE)

    def read(self) -> None:
        """Read until stopped, or until a fault."""
        reader = self.log.reader(self.topic, self.log.begins(self.topic))
        try:
            while not self.stopped.is_set():
                self.take(reader.read(1000, 0.5))
        finally:
            reader.close()

    def take(self, messages: list[Message]) -> None:
        """Keep what is new and recent."""
        limit = self.clock() - FORGOTTEN_AFTER_MS
        for message in messages:
            value, sent = message.value(), message.timestamp()[1]
            if value is None or sent < limit:
                continue
            try:
                heartbeat = from_json(value, Heartbeat)
            except MalformedRecord as error:
                log.warning("heartbeat", why=error.detail)
                continue
            if heartbeat.stopped:
                self.newest.pop(heartbeat.worker, None)
            else:
                self.newest[heartbeat.worker] = (heartbeat, sent)
        if any(sent < limit for _, sent in self.newest.values()):
            self.newest = {w: kept for w, kept in self.newest.items() if kept[1] >= limit}

    def live(self, row: RunRow) -> Running | None:
        """Return what goes on with a run now; None when it has ended."""
        if row.ended is not None:
            return None
        kind = "training" if isinstance(row, TrainingRow) else "evaluation"
        for heartbeat, progress in self.work():
            if progress.run == row.id and progress.attempt == row.attempt:
                return Running(
                    row.id,
                    kind,
                    row.attempt,
                    progress.phase,
                    heartbeat.worker,
                    heartbeat.host,
                    progress.since,
                )
        phase = "starting" if row.status == "started" else "waiting"
        return Running(row.id, kind, row.attempt, phase, row.worker, since=row.started)

    def work(self) -> list[tuple[Heartbeat, Progress]]:
        """Return what every worker works on."""
        limit = self.clock() - FORGOTTEN_AFTER_MS
        newest = list(self.newest.values())
        return [(h, progress) for h, sent in newest if sent >= limit for progress in h.runs]

    def stop(self) -> None:
        """Stop reading; a question that brokers do not answer is not waited for."""
        self.stopped.set()
        if hasattr(self, "thread"):
            self.thread.join(PATIENCE)
