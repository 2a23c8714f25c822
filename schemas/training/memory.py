"""How much memory a run needs that holds all rows of a dataset at once, before it reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from autolearn.schemas.bounds import MIB
from autolearn.schemas.training.preprocess import NUMBERS, Preprocessing
from autolearn.schemas.values import Column, JsonValue

LIBRARIES = 200
"""MiB of the libraries that a run has without data."""
_BEGINNING = 120
"""MiB that reading and copying data takes besides, but no more than the data."""
_MOST_CATEGORIES, _MOST_WORDS = 256, 1_000
_WORDS_EACH = 24
"""Bytes of a text that many rows share: its place, and a part of it."""
_OWN_TEXT = 100
"""Bytes of a text that no other row has: as Arrow, and as an object of Python."""
_ENCODING = 2.2
"""The encoded rows while preprocessing makes them: its parts, and all side by side."""
_FITTED_IN_PLACE = frozenset(
    (
        *("dummy", "dummy-regressor", "naive-bayes", "sgd", "sgd-regressor", "ridge", "lasso"),
        *("elastic-net", "logistic-regression", "linear-svm", "decision-tree"),
    )
)
"""Estimators that hold no copy of the encoded rows; others hold one."""
_FORESTS = {
    **dict.fromkeys(("random-forest", "extra-trees"), 0.5),
    **dict.fromkeys(("random-forest-regressor", "extra-trees-regressor"), 1.3),
}
"""The nodes of a full-grown tree for each of its rows: each number has a leaf, a class shares."""
_MOST_TREES = 1_000
"""Trees that are counted: of few rows even many are small, and how small is not known before."""
_NODE = 100
"""Bytes of a node of a tree, in memory and in the artifact."""


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
    hyperparameters: Mapping[str, JsonValue],
    share: float,
) -> int:
    """Return the MiB that a training of all rows at once needs, libraries and all.

    `share` is the part of the rows to fit on. It is an estimate, some percent above what was
    measured (docs/performance.md).
    """
    fitted = rows * share
    copies = _ENCODING + (0 if estimator in _FITTED_IN_PLACE else 1)
    encoded = fitted * _width(features, how) * 8 * copies
    trees = 0.0
    if estimator in _FORESTS:
        leaf, depth = (_number(hyperparameters, name) for name in ("min_samples_leaf", "max_depth"))
        nodes = fitted * _FORESTS[estimator] / max(1.0, leaf)
        nodes = min(nodes, 2 ** (min(depth, 60) + 1)) if depth else nodes
        many = _number(hyperparameters, "n_estimators") or 100
        trees = min(many, _MOST_TREES) * nodes * _NODE
    data = _memory_of_rows(rows, columns) + math.ceil((encoded + trees) / MIB)
    return LIBRARIES + data + min(data, _BEGINNING)


def _number(given: Mapping[str, JsonValue], name: str) -> float:
    """Return a hyperparameter, 0 if it is not given as a number."""
    value = given.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
