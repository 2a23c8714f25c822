"""What is done with the rows to fit on: repeated ones are dropped, and classes are balanced."""

from __future__ import annotations

from typing import Any

import numpy as np

from autolearn.ml.datasets.subject import unrepeated
from autolearn.ml.errors import InputError
from autolearn.ml.training.fit import TrainingRows
from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION
from autolearn.schemas.training.preprocess import Balance, Preprocessing
from autolearn.schemas.values import JsonValue

Array = np.ndarray[Any, Any]

_MOST_COPIES = 10
"""How many times as many rows as were given an oversampling may make."""


def rows_to_fit(
    rows: TrainingRows, how: Preprocessing, task: str, seed: int
) -> tuple[TrainingRows, dict[str, JsonValue]]:
    """Return the rows to fit on, in their order, and the counts for the learned parameters.

    `duplicate_rows` counts those that were dropped; `class_weights` or `class_rows`, in the order
    of `classes`, are those of balanced classes. Raises InputError.
    """
    counts: dict[str, JsonValue] = {}
    if how.drop_duplicates:
        learned = task in (CLASSIFICATION, REGRESSION)
        kept = unrepeated(rows.features, rows.answers if learned else None)
        counts["duplicate_rows"] = len(rows.features) - len(kept)
        rows = rows.take(kept)
    if how.balance and rows.answers is not None:
        rows, balanced = _balanced(rows, rows.answers, how.balance, seed)
        counts |= balanced
    return rows, counts


def _balanced(
    rows: TrainingRows, answers: Array, method: Balance, seed: int
) -> tuple[TrainingRows, dict[str, JsonValue]]:
    """Give all classes the same weight, or the same number of rows."""
    _, codes, counts = np.unique(answers, return_inverse=True, return_counts=True)
    if method == "weights":  # King and Zeng 2001, as scikit-learn's class_weight="balanced"
        each = len(answers) / (len(counts) * counts)
        weights = each[codes] if rows.weights is None else each[codes] * rows.weights
        return TrainingRows(rows.features, answers, weights), {"class_weights": each.tolist()}
    random = np.random.RandomState(seed)
    places = [np.flatnonzero(codes == code) for code in range(len(counts))]
    if method == "oversample":
        most = int(counts.max())
        if most * len(counts) > _MOST_COPIES * len(answers):
            raise InputError(
                f"oversampling would make {most * len(counts):,} rows of {len(answers):,}",
                advice="Balance by weights, or undersample.",
            )
        chosen = [np.append(one, random.choice(one, most - len(one))) for one in places]
    else:
        fewest = int(counts.min())
        chosen = [random.choice(one, fewest, replace=False) for one in places]
    return rows.take(np.sort(np.concatenate(chosen))), {"class_rows": [len(one) for one in chosen]}
