"""Which rows are held out, and which are in a fold: nothing leaks from one part into another."""

import numpy as np
import pyarrow as pa
import pytest

from autolearn.artifacts.datasets.table import DatasetTable
from autolearn.ml.datasets.split import folds_of, part
from autolearn.ml.datasets.subject import keys_of
from autolearn.ml.errors import InputError
from autolearn.schemas.values import Split

ROWS = np.arange(100) * 2
LABELS = np.array(["a"] * 80 + ["b"] * 20)
TIMES = np.random.default_rng(5).permutation(np.repeat(np.arange(25.0), 4))
GROUPS = np.array([f"g{number % 17}" for number in range(100)], dtype=object)


def test_the_latest_rows_are_held_out_and_equal_times_stay_together():
    parts = part(ROWS, LABELS, Split(0.25, True, "time", "at"), 0, TIMES)
    times = dict(zip(ROWS.tolist(), TIMES, strict=True))
    assert max(times[row] for row in parts.train) < min(times[row] for row in parts.test)
    assert sorted([*parts.train, *parts.test]) == ROWS.tolist()
    assert len(parts.test) == 28, "seven times of four rows: the fraction is at least held out"


def test_a_group_is_in_one_part():
    parts = part(ROWS, LABELS, Split(0.25, True, "group", "house"), 3, GROUPS)
    groups = dict(zip(ROWS.tolist(), GROUPS, strict=True))
    assert not {groups[row] for row in parts.train} & {groups[row] for row in parts.test}
    again = part(ROWS, LABELS, Split(0.25, True, "group", "house"), 3, GROUPS)
    other = part(ROWS, LABELS, Split(0.25, True, "group", "house"), 4, GROUPS)
    assert parts.fingerprint == again.fingerprint != other.fingerprint


def held_out(lines: list[str], seed: int = 0) -> set[str]:
    table = table_from(lines)
    rows = np.arange(table.rows)
    split = Split(0.25, True, "hash", whole=True)
    return {lines[row] for row in part(rows, None, split, seed, keys_of(table, split, rows)).test}


def table_from(lines: list[str]) -> DatasetTable:
    """A table of a number, a text and a time; each may be missing."""
    columns = [*zip(*map(str.split, lines), strict=True)]
    numbers = pa.array([float(one) if one != "-" else None for one in columns[0]], pa.float64())
    texts = pa.array([None if one == "-" else one for one in columns[1]], pa.string())
    times = pa.array([int(one) for one in columns[2]], pa.int64()).cast(pa.timestamp("us"))
    types = {"x": "number", "name": "string", "at": "timestamp"}
    return DatasetTable(types, {"x": numbers, "name": texts, "at": times}, len(lines))


def test_by_the_hash_of_a_whole_row_it_is_held_out_again_whatever_is_added():
    lines = [f"{n % 7 or '-'} {f'n{n}' if n % 5 else '-'} {n // 2}" for n in range(400)]
    first, more = held_out(lines[:200]), held_out(lines[::-1])
    assert 30 < len(first) < 70
    assert first == more.intersection(lines[:200]) < more
    assert held_out(lines[:200], seed=1) != first


@pytest.mark.parametrize(
    ("earlier", "now", "again"),
    [
        (Split(0.25, by="hash", whole=True), Split(0.25, by="hash", whole=True), True),
        (Split(0.25, by="hash", column="id"), Split(0.2, by="hash", column="id"), True),
        (Split(0.2, by="hash", column="id"), Split(0.25, by="hash", column="id"), False),
        (Split(0.25, by="hash"), Split(0.25, by="hash"), False),
        (Split(0.25, by="time", column="at"), Split(0.5, by="time", column="at"), True),
        (Split(0.25), Split(0.25), False),
    ],
)
def test_what_a_split_holds_out_was_held_out_before(earlier: Split, now: Split, again: bool):
    assert now.holds_out_again(earlier) is again


@pytest.mark.parametrize(("held_out", "kept"), [("test", "train"), ("true", "false"), ("1", "0")])
def test_a_column_says_which_rows_are_held_out(held_out: str, kept: str):
    keys = np.array([held_out if number % 10 == 3 else kept for number in range(100)], dtype=object)
    parts = part(ROWS, LABELS, Split(0.5, True, "column", "part"), 0, keys)
    assert parts.test.tolist() == ROWS[3::10].tolist()


@pytest.mark.parametrize(
    ("split", "keys", "words"),
    [
        (Split(0.25, True, "time", "at"), np.ones(100), "leaves 0 rows to train on"),
        (Split(0.25, True, "time", "at"), np.where(TIMES == 3, np.nan, TIMES), "4 rows have no"),
        (Split(0.25, True, "group", "g"), np.array(["x"] * 100, dtype=object), "the same g"),
        (Split(0.25, True, "group", "g"), np.where(GROUPS == "g1", None, GROUPS), "6 rows have no"),
        (Split(0.25, True, "column", "c"), GROUPS, "'g0', which names no part"),
        (Split(0.25, True, "column", "c"), np.array(["train"] * 100, dtype=object), "0 held out"),
        (Split(0.25, True, "time", "at"), None, "needs a column"),
    ],
)
def test_rows_that_cannot_be_split_so(split: Split, keys, words: str):
    with pytest.raises(InputError) as refused:
        part(ROWS, LABELS, split, 0, keys)
    assert words in refused.value.detail
    assert split.column is None or keys is None or refused.value.advice


def folds(split: Split, labels=LABELS, keys=None):
    return list(folds_of(labels, split, 1, keys, 100))


@pytest.mark.parametrize("labels", [LABELS, None])
def test_each_row_is_scored_once(labels):
    for split, keys in ((Split(folds=4), None), (Split(0.25, True, "group", "g", 4), GROUPS)):
        found = folds(split, labels, keys)
        assert sorted(np.concatenate([scored for _, scored in found])) == list(range(100))
        for fitted, scored in found:
            assert sorted([*fitted, *scored]) == list(range(100))
            if keys is not None:
                assert not {*keys[fitted]} & {*keys[scored]}
    if labels is not None:
        assert {(labels[scored] == "b").sum() for _, scored in folds(Split(folds=4))} == {5}


def test_a_fold_of_a_time_series_is_scored_on_what_came_later():
    found = folds(Split(0.25, True, "time", "at", 4), keys=TIMES)
    assert len(found) == 4
    for fitted, scored in found:
        assert TIMES[fitted].max() < TIMES[scored].min()
    assert [len(fitted) for fitted, _ in found] == sorted(len(fitted) for fitted, _ in found)


@pytest.mark.parametrize(
    ("split", "labels", "keys"),
    [
        (Split(folds=20), np.array(["a", "b"] * 9), None),
        (Split(0.25, True, "group", "g", 3), None, np.array(["a", "b"] * 9, dtype=object)),
        (Split(0.25, True, "time", "at", 9), None, np.repeat(np.arange(9.0), 2)),
    ],
)
def test_rows_that_are_too_few_for_the_folds(split: Split, labels, keys):
    with pytest.raises(InputError, match=f"divided into {split.folds} folds"):
        list(folds_of(labels, split, 0, keys, 18))
