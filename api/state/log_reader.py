"""The reader of the events in an API process: its start, its progress, and its waiting requests."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

import structlog

from autolearn.api.commands.answer_waiters import AnswerWaiters
from autolearn.api.http import problems
from autolearn.api.limits.executors import ThreadLane
from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.consumers.projector_thread import ProjectorThread
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.kafka.broker_health import Brokers
from autolearn.eventlog.log import Log
from autolearn.eventlog.positions import log_id
from autolearn.projections.queries.queries import ReadModelQueries, Snapshot
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.store import Store
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.errors import AutoLearnError, LogError, TopicMismatch
from autolearn.schemas.events import DatasetDeleted, ExperimentDeleted, ModelDeleted
from autolearn.schemas.messages import type_of
from autolearn.schemas.topics import Topics

log = structlog.stdlib.get_logger("autolearn.api")

T = TypeVar("T")

_DELETED = {type_of(DatasetDeleted), type_of(ExperimentDeleted), type_of(ModelDeleted)}
FRESH_TIMEOUT = 2.0
_OPEN_TIMEOUT = 5.0
"""Seconds that brokers have to answer when a process starts."""


class LogReader:
    """Folds the events into the store of the queries, from `start` to `stop`, both on the loop.

    `executor` runs the requests to the brokers. `on_failure` is called when the process must end.
    Brokers that do not answer at the start are asked again in `pause` seconds.
    `preparing`, `opened` and `taken` are to be filled before `start`.
    """

    def __init__(
        self,
        to: Log,
        topics: Topics,
        queries: ReadModelQueries,
        vault: SessionCipher,
        arrivals: AnswerWaiters,
        brokers: Brokers,
        executor: ThreadLane,
        on_failure: Callable[[], None],
        pause: float = 1.0,
        models: type[ReadModels] = ReadModels,
    ) -> None:
        self.log, self.topics, self.queries, self.vault = to, topics, queries, vault
        self.arrivals, self.brokers, self.executor = arrivals, brokers, executor
        self.on_failure, self.pause, self.models = on_failure, pause, models
        self.preparing: list[Callable[[Snapshot], None]] = []
        """Called in a thread with the read models, before anything is folded into them."""
        self.opened: list[Callable[[], None]] = []
        """Called on the loop when the topics are there and are read."""
        self.taken: list[Callable[[list[EventRecord]], None]] = []
        """Called on the loop with each batch of events, when it is stored."""
        self.log_id = ""
        self.goal: dict[int, int] | None = None
        self.caught_up = False
        self.failure: str | None = None
        self.waits_for = ""
        self.feed: ProjectorThread | None = None
        self.stopped = threading.Event()
        self.barrier, self.barrier_began = asyncio.Lock(), 0.0

    # From start to stop

    def start(self) -> None:
        """Start to follow the log; return at once."""
        self.loop = asyncio.get_running_loop()
        # A daemon thread: a process that stops does not wait for silent brokers.
        threading.Thread(target=self.open, name="open", daemon=True).start()

    def open(self) -> None:
        """Create the missing topics, and find the position to resume (in a thread).

        It waits for brokers that do not answer, or are too few yet.
        """
        try:
            while (follower := self._try_open()) is None:
                if self.stopped.wait(self.pause):
                    return
        except Exception as error:  # noqa: BLE001 - whatever it is, this process cannot go on
            self.on_loop(self.fail, error)
        else:
            self.on_loop(self.follow, follower)

    def _try_open(self) -> Projector | None:
        """Try it once; None if the brokers cannot do it now.

        Raises:
            AutoLearnError: trying again would not help.
        """
        try:
            self.log.create(self.topics.all(), _OPEN_TIMEOUT)
            self.vault.start()
            self.vault.catch_up()
            follower = self.follower()
        except TopicMismatch:
            raise
        except LogError as error:
            if not self.waits_for:  # it is logged once here, and always shown by health
                log.warning("waiting", why=error.detail)
            self.waits_for = error.detail
            return None
        for prepare in self.preparing:
            prepare(self.queries.now())
        return follower

    def on_loop(self, call: Callable[[T], None], argument: T) -> None:
        """Call something on the event loop, unless the process is stopping."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(call, argument)

    def follow(self, follower: Projector) -> None:
        """Read the log from now on, in threads."""
        if self.stopped.is_set():
            follower.close()
            return
        self.feed = ProjectorThread(follower, self.on_events, self.fail)
        self.feed.start()
        for begin in self.opened:
            begin()

    def follower(self) -> Projector:
        """Return the projector, and note the position at which the process is ready."""
        events = self.topics.events
        goal = self.log.ends(events.name)
        models = self.models(self.queries.store)
        follower = Projector(self.log, events.name, models, range(events.partitions))
        if follower.restarted:
            log.warning("rebuilding", reason="the store belongs to another log")
        self.goal = goal
        return follower

    async def hand_over(self, store: Store, follower: Projector) -> None:
        """Serve from another store, which a projector has brought up to date.

        The old one closes after the last answer from it.
        """
        assert self.feed is not None
        await self.feed.hand_over(follower, lambda: setattr(self.queries, "store", store))

    def on_events(self, records: list[EventRecord]) -> None:
        """Wake the requests that wait for these stored events."""
        self.arrivals.notify(records)
        for take in self.taken:
            take(records)
        for record in records:
            if record.type in _DELETED:
                self.queries.known.forget(record.subject.partition("/")[2])

    def fail(self, error: Exception) -> None:
        """Stop: the read models can no longer be trusted to be up to date."""
        explained = isinstance(error, AutoLearnError)
        self.failure = error.diagnostics() if isinstance(error, AutoLearnError) else repr(error)
        log.error("stopping", why=self.failure, exc_info=None if explained else error)
        self.arrivals.give_up()
        self.arrivals.notify([])
        self.on_failure()

    async def stop(self) -> None:
        """Stop reading."""
        self.stopped.set()
        if self.feed is not None:
            await self.feed.stop()

    # Progress

    @property
    def ready(self) -> bool:
        """Whether the read models have reached the end of the log at the start of the process."""
        if not self.caught_up and self.goal is not None:
            self.caught_up = not self.missing()
        return self.caught_up and self.failure is None

    async def which_log(self) -> str:
        """Return the id of the log (`eventlog.positions.log_id`): "" while it is empty."""
        if not self.log_id:
            self.require_brokers()
            events = self.topics.events.name
            self.log_id = await self.executor.run(lambda: log_id(self.log, events))
        return self.log_id

    async def ends(self) -> dict[int, int]:
        """Return the present ends of the log, per partition.

        Raises:
            LogError: the brokers do not answer.
        """
        return await self.executor.run(lambda: self.log.ends(self.topics.events.name))

    async def until_ready(self) -> None:
        """Wait until the process is ready.

        Raises:
            AutoLearnError: it never will be: something failed, such as a fold that raised.
        """
        while not self.ready:
            if self.failure is not None:
                raise AutoLearnError(self.failure, title="This process has failed")
            # Records that are not admitted wake nobody, hence the short wait.
            await self.arrivals.until(lambda: self.ready, 0.02)

    def missing(self) -> int | None:
        """Return how many records are to be folded until the process is ready."""
        if self.goal is None:
            return None
        reached = self.queries.progress()
        return sum(
            max(0, end - reached.get(p, PartitionProgress()).next) for p, end in self.goal.items()
        )

    def require_ready(self) -> None:
        """Raise a problem unless the process is ready."""
        if self.caught_up and self.failure is None:
            return
        if not self.ready:
            raise problems.unavailable(self.why_not_ready(), kind="not-ready")

    def why_not_ready(self) -> str:
        """Describe what this process waits for, or why it will never be ready."""
        left = self.missing()
        if self.failure is not None:
            return self.failure
        if left is not None:
            return f"This process is catching up with the log: {left} events to go."
        return f"This process is starting: it waits for Kafka. {self.waits_for}".strip()

    def require_brokers(self) -> None:
        """Raise a problem unless the brokers answer: the request needs the log."""
        if not self.brokers.answer:
            raise problems.unavailable(
                "Kafka does not answer, and this is read from it. What is known without it is "
                "shown all the same: try again."
            )

    async def fresh(self) -> None:
        """Wait until the read models hold everything that is on the log by now.

        What is not found after this does not exist, through whichever process it was made. It gives
        up quietly when the brokers do not answer.
        """
        asked = asyncio.get_running_loop().time()
        async with self.barrier:
            if self.barrier_began > asked or not self.brokers.answer:
                return
            self.barrier_began = asyncio.get_running_loop().time()
            try:
                ends = await asyncio.wait_for(self.ends(), FRESH_TIMEOUT)
            except (LogError, TimeoutError):
                return
            await self.until_holds(ends, self.barrier_began + FRESH_TIMEOUT)

    async def until_holds(self, ends: Mapping[int, int], deadline: float) -> bool:
        """Wait until everything before these offsets is folded; return whether it is.

        The deadline is a time of the event loop.
        """
        while not self.holds(ends) and asyncio.get_running_loop().time() < deadline:
            # Records that are not admitted wake nobody, hence the short wait.
            await self.arrivals.until(lambda: self.holds(ends), 0.02)
        return self.holds(ends)

    def holds(self, ends: Mapping[int, int]) -> bool:
        """Return whether everything before these offsets is folded."""
        reached = self.queries.progress()
        return all(reached.get(p, PartitionProgress()).next >= end for p, end in ends.items())
