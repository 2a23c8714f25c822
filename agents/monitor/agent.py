"""The monitor agent: it folds the prediction log into counts by model, version and hour.

Faust only chooses the process that acts: the one with the partition of `prediction-hours`. That one
reads all of `predictions` itself, in batches, in a thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import structlog

from autolearn.agents.delivery_watch import Deliveries
from autolearn.agents.fail_stop import end_process
from autolearn.agents.faust_app import consume, make_app
from autolearn.agents.monitor.hour_publisher import HourPublisher
from autolearn.agents.monitor.segments import Segments
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.encryption.session_cipher import open_vault
from autolearn.eventlog.log import Log
from autolearn.projections.predictions.batch_fold import BatchFold
from autolearn.projections.predictions.hour_fold import HourFold
from autolearn.projections.predictions.hour_rows import belongs_to
from autolearn.projections.predictions.training_profiles import TrainingProfiles
from autolearn.projections.predictions.truth_fold import TruthFold
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.read_models import ServedModels
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.runtime.home import artifacts_url, state_folder
from autolearn.runtime.meter import GaugeSample, Meter
from autolearn.schemas.errors import LogError
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import DAY_MS, Topics

_BATCH = 5000
"""Records that are folded and stored at once."""
_WAIT, _PAUSE = 0.5, 5.0
"""Seconds to wait for news, and after a fault of the log."""
logger = structlog.get_logger(__name__)


class MonitorAgent:
    """Folds predictions. Of several such processes, the one with the partition acts."""

    def __init__(self, settings: Settings, log: Log, brokers: str, meter: Meter) -> None:
        self.log, self.topics, self.meter = log, Topics.of(settings), meter
        self.days = int(settings.retention.prediction_days) + 1
        self.folder = state_folder(settings, "monitor")
        self.vault = open_vault(settings, log)
        self.artifacts = ArtifactStore(artifacts_url(settings))
        self.acting, self.stopped = threading.Event(), threading.Event()
        self.assigned = asyncio.Event()
        self.behind = 0
        self.thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self.app = app = make_app("monitor", settings, brokers)
        hours = self.topics.prediction_hours.name
        self.deliveries = Deliveries(app, log, hours, on_change=self.on_partitions)
        consume(app, hours, "monitor", self.run)
        meter.watch(self._gauges)

    async def start(self) -> None:
        """Follow the keys, and wait in a thread for the partition."""
        self.vault.start()
        self.thread.start()

    async def ready(self) -> None:
        """Wait for the first assignment (perhaps of nothing: another process acts)."""
        await self.assigned.wait()

    async def stop(self) -> None:
        """Stop the thread."""
        self.stopped.set()
        self.acting.clear()
        await asyncio.to_thread(self.thread.join)
        await asyncio.to_thread(self.vault.stop)

    def on_partitions(self, ours: set[int] | None) -> None:
        """Act with the partition, and not without."""
        if ours:
            self.acting.set()
        else:
            self.acting.clear()
        if ours is not None:
            self.assigned.set()

    async def run(self, stream: Any) -> None:
        """Pass over what is delivered (the Faust agent): the thread reads it."""
        async for _ in self.deliveries.of(stream.events()):
            continue

    def _gauges(self) -> list[GaugeSample]:
        return [("autolearn_predictions_behind", (), self.behind)]

    def _run(self) -> None:
        """Fold while this process acts (in the thread); after a fault of the log, once more."""
        try:
            while not self.stopped.is_set():
                if not self.acting.wait(_WAIT):
                    continue
                try:
                    self._act()
                except LogError as error:
                    logger.warning("the prediction log is not folded", why=error.detail)
                    self.stopped.wait(_PAUSE)
                self.behind = 0
        except Exception as error:  # noqa: BLE001 - whatever it is, this process cannot go on
            end_process("predictions cannot be folded", error)

    def _act(self) -> None:
        """Fold from where the store is, until another process acts. Raises LogError."""
        topic = self.topics.predictions.name
        with ExitStack() as end:
            store = end.enter_context(closing(RocksStore(self.folder / "hours")))
            if not belongs_to(store, self.log.cluster()):
                logger.warning("the hours of another log are forgotten")
            registry = end.enter_context(closing(RocksStore(self.folder / "registry")))
            events = self.topics.events
            follower = Projector(
                self.log, events.name, ServedModels(registry), range(events.partitions)
            )
            end.enter_context(closing(follower))
            profiles = TrainingProfiles(
                partial(Snapshot, registry, self.vault.open_kept),
                follower.catch_up,
                self.artifacts,
                self.vault,
            )
            fold = HourFold(store, self.vault, profiles.find)
            reader = end.enter_context(closing(fold.reader(self.log, topic)))
            batches = Projector(
                self.log,
                events.name,
                BatchFold(store, self.vault, fold.changed),
                range(events.partitions),
            )
            end.enter_context(closing(batches))
            truths = TruthFold(fold)
            told = end.enter_context(closing(truths.reader(self.log, self.topics.truths.name)))
            publisher = end.enter_context(
                closing(HourPublisher(self.log, self.topics, store, fold))
            )
            segments = Segments(self.log, (self.topics.predictions, self.topics.truths))
            asked, ends = 0.0, dict[int, int]()
            while self.acting.is_set():
                records = reader.read(_BATCH, _WAIT)
                if records:
                    fold.fold(records)
                    self.meter.count("autolearn_predictions_folded_total", by=len(records))
                if said := told.read(_BATCH, 0.0):
                    truths.fold(said)
                batches.step(0.0)
                publisher.publish()
                segments.roll()
                if time.monotonic() - asked > _PAUSE:
                    asked = time.monotonic()
                    ends = self.log.ends(topic)
                    truths.forget_before(int(time.time() * 1000) - self.days * DAY_MS)
                self.behind = sum(max(0, at - fold.next[p]) for p, at in ends.items())
