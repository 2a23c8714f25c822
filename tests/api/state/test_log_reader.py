"""The reader of the events alone, on a log and a store in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from autolearn.api.commands.answer_waiters import AnswerWaiters
from autolearn.api.http.problems import Problem
from autolearn.api.limits.executors import Bound, ThreadLane
from autolearn.api.state.log_reader import LogReader
from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.kafka.broker_health import Brokers
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.queries.queries import ReadModelQueries
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.memory import MemoryStore
from autolearn.schemas.codec import encode
from autolearn.schemas.errors import AutoLearnError, LogError
from autolearn.schemas.topics import Topics
from tests.api.state.test_failing_fold import break_log
from tests.eventlog.test_admission import started
from tests.support.settings import settings_of
from tests.support.waiting import soon

TOPICS = Topics.of(settings_of(partitions=1, instance="tests"))
EVENTS = TOPICS.events.name


class World:
    """A reader that has not started, on a log that has so many terms."""

    def __init__(self, terms: int, log: MemoryLog | None = None) -> None:
        self.log, self.terms = log or MemoryLog(), 0
        MemoryLog.create(self.log, TOPICS.all())
        self.append(terms)
        self.queries, self.arrivals = ReadModelQueries(MemoryStore()), AnswerWaiters()
        self.brokers = Brokers(self.log, EVENTS)
        self.executor = ThreadLane("brokers", Bound(1, 10, 10))
        self.failures: list[str] = []
        self.reader = LogReader(
            self.log,
            TOPICS,
            self.queries,
            SessionCipher(),
            self.arrivals,
            self.brokers,
            self.executor,
            lambda: self.failures.append("the process must end"),
            pause=0.01,
        )

    def append(self, terms: int) -> None:
        """Append the events that begin terms."""
        for _ in range(terms):
            self.terms += 1
            self.log.append(EVENTS, encode(started(self.terms)), key="partition/0", partition=0)

    @property
    def folded(self) -> int:
        """The offset that is folded next."""
        reached = self.queries.progress()
        return reached[0].next if reached else 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[LogReader]:
        """The reader, started; at the end it and its executor are stopped."""
        self.reader.start()
        try:
            async with asyncio.timeout(20):
                yield self.reader
        finally:
            await self.reader.stop()
            self.executor.close()


def test_it_is_ready_where_the_log_ended_when_it_began():
    async def story() -> None:
        world = World(3)
        with pytest.raises(Problem, match="waits for Kafka"):
            world.reader.require_ready()
        assert (world.reader.ready, world.reader.missing()) == (False, None)
        seen: list[Any] = []
        threads: list[threading.Thread] = []
        world.reader.preparing += [lambda snapshot: seen.append(snapshot.rows.progress())]
        world.reader.preparing += [lambda _: threads.append(threading.current_thread())]
        world.reader.opened += [lambda: threads.append(threading.current_thread())]
        world.reader.taken += [lambda records: seen.extend(one.type for one in records)]
        async with world.running() as reader:
            await reader.until_ready()
            assert (world.folded, reader.missing()) == (3, 0)
            reader.require_ready()
            await soon(lambda: len(seen) == 4)
        assert seen == [{}, *["autolearn.TermStarted.v1"] * 3], "prepared before it is folded"
        assert [one is threading.current_thread() for one in threads] == [False, True]

    asyncio.run(story())


def test_brokers_that_do_not_answer_yet_are_waited_for():
    class Late(MemoryLog):
        there = False

        def create(self, *_: object) -> None:
            if not self.there:
                raise LogError("Two brokers are missing.")

    async def story() -> None:
        log = Late()
        world = World(1, log)
        async with world.running() as reader:
            await soon(lambda: reader.waits_for)
            with pytest.raises(Problem, match="Two brokers are missing"):
                reader.require_ready()
            log.there = True
            await reader.until_ready()
        assert not world.failures

    asyncio.run(story())


def test_what_is_stopped_before_it_is_open_follows_nothing():
    class Slow(MemoryLog):
        def __init__(self) -> None:
            super().__init__()
            self.asked, self.go_on = threading.Event(), threading.Event()

        def create(self, *_: object) -> None:
            self.asked.set()
            self.go_on.wait(10)

    async def story() -> None:
        log = Slow()
        world, opened = World(1, log), list[str]()
        world.reader.opened.append(lambda: opened.append("too late"))
        async with world.running() as reader:
            await asyncio.to_thread(log.asked.wait)
            await reader.stop()
            log.go_on.set()
            await soon(lambda: reader.goal is not None)
            await soon(lambda: "open" not in {one.name for one in threading.enumerate()})
            await asyncio.sleep(0)  # what the thread has left to the loop is done
        assert (opened, reader.feed, world.folded) == ([], None, 0)

    asyncio.run(story())


def test_fresh_waits_for_what_is_on_the_log_by_now():
    async def story() -> None:
        world = World(1)
        async with world.running() as reader:
            await reader.until_ready()
            world.append(50)
            await reader.fresh()
            assert world.folded == 51
            world.brokers.error = "They are gone."
            world.append(1)
            await reader.fresh()  # nobody can say how much there is: it gives up
            with pytest.raises(Problem, match="Kafka does not answer"):
                reader.require_brokers()

    asyncio.run(story())


def test_what_is_not_on_the_log_is_not_waited_for_past_the_deadline():
    async def story() -> None:
        world = World(2)
        async with world.running() as reader:
            await reader.until_ready()
            deadline = asyncio.get_running_loop().time() + 0.05
            assert not await reader.until_holds({0: 3}, deadline)
            assert reader.holds({0: 2})
            assert not reader.holds({0: 3})
            waiting = asyncio.create_task(reader.until_holds({0: 3}, deadline + 20))
            await asyncio.sleep(0)
            world.append(1)
            assert await waiting

    asyncio.run(story())


def test_a_fold_that_raises_is_the_end():
    async def story() -> None:
        world = World(0)
        async with world.running() as reader:
            await reader.until_ready()
            with world.arrivals.expected("command") as answered:
                break_log(world.log, EVENTS)
                await answered
            assert world.failures == ["the process must end"]
            assert not reader.ready
            with pytest.raises(Problem, match="not open"):
                reader.require_ready()
            with pytest.raises(AutoLearnError, match="not open"):
                await reader.until_ready()

    asyncio.run(story())


def test_another_store_takes_over_and_goes_on():
    async def story() -> None:
        world = World(5)
        async with world.running() as reader:
            await reader.until_ready()
            other = MemoryStore()
            follower = Projector(world.log, EVENTS, ReadModels(other), range(1))
            follower.catch_up()
            await reader.hand_over(other, follower)
            assert world.queries.store is other
            world.append(2)
            await reader.fresh()
            assert world.folded == 7

    asyncio.run(story())
