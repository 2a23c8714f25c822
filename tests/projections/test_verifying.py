"""What verifying folds: one position after another, whichever comes first."""

from pathlib import Path
from random import Random

from autolearn.eventlog.memory import MemoryLog
from autolearn.projections.projection import ReadModels
from autolearn.projections.rebuilding import digests_of
from autolearn.projections.store import MemoryStore
from autolearn.projections.verifying import Scratch
from tests.projections.test_past import folded, told


def digests(log: MemoryLog, ends: dict[int, int]) -> dict[str, str]:
    """What folding up to there gives."""
    content = folded(log, ends).content
    return digests_of(content)


def test_positions_in_any_order_are_each_compared_at_their_own(tmp_path: Path):
    log = told(Random(3), 60)
    scratch = Scratch(log, "events", tmp_path)
    for ends in ({0: 20, 1: 30}, {0: 25, 1: 30}, {0: 30, 1: 10}, {0: 30, 1: 40}):
        assert scratch.fold_up_to(ends) == digests(log, ends)
    assert scratch.made == 1, "begun anew only where it had to go back"
    assert scratch.records == 55 + 70


def test_an_empty_position_is_that_of_empty_read_models(tmp_path: Path):
    scratch = Scratch(told(Random(3), 10), "events", tmp_path)
    store = MemoryStore()
    ReadModels(store)
    assert scratch.fold_up_to({}) == digests_of(store)
