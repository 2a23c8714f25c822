"""Splits rows into training and held-out rows; the same request gives the same rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from autolearn.ml.errors import InputError
from autolearn.schemas.values import Split

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class SplitRows:
    """Row numbers (int64, counted from 0 in the file, ascending) of each part."""

    train: Array
    test: Array

    @property
    def fingerprint(self) -> str:
        """The SHA-256 (hex) of the held-out row numbers as little-endian int64."""
        return hashlib.sha256(self.test.astype("<i8").tobytes()).hexdigest()


def part(rows: Array, labels: Array | None, split: Split, seed: int) -> SplitRows:
    """Split the row numbers `rows`; with `labels` (one per row), keep the balance of classes.

    Raises InputError when a part would be empty or miss a class.
    """
    _check(rows, labels, split)
    train, test = train_test_split(
        rows, test_size=split.test, random_state=seed, shuffle=True, stratify=labels
    )
    return SplitRows(np.sort(train), np.sort(test))


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
            f"{len(rows)} rows with a target cannot be parted into training and held-out rows",
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
