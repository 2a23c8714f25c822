"""A consumer that stands still is told from one that has nothing to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from mode.signals import Signal

from autolearn.agents.delivery_watch import LATE, LONG_REBALANCE, Deliveries
from autolearn.agents.faust_app import make_app
from autolearn.agents.process import start
from autolearn.eventlog.kafka.connect import open_log
from autolearn.eventlog.log import Topic
from autolearn.eventlog.memory.log import MemoryLog
from tests.support.settings import settings_of
from tests.support.waiting import soon

TOPIC = "al.commands"


class App:
    """What Deliveries needs of a Faust application."""

    on_partitions_assigned: Any = Signal()
    on_partitions_revoked: Any = Signal()


def records(*offsets: int, partition: int = 0) -> AsyncIterator[Any]:
    async def each() -> AsyncIterator[Any]:
        for offset in offsets:
            yield SimpleNamespace(message=SimpleNamespace(partition=partition, offset=offset))

    return each()


async def ours(*partitions: int) -> Deliveries:
    deliveries = Deliveries(App(), MemoryLog(), TOPIC)
    await deliveries.on_assigned(None, {TP(TOPIC, partition) for partition in partitions})
    return deliveries


def looks(deliveries: Deliveries, ends: dict[int, int], count: int) -> list[str]:
    """What is found at each of some looks in a row, between which nothing comes."""
    return ["" if deliveries.goes_on() else deliveries.standstill(ends) for _ in range(count)]


async def take(deliveries: Deliveries, *offsets: int, partition: int = 0) -> None:
    async for _ in deliveries.of(records(*offsets, partition=partition)):
        pass


def test_who_has_been_given_everything_has_nothing_to_do():
    async def story() -> None:
        deliveries = await ours(0)
        await take(deliveries, 7)
        assert set(looks(deliveries, {0: 8, 1: 99}, 99)) == {""}

    asyncio.run(story())


def test_what_lies_on_the_log_and_is_not_delivered_is_told_and_where():
    async def story() -> None:
        deliveries = await ours(0, 1)
        await take(deliveries, 7)
        *before, last = looks(deliveries, {0: 9, 1: 0}, LATE + 1)
        assert set(before) == {""}
        assert last == f"offset 8 of partition 0 of {TOPIC} is not delivered"

    asyncio.run(story())


def test_one_partition_that_stands_still_is_told_though_others_go_on():
    async def story() -> None:
        deliveries = await ours(0, 1)
        found = looks(deliveries, {0: 10, 1: 10}, 1)
        for n in range(LATE):
            assert set(found) == {""}
            await take(deliveries, 10 + n)
            found = looks(deliveries, {0: 99, 1: 11}, 1)
        assert found == [f"offset 10 of partition 1 of {TOPIC} is not delivered"]

    asyncio.run(story())


def test_work_on_a_record_is_no_standstill():
    async def story() -> None:
        deliveries = await ours(0)
        async for _ in deliveries.of(records(7)):
            assert set(looks(deliveries, {0: 99}, 99)) == {""}
        assert looks(deliveries, {0: 99}, LATE + 1)[-1] != ""

    asyncio.run(story())


def test_who_can_be_given_nothing_yet_misses_nothing():
    async def story() -> None:
        taking = True
        deliveries = Deliveries(App(), MemoryLog(), TOPIC, lambda: taking)
        await deliveries.on_assigned(None, {TP(TOPIC, 0)})
        for end in range(99):
            assert looks(deliveries, {0: end}, 1) == [""]
        taking = False
        assert looks(deliveries, {0: 99}, 99) == [""] * 99
        assert "offset 99" in looks(deliveries, {0: 100}, LATE)[-1]

    asyncio.run(story())


def test_what_comes_after_the_first_look_is_missed_also_where_nothing_was_delivered():
    async def story() -> None:
        deliveries = await ours(0)
        assert looks(deliveries, {0: 40}, 9) == [""] * 9
        assert "offset 40" in looks(deliveries, {0: 41}, LATE)[-1]

    asyncio.run(story())


def test_what_has_expired_unread_is_not_missed():
    async def story() -> None:
        log = MemoryLog()
        log.create([Topic(TOPIC, 1, 1, {})])
        deliveries = Deliveries(App(), log, TOPIC)
        await deliveries.on_assigned(None, {TP(TOPIC, 0)})
        looks(deliveries, log.ends(TOPIC), 1)
        for _ in range(3):
            log.append(TOPIC, b"", key="a", partition=0)
        assert looks(deliveries, log.ends(TOPIC), LATE)[-1] != ""
        assert not await deliveries.expired()
        log.delete_before(TOPIC, {0: 3})
        assert await deliveries.expired()
        assert looks(deliveries, log.ends(TOPIC), 99) == [""] * 99

    asyncio.run(story())


def test_a_group_that_says_nothing_for_two_minutes_is_a_standstill():
    async def story() -> None:
        deliveries = await ours(0)
        await deliveries.on_revoked(None, {TP(TOPIC, 0)})
        found = looks(deliveries, {0: 9}, LONG_REBALANCE)
        assert set(found[:-1]) == {""}
        assert found[-1] == f"no partition of {TOPIC} is ours"
        await deliveries.on_assigned(None, set())
        assert looks(deliveries, {0: 9}, 99) == [""] * 99, "others have them"

    asyncio.run(story())


@pytest.mark.kafka
def test_a_consumer_of_faust_that_stands_still(kafka: str, tmp_path: Path):
    async def story() -> None:
        settings = settings_of(kafka=kafka, home=str(tmp_path), topic_prefix="stands-still")
        log, topic = open_log(settings), "stands-still.commands"
        log.create([Topic(topic, 1, 1, {})])
        app = make_app("decide", settings, kafka)
        deliveries, seen = Deliveries(app, log, topic), {}

        async def run(stream: Any) -> None:
            async for event in deliveries.of(stream.events()):
                seen[event.message.offset] = True

        app.agent(app.topic(topic, key_type=bytes, value_type=bytes, value_serializer="raw"))(run)
        await start(app)
        try:
            log.append(topic, b"a", key="a", partition=0)
            await soon(lambda: list(seen) == [0])
            assert looks(deliveries, log.ends(topic), 9) == [""] * 9
            consumer = app.consumer._thread._consumer
            consumer.pause(*consumer.assignment())
            log.append(topic, b"b", key="b", partition=0)
            await soon(lambda: log.ends(topic) == {0: 2})
            assert "offset 1 of partition 0" in looks(deliveries, log.ends(topic), LATE)[-1]
            assert not await deliveries.expired()
            consumer.resume(*consumer.assignment())
            await soon(lambda: list(seen) == [0, 1])
            assert deliveries.goes_on()
        finally:
            await app.stop()
            await asyncio.to_thread(log.close)

    asyncio.run(story())
