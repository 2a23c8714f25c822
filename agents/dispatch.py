"""The dispatch agent: one Faust agent on `events` that hands out each open attempt as a task.

At least once: what is open and was not handed out when a partition is taken, is handed out then.
A task that is handed out twice does no harm, since only one worker's claim is accepted.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import structlog
from faust.types import EventT

from autolearn.agents.apps import make_app
from autolearn.agents.ending import end_process
from autolearn.agents.open_runs import OpenRun, OpenRuns
from autolearn.agents.tenures import Cancelled, Tenures
from autolearn.eventlog.follower import Follower
from autolearn.eventlog.log import Log
from autolearn.eventlog.meter import Meter
from autolearn.projections.store import RocksStore
from autolearn.schemas.codec import EventRecord, event_of, to_json
from autolearn.schemas.errors import LogError
from autolearn.schemas.events import RunLost, RunRequested
from autolearn.schemas.settings import Settings
from autolearn.schemas.tasks import Task
from autolearn.schemas.topics import TASK_TOPICS, Topics

__all__ = ["DispatchAgent", "Watch"]

logger = structlog.get_logger(__name__)


class Watch:
    """One tenure of a partition of `events`: the runs on it that have not ended."""

    def __init__(self, log: Log, topic: str, partition: int, folder: Path) -> None:
        self.log, self.topic, self.partition, self.folder = log, topic, partition, folder
        self.cancelled = threading.Event()
        self.lock = threading.Lock()
        self.runs: OpenRuns
        self.follower: Follower
        self.store: RocksStore | None = None

    def take(self) -> None:
        """Fold to the end of the log (blocking)."""
        with self.lock:
            self.store = RocksStore(self.folder)
            self.runs = OpenRuns(self.store)
            self.follower = Follower(self.log, self.topic, self.runs, [self.partition])
            end = self.log.ends(self.topic)[self.partition]
            while self.follower.progress[self.partition].next < end:
                if self.cancelled.is_set():
                    raise Cancelled
                self.follower.step(0.5)
            self.follower.close()

    def begin(self) -> int:
        """Return the offset of the first record that is not folded yet."""
        return self.follower.progress[self.partition].next

    def close(self) -> None:
        """Close the store."""
        with self.lock:
            if self.store is not None:
                self.store.close()
                self.store = None


class DispatchAgent:
    """Hands out the runs of the partitions of `events` that the group gives to this process."""

    def __init__(
        self, settings: Settings, log: Log, brokers: str, home: Path, meter: Meter
    ) -> None:
        self.log, self.topics, self.meter = log, Topics.of(settings), meter
        self.prefix = settings.topic_prefix
        self.folder = home / "state" / f"dispatch-{settings.instance}"
        self.watches: Tenures[Watch] = Tenures(self.new_watch)
        self.fresh: set[Watch] = set()
        app = make_app("dispatch", settings, brokers, home, self.position)
        self.apps = [app]
        self.watches.follow(app)
        topic = app.topic(
            self.topics.events.name, key_type=bytes, value_type=bytes, value_serializer="raw"
        )
        app.agent(topic, name="dispatch", concurrency=1)(self.run)

    async def start(self) -> None:
        """Do nothing: a tenure begins with the assignment of a partition."""

    async def ready(self) -> None:
        """Wait until the first assignment is taken."""
        await self.watches.ready()

    async def stop(self) -> None:
        """End all tenures."""
        await self.watches.close()

    def new_watch(self, partition: int) -> Watch:
        """Return a watch of a partition, not taken yet."""
        watch = Watch(self.log, self.topics.events.name, partition, self.folder / f"p{partition}")
        self.fresh.add(watch)
        return watch

    async def position(self, tp: Any) -> int:
        """Hand out what was open before, then tell where to begin reading."""
        offset = await self.watches.position(tp)
        watch = await self.watches.of(tp.partition)
        if watch is not None and watch in self.fresh:
            self.fresh.discard(watch)
            self.hand_out(watch, [run for run in watch.runs.all() if waits(watch.runs, run)])
        return offset

    async def run(self, stream: Any) -> None:
        """Take in every event that is delivered (the Faust agent)."""
        async for event in stream.noack().events():
            try:
                await self.handle(event)
            except Exception as error:  # noqa: BLE001 - Faust would lose the event and go on
                end_process("an event could not be dispatched", error)

    async def handle(self, event: EventT[bytes]) -> None:
        """Fold one event, and hand out the attempt that it opens."""
        partition, offset = event.message.partition, event.message.offset
        watch = await self.watches.of(partition)
        if watch is None or offset < watch.begin():
            return
        if offset > watch.begin():
            end_process(f"event {offset} came, {watch.begin()} was expected")
        record = watch.follower.take(partition, offset, event.value)
        watch.follower.commit()
        if record is not None:
            self.hand_out(watch, opened_by(watch.runs, record))
        event.ack()

    def hand_out(self, watch: Watch, runs: Iterable[OpenRun]) -> None:
        """Append a task for each run; remember it as handed out once it is written."""
        loop = asyncio.get_running_loop()
        for run in runs:
            task = Task(
                kind=run.kind,
                run=run.run,
                stream=run.stream,
                attempt=run.attempt,
                request=run.request,
                time_limit=run.time_limit,
                memory_limit=run.memory_limit,
            )

            def delivered(error: LogError | None, _: int, __: int, handed: OpenRun = run) -> None:
                loop.call_soon_threadsafe(self.note, watch, handed, error)

            topic = f"{self.prefix}.{TASK_TOPICS[run.kind]}"
            self.log.append(topic, to_json(task), key=run.run, delivered=delivered)

    def note(self, watch: Watch, run: OpenRun, error: LogError | None) -> None:
        """Remember that a run was handed out."""
        if error is not None:
            end_process("a task could not be handed out", error)
        self.meter.count("autolearn_dispatch_tasks_total", run.kind)
        logger.info("handed out", stream=run.stream, run=run.run, attempt=run.attempt)
        if self.watches.holds(watch) and watch.runs.get(run.stream, run.run) is not None:
            watch.runs.note_handed(run)
            watch.follower.commit()


def waits(runs: OpenRuns, run: OpenRun) -> bool:
    """Say whether a run waits for a worker and was not handed out."""
    return not run.worker and not runs.handed(run)


def opened_by(runs: OpenRuns, record: EventRecord) -> list[OpenRun]:
    """Return the run whose attempt an event opens, if it opens one."""
    event = event_of(record)
    if not isinstance(event, RunRequested | RunLost):
        return []
    run = runs.get(record.subject, event.run)
    return [] if run is None else [run]
