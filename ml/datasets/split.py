"""Splits rows into training and held-out rows, and training rows into folds.

The same request gives the same rows. The methods are scikit-learn's: `train_test_split`,
`GroupShuffleSplit`, `StratifiedKFold`, `StratifiedGroupKFold`, `GroupKFold`, `TimeSeriesSplit`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    train_test_split,
)

from autolearn.ml.captured_warnings import heard
from autolearn.ml.datasets.hash_split import hashes_of_numbers, hashes_of_texts, is_below
from autolearn.ml.errors import InputError
from autolearn.ml.library_messages import words_of
from autolearn.schemas.values import Split

Array = np.ndarray[Any, Any]

_HELD_OUT = {"test": True, "true": True, "1": True, "train": False, "false": False, "0": False}
"""The values of a column that says which rows are held out."""


@dataclass(frozen=True)
class SplitRows:
    """Row numbers (int64, counted from 0 in the file, ascending) of each part."""

    train: Array
    test: Array

    @property
    def fingerprint(self) -> str:
        """The SHA-256 (hex) of the held-out row numbers as little-endian int64."""
        return digest_of_rows(self.test)


def digest_of_rows(numbers: Array) -> str:
    """Return the SHA-256 (hex) of row numbers as little-endian int64."""
    return hashlib.sha256(numbers.astype("<i8").tobytes()).hexdigest()


def part(
    rows: Array, labels: Array | None, split: Split, seed: int, keys: Array | None = None
) -> SplitRows:
    """Split the row numbers `rows`.

    With `labels` (one per row), a random split keeps the balance of classes. `keys` has the value
    of the split's column for each row: times as float64, else text; or hashes of whole rows.

    Raises InputError when a part would be empty or miss a class, or a key is missing.
    """
    _check(rows, labels if split.kind == "random" else None, split)
    if split.kind == "random":
        train, test = train_test_split(
            rows, test_size=split.test, random_state=seed, shuffle=True, stratify=labels
        )
    else:
        held_out = held_out_of(rows, keys, split, seed)
        train, test = rows[~held_out], rows[held_out]
    if not len(train) or not len(test):
        raise InputError(
            f"the split by {split.column or 'hash'} leaves {len(train):,} rows to train on and "
            f"{len(test):,} held out",
            advice="Split by another column, choose another fraction, or split at random.",
        )
    return SplitRows(np.sort(train), np.sort(test))


def held_out_of(rows: Array, keys: Array | None, split: Split, seed: int) -> Array:
    """Return for each row number whether the row is held out, by the value of the split's column.

    Of a split by hash or by column, each row's part depends on no other row.

    Raises InputError when a key is missing, or a row cannot be in a part.
    """
    if split.kind == "hash" and not split.column:
        return is_below(hashes_of_numbers(rows if keys is None else keys, seed), split.test)
    return _held_out(_present(keys, split), split, seed)


def _held_out(keys: Array, split: Split, seed: int) -> Array:
    match split.kind:
        case "hash":
            return is_below(hashes_of_texts(keys, seed), split.test)
        case "time":  # rows of the same time are in the same part
            first = np.sort(keys)[len(keys) - int(np.ceil(split.test * len(keys)))]
            return np.asarray(keys >= first)
        case "group":
            if len(np.unique(keys)) < 2:
                raise InputError(
                    f"all rows have the same {split.column}, so they cannot be split by it",
                    advice="Split by another column, or at random.",
                )
            shuffle = GroupShuffleSplit(n_splits=1, test_size=split.test, random_state=seed)
            _, test = next(shuffle.split(keys, groups=keys))
            chosen = np.zeros(len(keys), dtype=bool)
            chosen[test] = True
            return chosen
        case "column":
            words = {str(key): _HELD_OUT.get(str(key).lower()) for key in np.unique(keys)}
            strange = [word for word, meant in words.items() if meant is None]
            if strange:
                raise InputError(
                    f"the column {split.column} has {strange[0]!r}, which names no part",
                    advice="Its values are train and test, true and false (true: held out), or 0 "
                    "and 1.",
                    quiet=f"the column {split.column} has values that name no part",
                )
            return np.array([words[str(key)] for key in keys], dtype=bool)
        case "random":
            raise AssertionError("rows that are split at random have no keys")
        case _:
            assert_never(split.kind)


def _present(keys: Array | None, split: Split) -> Array:
    """Return the keys. Raises InputError when rows have none."""
    if keys is None:
        raise InputError(f"a split by {split.kind} needs a column")
    missing = np.isnan(keys) if keys.dtype == np.float64 else np.array([k is None for k in keys])
    if missing.any():
        raise InputError(
            f"{int(missing.sum()):,} rows have no value in {split.column}, by which the rows are "
            "split",
            advice="Fill them, delete these rows, or split by another column.",
        )
    return keys if keys.dtype == np.float64 else keys.astype(str)


def folds_of(
    labels: Array | None, split: Split, seed: int, keys: Array | None, count: int
) -> Iterator[tuple[Array, Array]]:
    """Yield for each fold the positions (among `count` rows) to fit on, and those to score.

    With `labels` folds keep the balance of classes, but in time series; rows of one group are in
    one fold; in a time series each fold is scored on times after those that it is fitted on.

    Raises InputError when the rows cannot be divided so.
    """
    try:
        with heard():
            yield from _folds_of(labels, split, seed, keys, count)
    except ValueError as error:
        raise InputError(
            f"the training rows cannot be divided into {split.folds} folds: "
            f"{words_of(error).rstrip('.')}",
            advice="Choose fewer folds, or another split.",
            quiet=f"the training rows cannot be divided into {split.folds} folds",
        ) from error


def _folds_of(
    labels: Array | None, split: Split, seed: int, keys: Array | None, count: int
) -> Iterator[tuple[Array, Array]]:
    rows = np.arange(count)
    random: dict[str, Any] = {"n_splits": split.folds, "shuffle": True, "random_state": seed}
    if split.kind == "time":
        times = _present(keys, split)
        different = np.unique(times)
        for fit, score in TimeSeriesSplit(n_splits=split.folds).split(different):
            until, last = different[fit[-1]], different[score[-1]]
            yield rows[times <= until], rows[(times > until) & (times <= last)]
    elif split.keeps_groups:
        groups = _present(keys, split)
        grouped = GroupKFold(**random) if labels is None else StratifiedGroupKFold(**random)
        yield from grouped.split(rows, labels, groups)
    elif labels is None:
        yield from KFold(**random).split(rows)
    else:
        yield from StratifiedKFold(**random).split(rows, labels)


def _check(rows: Array, labels: Array | None, split: Split) -> None:
    """Raise InputError when the split cannot be made."""
    if not 0 < split.test < 1:
        raise InputError(
            f"the held-out fraction {split.test} is not between 0 and 1",
            advice="Give a fraction such as 0.25.",
        )
    held_out = int(np.ceil(split.test * len(rows)))
    kept = len(rows) - held_out
    if held_out < 1 or kept < 1:
        raise InputError(
            f"{len(rows)} rows with a target cannot be split into training and held-out rows",
            advice="Use a dataset with more rows, or another held-out fraction.",
        )
    if labels is None:
        return
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        alone = classes[counts.argmin()]
        raise InputError(
            f"the class {alone} has one row only, so it cannot be in both parts",
            advice="Give that class more rows, or split without stratify.",
            quiet="a class has one row only, so it cannot be in both parts",
        )
    if min(held_out, kept) < len(classes):
        raise InputError(
            f"a part of {min(held_out, kept)} rows cannot hold all {len(classes)} classes",
            advice="Choose another held-out fraction, or split without stratify.",
        )
