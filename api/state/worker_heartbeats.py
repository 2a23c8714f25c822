"""The newest heartbeat of each worker, kept in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

import structlog

from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.log import RecordSource
from autolearn.projections.work.heartbeats import FORGOTTEN_AFTER_MS, Beats
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.records.heartbeat import Heartbeat, Progress, Supervision
from autolearn.schemas.rest.runs import AnyRunRow, LiveProgress
from autolearn.schemas.workers.labels import Labels, lacking
from autolearn.security.data_key import Unreadable, about_progress

log = structlog.stdlib.get_logger("autolearn.api")

PAUSE, PATIENCE = 5.0, 2.0
"""Seconds until reading begins again after a fault, and that `stop` waits for the thread."""

Live = Callable[[AnyRunRow], LiveProgress | None]
"""Returns the progress of a run now; None when nothing is known."""


class Heartbeats:
    """Reads the topic `workers` in a thread of its own.

    A fault here is logged and costs the live progress, nothing else.
    """

    def __init__(
        self,
        to: RecordSource,
        topic: str,
        vault: SessionCipher,
        clock: Callable[[], float] = lambda: time.time() * 1000,
    ) -> None:
        self.log, self.topic, self.vault, self.clock = to, topic, vault, clock
        self.beats = Beats()
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
        with closing(self.log.reader(self.topic, self.log.begins(self.topic))) as reader:
            while not self.stopped.is_set():
                self.beats.take(reader.read(1000, 0.5), self.limit())

    def live(self, row: AnyRunRow) -> LiveProgress | None:
        """Return the progress of a run now; None when it has ended."""
        if row.ended is not None:
            return None
        for heartbeat, progress in self.work():
            if progress.run == row.id and progress.attempt == row.attempt:
                return LiveProgress(
                    row.id,
                    row.kind,
                    row.attempt,
                    progress.phase,
                    heartbeat.worker,
                    heartbeat.host,
                    progress.since,
                    self.detail(progress),
                )
        phase, detail = "starting" if row.status == "started" else "waiting", ""
        if row.labels and phase == "waiting" and (why := self.lacking(row.labels)):
            words, _, detail = why.partition(": ")
            phase = f"waiting for a worker with {words}"
        since = row.started
        return LiveProgress(row.id, row.kind, row.attempt, phase, row.worker, "", since, detail)

    def lacking(self, labels: Labels) -> str:
        """Return which label no worker has, and what they have; "" if one has all."""
        return lacking(labels, [beat.labels for beat, _ in self.workers()])

    def detail(self, progress: Progress) -> str:
        """Return the detail of a progress in clear; "" if its key is not there."""
        if not progress.keyid:
            return progress.detail
        try:
            key = self.vault.key(progress.keyid)
            return key.open_text(progress.detail, about_progress(progress.run)).decode()
        except Unreadable:
            return ""

    def limit(self) -> float:
        """Return the time before which a heartbeat has expired (milliseconds since 1970)."""
        return self.clock() - FORGOTTEN_AFTER_MS

    def workers(self) -> list[tuple[Heartbeat, int]]:
        """Return the newest heartbeat of every recent worker, and its time."""
        return self.beats.workers(self.limit())

    def supervision(self) -> Supervision | None:
        """Return the recent state of the supervising process."""
        return self.beats.supervision(self.limit())

    def work(self) -> list[tuple[Heartbeat, Progress]]:
        """Return the runs of every worker, and of every process that drives pipelines."""
        heard = self.beats.since(self.limit())
        return [(beat, progress) for beat, _ in heard for progress in beat.runs]

    def stop(self) -> None:
        """Stop reading; a request that brokers do not answer is not awaited."""
        self.stopped.set()
        if hasattr(self, "thread"):
            self.thread.join(PATIENCE)
