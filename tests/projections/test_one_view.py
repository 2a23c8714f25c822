"""Rebuilding one view: it becomes what the log says, and all others stay what they are."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autolearn.eventlog.follower import Follower
from autolearn.eventlog.memory import MemoryLog
from autolearn.projections.one_view import NotAlone, rebuild_part
from autolearn.projections.parts import PARTS, part_of
from autolearn.projections.place import ViewsPlace
from autolearn.projections.projection import FORMAT_KEY, ReadModels
from autolearn.projections.rebuilding import Rebuilt, digests_of, rebuild
from autolearn.projections.store import MemoryStore, RocksStore, key, prefix_of
from autolearn.projections.views import VIEWS
from tests.projections.test_past import told


def nothing(*_: int) -> None:
    """Hear of no progress."""


def served(log: MemoryLog) -> MemoryStore:
    """What an API process has once it has followed the log."""
    store = MemoryStore()
    Follower(log, "events", ReadModels(store), log.ends("events")).catch_up()
    return store


def table_of(row: bytes) -> str:
    return row.partition(b"\0")[0].decode()


def damage(store: MemoryStore, view: str) -> None:
    """Change a row of each table of a view that has one, delete one, and add one."""
    for table in VIEWS[view]:
        rows = [at for at, _ in store.scan(prefix_of(table))]
        store.write({prefix_of(table) + b"zz": b"{}"} | dict.fromkeys(rows[:1], b"{}"))
        store.write(dict.fromkeys(rows[1:2]))


def refold(log: MemoryLog, others: MemoryStore, folder: Path, view: str) -> Rebuilt:
    part = part_of(view)
    assert part is not None
    return rebuild_part(log, "events", others, folder, part, nothing)


@settings(max_examples=40 * settings.default.max_examples // 100)
@given(st.integers(0, 2**32).map(Random), st.integers(0, 150))
def test_the_parts_together_are_what_folding_everything_gives(random: Random, count: int):
    log = told(random, count)
    found: dict[bytes, bytes] = {}
    for part in PARTS:
        store = MemoryStore()
        models = ReadModels(store, part.fold)
        Follower(log, "events", models, log.ends("events")).catch_up()
        tables = {table for view in part.views for table in VIEWS[view]}
        assert {table_of(row) for row in store.rows} <= tables | {"progress", "format"}
        found |= store.rows
    assert found == served(log).rows


def test_every_view_is_in_one_part():
    assert sorted(view for part in PARTS for view in part.views) == sorted(VIEWS)
    assert part_of("nothing") is None


@pytest.mark.parametrize("view", VIEWS)
def test_a_damaged_view_is_repaired_and_the_others_stay_as_they_are(view: str, tmp_path: Path):
    log = told(Random(7), 150)
    others = served(log)
    right = digests_of(others)
    part = part_of(view)
    other = next(name for name in VIEWS if name not in part.views)
    for name in (*part.views, other):
        damage(others, name)
    before = digests_of(others)
    rebuilt = refold(log, others, tmp_path / "new", view)
    assert before[view] != right[view]
    assert rebuilt.digests == {n: right[n] if n in part.views else before[n] for n in VIEWS}
    assert before[other] != right[other], "no view but the one asked for is touched"
    store = RocksStore(tmp_path / "new")
    assert digests_of(store) == rebuilt.digests
    follower = Follower(log, "events", ReadModels(store), log.ends("events"))
    assert (follower.behind(), follower.restarted) == (0, False), "it goes on from the position"
    store.close()


def test_it_stays_at_the_position_of_the_others(tmp_path: Path):
    log = told(Random(3), 60)
    others = served(log)
    ends = log.ends("events")
    for message in told(Random(4), 20).topics["events"][0]:
        log.append("events", message.value(), key=message.key(), partition=0)
    rebuilt = refold(log, others, tmp_path / "new", "catalog")
    assert rebuilt.position == ends
    assert rebuilt.digests == digests_of(others)


def test_an_interrupted_one_goes_on_even_when_the_others_went_on(tmp_path: Path):
    log = told(Random(3), 100)
    others = served(log)
    part = part_of("sessions")
    store = RocksStore(tmp_path / "new")
    follower = Follower(log, "events", ReadModels(store, part.fold), log.ends("events"))
    follower.step(0, limit=70)
    store.close()
    rebuilt = refold(log, others, tmp_path / "new", "sessions")
    assert rebuilt.resumed_at == 70
    assert rebuilt.records == sum(log.ends("events").values()) - 70
    assert rebuilt.digests == digests_of(others)


def test_one_that_was_cut_off_while_copying_begins_anew(tmp_path: Path):
    log = told(Random(3), 100)
    others = served(log)
    refold(log, others, tmp_path / "new", "sessions")
    others.write({key("answer", "c1"): None, key("answer", "new"): b"{}"})
    rebuilt = refold(log, others, tmp_path / "new", "sessions")
    assert rebuilt.resumed_at == 0
    assert rebuilt.digests == digests_of(others)


def test_one_that_is_ahead_of_the_others_begins_anew(tmp_path: Path):
    log = told(Random(3), 100)
    behind = MemoryStore()
    Follower(log, "events", ReadModels(behind), log.ends("events")).step(0, limit=50)
    part = part_of("catalog")
    store = RocksStore(tmp_path / "new")
    Follower(log, "events", ReadModels(store, part.fold), log.ends("events")).catch_up()
    store.close()
    rebuilt = refold(log, behind, tmp_path / "new", "catalog")
    assert (rebuilt.records, rebuilt.resumed_at) == (50, 0)
    assert rebuilt.digests == digests_of(behind)


def test_nothing_goes_with_read_models_that_are_not_there(tmp_path: Path):
    with pytest.raises(NotAlone, match="no read models yet"):
        refold(told(Random(3), 10), MemoryStore(), tmp_path / "new", "catalog")


def test_nothing_goes_with_read_models_of_another_format(tmp_path: Path):
    log = told(Random(3), 10)
    others = served(log)
    others.write({FORMAT_KEY: b"1"})
    with pytest.raises(NotAlone, match="another version") as refused:
        refold(log, others, tmp_path / "new", "catalog")
    assert "autolearn replay rebuild" in refused.value.advice


@pytest.mark.parametrize(("count", "words"), [(90, "are of another log"), (10, "more events")])
def test_nothing_goes_with_read_models_of_another_log(tmp_path: Path, count: int, words: str):
    others = served(told(Random(3), 50))
    with pytest.raises(NotAlone, match=words):
        refold(told(Random(5), count), others, tmp_path / "new", "catalog")


# Where they lie


def test_a_folder_that_was_in_use_never_becomes_the_beginning_of_a_rebuild(tmp_path: Path):
    place, seen = ViewsPlace(tmp_path), []
    for view in ("", "catalog", "", "answers", "catalog"):
        seen.append(place.used)
        new = place.spare(view)
        assert new not in seen
        assert place.spare("") != place.spare("streams") != place.spare("catalog")
        new.mkdir()
        place.switch(new)
        assert place.used == new
        assert [folder for folder in tmp_path.iterdir() if folder.is_dir()] == [new]


@pytest.mark.parametrize("words", ["", "views-2", "../views", "views-2-catalog\n"])
def test_the_folder_in_use_is_below_that_of_the_process(tmp_path: Path, words: str):
    (tmp_path / "current").write_text(words)
    found = ViewsPlace(tmp_path).used
    assert found.parent == tmp_path
    assert found.name in ("views", "views-2", "views-2-catalog")


def test_a_rebuild_of_everything_does_not_go_on_with_one_of_a_view(tmp_path: Path):
    log, place = told(Random(3), 80), ViewsPlace(tmp_path)
    others = served(log)
    right = digests_of(others)
    damage(others, "answers")
    refold(log, others, place.spare("catalog"), "catalog")  # cut off before the switch
    rebuilt = rebuild(log, "events", place.spare(), log.ends("events"))
    assert rebuilt.resumed_at == 0
    assert rebuilt.digests == right
