"""How many runs wait and run: counted event by event, it is what the read models say."""

from collections import Counter
from random import Random

import pytest

from autolearn.projections.queries.queries import ReadModelQueries
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.work.run_counts import RunCounts
from autolearn.schemas.codec import EventRecord
from tests.golden.log import golden_log
from tests.support.random_histories import history


class Counted:
    """Counts of events, beside the read models of the same events."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.models, self.queries = ReadModels(self.store), ReadModelQueries(self.store)
        self.ended: Counter[tuple[str, str]] = Counter()
        self.lost: Counter[str] = Counter()
        self.counts = self.begun()

    def begun(self) -> RunCounts:
        counts = RunCounts(
            lambda *about: self.ended.update([about]), lambda kind: self.lost.update([kind])
        )
        counts.begin(self.queries.now())
        return counts

    def take(self, offset: int, record: EventRecord) -> None:
        self.models.fold(record, 0, offset)
        self.models.commit({})
        self.counts.take([record])


def test_every_event_ever_shipped_is_counted() -> None:
    counted = Counted()
    for offset, record in enumerate(golden_log()):
        counted.take(offset, record)
    assert +counted.counts.counts == {("training", "running"): 1}
    assert counted.ended == {
        ("training", "completed"): 3,
        ("training", "failed"): 1,
        ("training", "cancelled"): 2,  # one with its session
        ("evaluation", "completed"): 2,
        ("evaluation", "failed"): 1,
        ("evaluation", "cancelled"): 1,
        ("prediction", "completed"): 1,
        ("study", "completed"): 1,
        ("pipeline", "completed"): 1,
        ("pipeline", "cancelled"): 2,
        ("step", "completed"): 1,
        ("step", "cancelled"): 2,
    }
    assert counted.lost == {"training": 1, "evaluation": 1}


@pytest.mark.parametrize("seed", range(10))
def test_whoever_begins_later_counts_the_same(seed: int) -> None:
    counted = Counted()
    for offset, record in enumerate(history(Random(seed), 600)):
        counted.take(offset, record)
        if offset % 50 == 0:
            begun = counted.begun()
            assert +begun.counts == +counted.counts.counts
            assert begun.runs == counted.counts.runs
            assert begun.waiting == counted.counts.waiting
    assert sum(counted.ended.values()) > 0
