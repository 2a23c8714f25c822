"""How much memory a run needs that holds all rows of a dataset at once, before it reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from autolearn.schemas.bounds import MIB
from autolearn.schemas.training.preprocess import NUMBERS, Preprocessing
from autolearn.schemas.values import Column

LIBRARIES = 240
"""MiB that a run has with its libraries, and without data."""
_MOST_CATEGORIES, _MOST_WORDS = 256, 1_000
_WORDS_EACH = 24
"""Bytes of a text that is there once for all rows that have it: its place, and a share of it."""
_OWN_TEXT = 100
"""Bytes of a text that no other row has: as Arrow, and as an object of Python."""
_COPIES = {"dummy": 0.2}
"""What an estimator holds while it is fitted, as copies of the encoded training rows."""
_USUAL = 1.5


def _memory_of_rows(rows: int, columns: Iterable[Column]) -> int:
    """Return the MiB of all columns of a dataset in memory, read and as features."""
    cells = 0
    for column in columns:
        each = 8 if column.type in NUMBERS else 1
        if column.type == "string":
            many = column.distinct is None or column.distinct * 2 > rows
            each = _OWN_TEXT if many else _WORDS_EACH
        cells += each + 16  # the array, the features, and those of one part
    return math.ceil(rows * cells / MIB)


def _width(columns: Iterable[Column], how: Preprocessing) -> int:
    """Return how many features preprocessing makes of these columns, at most."""
    width = 0
    for column in columns:
        own = how.of(column.name, column.type)
        width += 1 if own.indicator else 0
        if column.type in NUMBERS:
            width += len(own.dates or ()) or 1
        elif own.encode == "one-hot":
            different = _MOST_CATEGORIES if column.distinct is None else column.distinct
            width += min(max(1, different), _MOST_CATEGORIES)
        elif own.encode == "tf-idf":
            width += own.max_features or _MOST_WORDS
        else:
            width += 1
    return width


def memory_of_training(
    rows: int,
    columns: Iterable[Column],
    features: Iterable[Column],
    how: Preprocessing,
    estimator: str,
    share: float,
) -> int:
    """Return the MiB that a training of all rows at once needs, libraries and all.

    `share` is the part of the rows to fit on. It is an estimate, above what was measured
    (docs/performance.md).
    """
    encoded = rows * share * _width(features, how) * 8 / MIB
    copies = 2 + _COPIES.get(estimator, _USUAL)
    return math.ceil(LIBRARIES + _memory_of_rows(rows, columns) + encoded * copies)
