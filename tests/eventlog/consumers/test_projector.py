"""A Follower on both logs: nothing lost, nothing twice, and no other log mistaken for its own."""

from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.consumers.projector import Projector
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.projections.views import digests_of
from autolearn.schemas.codec import EventRecord, encode
from autolearn.schemas.errors import UnknownType
from tests.eventlog.test_admission import started
from tests.support.both_logs import Bench, bench
from tests.support.random_histories import history

__all__ = ["bench"]


class Journal:
    """A projection that notes what it is given; what is not committed is lost in a crash."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self.reached: dict[int, PartitionProgress] = {}
        self.pending: list[str] = []
        self.resets = 0

    def progress(self) -> Mapping[int, PartitionProgress]:
        return {partition: replace(at) for partition, at in self.reached.items()}

    def fold(self, record: EventRecord, _: int, __: int, /) -> None:
        self.pending.append(record.id)

    def commit(self, progress: Mapping[int, PartitionProgress]) -> None:
        self.stored += self.pending
        self.pending = []
        self.reached = {partition: replace(at) for partition, at in progress.items()}

    def reset(self) -> None:
        self.__init__()
        self.resets += 1

    def crash(self) -> None:
        self.pending = []


def story(seed: int = 1, count: int = 60) -> list[EventRecord]:
    return [started(1), *history(Random(seed), count)]


def write(bench: Bench, records: list[EventRecord], partition: int = 0) -> None:
    bench.append(*(encode(record) for record in records), partition=partition)


def ids(records: list[EventRecord]) -> list[str]:
    return [record.id for record in records]


def follow(bench: Bench, journal: Journal, partitions: tuple[int, ...] = (0,)) -> Projector:
    return Projector(bench.log, bench.topic, journal, partitions)


def test_everything_is_folded_in_order_and_stored(bench: Bench):
    bench.create()
    write(bench, story())
    journal = Journal()
    follower = follow(bench, journal)
    assert follower.behind() == len(story())
    follower.catch_up()
    follower.close()
    assert follower.behind() == 0
    assert journal.stored == ids(story())
    assert not follower.restarted


def test_step_returns_what_was_admitted_and_is_stored(bench: Bench):
    bench.create()
    journal = Journal()
    follower = follow(bench, journal)
    assert follower.step(0.1) == []
    write(bench, story())
    returned: list[EventRecord] = []
    while len(returned) < len(story()):
        returned += follower.step(5, limit=7)
        assert journal.stored == ids(returned)
    follower.close()
    assert returned == story()


def test_a_restart_repeats_nothing_and_loses_nothing(bench: Bench):
    bench.create(2)
    stories = story(1), story(2)
    for partition, records in enumerate(stories):
        write(bench, records[:40], partition)
    journal, random = Journal(), Random(4)
    for round_ in range(12):
        follower = follow(bench, journal, (0, 1))
        assert not follower.restarted
        follower.step(2, limit=random.randint(1, 15))
        if round_ % 2:
            messages = follower.reader.read(5, 0.2)  # folded, but the process dies before it stores
            for message in messages:
                follower.take(message)
            journal.crash()
        follower.close()
    for partition, records in enumerate(stories):
        write(bench, records[40:], partition)
    follower = follow(bench, journal, (0, 1))
    follower.catch_up()
    follower.close()
    assert sorted(journal.stored) == sorted(ids(stories[0]) + ids(stories[1]))
    assert journal.resets == 0


def test_records_that_do_not_count_are_passed_over(bench: Bench):
    bench.create()
    records = story()
    zombie = replace(records[5], id="zombie", term=0)
    written = [*records[:10], zombie, records[3], started(1), *records[10:]]
    write(bench, written)
    journal = Journal()
    follower = follow(bench, journal)
    follower.catch_up()
    follower.close()
    assert journal.stored == ids(records)
    assert journal.reached[0].next == len(written)


def test_the_last_record_may_be_one_that_did_not_count(bench: Bench):
    bench.create()
    write(bench, [*story(), replace(story()[5], id="zombie", term=0)])
    journal = Journal()
    for _ in range(2):
        follower = follow(bench, journal)
        follower.catch_up()
        follower.close()
        assert not follower.restarted
    assert journal.stored == ids(story())


@pytest.mark.parametrize("length", [5, 61, 62])
def test_another_log_under_the_store_is_noticed(bench: Bench, length: int):
    bench.create()
    write(bench, story(seed=9)[:length])
    journal = Journal()
    before = len(story()) - 1
    journal.stored = ids(story())[:before]
    last = story()[before - 1].commandoffset
    journal.reached = {0: PartitionProgress(before, 1, last, "of another log")}
    follower = follow(bench, journal)
    assert follower.restarted
    follower.catch_up()
    follower.close()
    assert journal.resets == 1
    assert journal.stored == ids(story(seed=9)[:length])


def test_an_empty_log_under_the_store_is_noticed(bench: Bench):
    bench.create()
    journal = Journal()
    journal.reached = {0: PartitionProgress(7, 1, 3, "gone")}
    follower = follow(bench, journal)
    assert follower.restarted
    assert follower.behind() == 0
    follower.close()


BAD = {
    "unknown type": (encode(replace(story()[-1], type="autolearn.SessionHeld.v1")), UnknownType),
    "newer version": (encode(replace(story()[-1], type="autolearn.RunCompleted.v3")), UnknownType),
}


GARBAGE = (b"garbage", None, b"", b"[" * 9000, b"9" * 9000, b'{"id":"\xff"}', b'"keyid":')


def test_what_is_no_event_is_passed_over(bench: Bench):
    """It stopped every process, at every start; now it counts as little as a late decider's."""
    bench.create()
    records = story()
    store = MemoryStore()
    for value in GARBAGE:
        bench.append(value)
    write(bench, records, 0)
    bench.append(b"at the end")
    for _ in range(2):  # the second knows the log again by what is no event
        follower = Projector(bench.log, bench.topic, ReadModels(store), [0])
        follower.catch_up()
        assert not follower.restarted
        assert not follower.behind()
        assert follower.progress[0].last == records[-1].commandoffset
        follower.close()


@pytest.mark.parametrize("bad", BAD)
def test_an_event_that_is_not_known_stops_with_its_position_and_stores_nothing(
    bench: Bench, bad: str
):
    bench.create(2)
    records = story()
    value, error = BAD[bad]
    write(bench, records[:20], 1)
    store = MemoryStore()
    follower = Projector(bench.log, bench.topic, ReadModels(store), [1])
    follower.catch_up()
    before = dict(store.rows)
    bench.append(*(encode(r) for r in records[20:-1]), value, partition=1)
    messages = []
    while len(messages) < len(records) - 20:
        messages += follower.reader.read(1000, 5)
    with pytest.raises(error) as failure:
        follower.fold_batch(messages)
    follower.close()
    place = f"offset {len(records) - 1} of partition 1 of {bench.topic}"
    assert place in failure.value.detail
    assert failure.value.advice
    assert store.rows == before


def test_the_read_models_on_a_real_store_are_those_in_memory(bench: Bench, tmp_path: Path):
    bench.create()
    write(bench, story(count=200))
    memory, rocks = MemoryStore(), RocksStore(tmp_path / "store")
    for store in (memory, rocks):
        follower = Projector(bench.log, bench.topic, ReadModels(store), [0])
        follower.catch_up()
        follower.close()
    assert digests_of(memory) == digests_of(rocks)
    rocks.close()
