"""A Feed that changes over to another Follower: at one position, nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from random import Random

import pytest
from msgspec import Raw
from msgspec.structs import replace

from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.consumers.projector_thread import ProjectorThread
from autolearn.eventlog.log import Record, RecordReader
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.storage.store import key
from autolearn.schemas.codec import EventRecord, encode, from_json
from autolearn.schemas.topics import Topic
from tests.eventlog.test_admission import started
from tests.support.random_histories import history
from tests.support.waiting import soon

PARTITIONS = 2
COUNT = 400


def stories() -> list[list[EventRecord]]:
    """What comes on each partition. No stream is on both, and no command."""
    return [
        [started(1), *(on(partition, record) for record in history(Random(partition), COUNT))]
        for partition in range(PARTITIONS)
    ]


def on(partition: int, record: EventRecord) -> EventRecord:
    """An event as if it were of a partition's own; a dataset's name is that of its stream."""
    dataset = record.subject.removeprefix("dataset/").encode()
    data = bytes(record.data or b"").replace(b'"%s"' % dataset, b'"%s%d"' % (dataset, partition))
    return replace(
        record,
        data=Raw(data) if data else record.data,
        id=f"{partition}-{record.id}",
        subject=f"{record.subject}{partition}",
        causationid=f"{partition}-{record.causationid}",
    )


def places(store: MemoryStore) -> dict[int, int]:
    """How far a store is, also while a thread writes to it."""
    found = {partition: store.get(key("progress", partition)) for partition in range(PARTITIONS)}
    return {
        p: from_json(value, PartitionProgress).next if value else 0 for p, value in found.items()
    }


class Writer:
    """Writes the stories in a thread, the records of both partitions in turn."""

    def __init__(self, log: MemoryLog) -> None:
        self.log, self.stories = log, stories()
        self.written = [0] * PARTITIONS

    def write(self, partition: int, count: int) -> None:
        """Write the next records of a partition."""
        at = self.written[partition]
        for record in self.stories[partition][at : at + count]:
            self.log.append("events", encode(record), key=record.subject, partition=partition)
        self.written[partition] = min(at + count, len(self.stories[partition]))

    def write_all(self) -> None:
        """Write what is left, a little at a time."""
        while any(n < len(story) for n, story in zip(self.written, self.stories, strict=True)):
            for partition in range(PARTITIONS):
                self.write(partition, 1)


def test_it_stops_although_the_two_do_not_come_to_one_position():
    """As when the brokers go away in the middle of a change-over."""
    logs = [MemoryLog(), MemoryLog()]
    for log, count in zip(logs, (50, 60), strict=True):
        log.create([Topic("events", PARTITIONS, 1, {})])
        Writer(log).write(0, count)
    first, second = (
        Projector(log, "events", ReadModels(MemoryStore()), range(PARTITIONS)) for log in logs
    )
    first.catch_up()
    second.catch_up()

    async def run() -> None:
        failures = list[Exception]()
        feed = ProjectorThread(first, lambda _: None, failures.append)
        feed.start()
        changing = asyncio.create_task(feed.hand_over(second, lambda: None))
        await asyncio.sleep(0)
        await soon(lambda: feed.successor is None)
        async with asyncio.timeout(10):
            await feed.stop()
        changing.cancel()
        assert not failures

    asyncio.run(run())


@pytest.mark.parametrize("ahead", [(0, 0), (30, 0), (0, 40), (25, 25)])
def test_it_changes_over_at_one_position_while_events_come(ahead: tuple[int, int]):
    """The new Follower is ahead by so many records of each partition, or has folded nothing."""
    log = MemoryLog()
    log.create([Topic("events", PARTITIONS, 1, {})])
    writer, old, new = Writer(log), MemoryStore(), MemoryStore()
    for partition in range(PARTITIONS):
        writer.write(partition, 100)
    first = Projector(log, "events", ReadModels(old), range(PARTITIONS))
    first.catch_up()
    for partition, count in enumerate(ahead):
        writer.write(partition, count)
    second = Projector(log, "events", ReadModels(new), range(PARTITIONS))
    if any(ahead):
        second.catch_up()
    seen: list[EventRecord] = []
    shown: list[tuple[dict[int, int], dict[int, int]]] = []

    async def run() -> None:
        failures, complete = list[Exception](), asyncio.Event()

        def note(records: list[EventRecord]) -> None:
            seen.extend(records)
            if len(seen) >= sum(len(story) - 100 for story in writer.stories):
                complete.set()

        feed = ProjectorThread(first, note, failures.append)
        background = threading.Thread(target=writer.write_all)
        background.start()
        feed.start()
        await feed.hand_over(second, lambda: shown.append((places(old), places(new))))
        async with asyncio.timeout(20):
            await complete.wait()
        await feed.stop()
        background.join()
        assert not failures

    asyncio.run(run())
    ((before, after),) = shown
    assert all(after[partition] >= at for partition, at in before.items()), "not back in time"
    for partition in range(PARTITIONS):
        told = [record.id for record in seen if record.id.startswith(f"{partition}-")]
        assert told == [record.id for record in writer.stories[partition][100:]]
    whole = MemoryStore()
    Projector(log, "events", ReadModels(whole), range(PARTITIONS)).catch_up()
    assert new.rows == whole.rows


class Hurried(MemoryLog):
    """A log on which something comes on both partitions whenever somebody reads."""

    def reader(
        self, topic: str, start: Mapping[int, int], *, fetch: int | None = None
    ) -> RecordReader:
        inner, log = super().reader(topic, start, fetch=fetch), self

        class Reading:
            def read(self, limit: int, timeout: float) -> list[Record]:
                for partition in range(PARTITIONS):
                    log.writer.write(partition, 3)
                return inner.read(limit, timeout)

            def __getattr__(self, name: str) -> object:
                return getattr(inner, name)

        return Reading()  # type: ignore[return-value]

    writer: Writer


def test_a_change_over_ends_however_much_comes():
    log = Hurried()
    log.create([Topic("events", PARTITIONS, 1, {})])
    log.writer = Writer(log)
    old = Projector(log, "events", ReadModels(MemoryStore()), range(PARTITIONS))
    log.writer.write(1, 50)
    old.catch_up()
    new = Projector(log, "events", ReadModels(MemoryStore()), range(PARTITIONS))
    seen: list[EventRecord] = []

    async def run() -> int:
        feed = ProjectorThread(old, seen.extend, lambda _: None)
        feed.replace(new, lambda: None)
        assert feed.follower is new
        written = log.writer.written[0]
        while new.behind() or sum(log.writer.written) < sum(map(len, log.writer.stories)):
            new.step(0.0)
        await asyncio.sleep(0)
        new.close()
        return written

    written = asyncio.run(run())
    assert written < len(log.writer.stories[0]), "it ended before nothing came any more"
    whole = MemoryStore()
    Projector(log, "events", ReadModels(whole), range(PARTITIONS)).catch_up()
    found = new.projection.rows.store  # type: ignore[attr-defined]
    assert found.rows.keys() == whole.rows.keys(), "nothing is lost behind the change-over"
    assert places(found) == places(whole)
