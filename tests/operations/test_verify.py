"""What verifying folds, one position after another, and which rows it says differ."""

from pathlib import Path
from random import Random

from autolearn.eventlog.memory.log import MemoryLog
from autolearn.operations.replay.verify import Scratch, Served, check, shown
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.views import VIEWS, digests_of
from tests.projections.time_travel.test_past import folded, told


def digests(log: MemoryLog, ends: dict[int, int]) -> dict[str, str]:
    """What folding up to there gives."""
    content = folded(log, ends).rows.content
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


def test_a_row_that_differs_is_named_with_how_it_does(tmp_path: Path):
    log, ends = told(Random(3), 60), {0: 25, 1: 30}
    content = folded(log, ends).rows.content
    served = dict(VIEWS["sessions"].row_digests(content))
    gone, other, *_ = sorted(served)
    served |= {other: "0" * 64, b"session\0nobody".hex(): "1" * 64}
    del served[gone]
    before = {0: 20, 1: 30}
    digests = digests_of(folded(log, before).rows.content)
    same = Served("api-0", "http://x", before, digests, lambda _: (ends, served))
    scratch = Scratch(log, "events", tmp_path)
    assert check(scratch, same, quiet)["rows_differing"] == 0
    found = check(scratch, same._replace(views=digests | {"sessions": "2" * 64}), quiet)
    assert found["differs"] == ["sessions"]
    assert {row["key"]: row["how"] for row in found["rows"]} == {
        shown(gone): "missing in what is served",
        shown(other): "other content",
        "session/nobody": "not from the log",
    }


def quiet(*_: int) -> None:
    """Hear nothing of the progress."""
