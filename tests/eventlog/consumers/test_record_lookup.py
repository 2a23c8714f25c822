"""Looking records up by their offsets."""

from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from autolearn.eventlog.consumers import record_lookup
from autolearn.eventlog.consumers.record_lookup import RecordLookup, spans_of
from autolearn.eventlog.read import read_between
from autolearn.schemas.errors import LogError
from tests.support.both_logs import Bench, bench

__all__ = ["bench"]


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans as on a long log, on a short one."""
    monkeypatch.setattr(record_lookup, "NEAR", 10)
    monkeypatch.setattr(record_lookup, "SHORT", 20)


def fill(bench: Bench, count: int = 1000) -> None:
    bench.create(2)
    for number in range(count):
        bench.log.append(bench.topic, b"%d" % number, key="k", partition=number % 2)
    bench.log.flush(10)


@pytest.mark.usefixtures("near")
def test_what_is_wanted_is_found_and_nothing_else(bench: Bench):
    fill(bench)
    lookup = RecordLookup(bench.log, bench.topic)
    for seed in range(15):
        random = Random(seed)
        wanted = {
            p: random.sample(range(500), random.choice((1, 3, 50, 500)))
            for p in random.sample((0, 1), random.choice((1, 2)))
        }
        found = [(m.partition, m.offset, int(m.content)) for m in lookup.read(wanted)]
        assert found == [(p, o, 2 * o + p) for p in sorted(wanted) for o in sorted(wanted[p])]
    assert lookup.read({}) == lookup.read({0: []}) == []
    lookup.close()


@pytest.mark.usefixtures("near")
def test_many_may_look_at_the_same_time(bench: Bench):
    fill(bench)
    lookup = RecordLookup(bench.log, bench.topic)

    def look(seed: int) -> int:
        starts = Random(seed).choices(range(400), k=10)
        for start in starts:
            wanted = range(start, start + 100, 7 + seed)
            assert [m.offset for m in lookup.read({seed % 2: wanted})] == list(wanted)
        return len(starts)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(look, range(6))) == [10] * 6
    lookup.close()


def test_all_that_lies_between_two_points_is_read(bench: Bench):
    fill(bench)

    def read(begins: dict[int, int], ends: dict[int, int]) -> list[tuple[int, int]]:
        found = read_between(bench.log, bench.topic, begins, ends)
        return sorted((m.partition, m.offset) for m in found)

    assert read({0: 10}, {0: 13, 1: 2}) == [(0, 10), (0, 11), (0, 12), (1, 0), (1, 1)]
    assert read({0: 3, 1: 9}, {0: 3, 1: 4}) == []
    assert len(read({}, {0: 500, 1: 500})) == 1000
    with pytest.raises(LogError, match=bench.topic):
        list(read_between(bench.log, bench.topic, {}, {0: 501}, patience=1.0))


def test_what_is_not_there_is_an_error(bench: Bench):
    fill(bench, 10)
    lookup = RecordLookup(bench.log, bench.topic, patience=0.5)
    with pytest.raises(LogError, match=bench.topic):
        lookup.read({0: [3, 7]})
    assert [m.offset for m in lookup.read({0: [3]})] == [3], "the next one has a sound reader"
    lookup.close()


def test_what_lies_near_is_read_together():
    far = record_lookup.NEAR + 1
    assert [s.offsets for s in spans_of(0, [far + 1, 1, 0])] == [[0, 1], [far + 1]]
    assert [s.offsets for s in spans_of(0, [0, record_lookup.NEAR])] == [[0, record_lookup.NEAR]]
    (span,) = spans_of(3, range(10, 9999, 50))
    assert (span.partition, span.length()) == (3, 9951)
