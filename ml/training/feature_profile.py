"""A profile of the training data, for finding drift later; and example rows.

`profile.json`: per feature of the training rows either `edges` and `counts` (at most ten bins
between quantiles, so that each holds about as many rows) or `values` (rows per category, the 50
most frequent) with `other`; always `missing`. `scores` is the histogram of the predictions on the
held-out rows: `predictions` per class or group, the highest probability in ten bins from 0 to 1, or
the predicted numbers in at most ten bins.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from autolearn.ml.errors import numbered
from autolearn.schemas.catalog import REGRESSION
from autolearn.schemas.values import JsonValue

if TYPE_CHECKING:
    import pandas as pd


Array = np.ndarray[Any, Any]

_BINS = 10
CONFIDENCE = np.linspace(0, 1, _BINS + 1)
"""The edges between which the highest probabilities are counted."""
_MOST_VALUES = 50
_EXAMPLES = 5


def feature_profile(
    features: pd.DataFrame, sensitive: Collection[str] = ()
) -> dict[str, JsonValue]:
    """Return bins and counts per feature; of `sensitive` ones only the number of missing values."""
    found = {
        str(name): numbers(column.to_numpy())
        if column.dtype == np.float64
        else categories(column.to_numpy())
        for name, column in features.items()
    }
    return {
        name: {"missing": said["missing"]} if name in sensitive else said
        for name, said in found.items()
    }


def numbers(values: Array) -> dict[str, JsonValue]:
    """Return a histogram between quantiles."""
    present = values[~np.isnan(values)]
    found: dict[str, JsonValue] = {"missing": int(len(values) - len(present))}
    if len(present):
        edges = np.unique(np.quantile(present, np.linspace(0, 1, _BINS + 1)))
        found |= _histogram(present, edges)
    return found


def _histogram(values: Array, edges: Array) -> dict[str, JsonValue]:
    """Return edges and counts; a value on an inner edge is in the bin to its right."""
    if len(edges) < 2:
        return {"edges": [float(edges[0])] * 2, "counts": [len(values)]}
    return {"edges": edges.tolist(), "counts": [*counts_between(values, edges)]}


def counts_between(values: Array, edges: Array) -> list[int]:
    """Count the values in each bin between ascending edges; those outside are in the outer bins."""
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    counts: list[int] = np.bincount(places, minlength=len(edges) - 1).tolist()
    return counts


def categories(values: Array) -> dict[str, JsonValue]:
    """Return rows per category."""
    present = [value for value in values.tolist() if isinstance(value, str)]
    counts: dict[str, int] = {}
    for value in present:
        counts[value] = counts.get(value, 0) + 1
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = dict(ranked[:_MOST_VALUES])
    return {
        "missing": len(values) - len(present),
        "values": shown,
        "other": len(present) - sum(shown.values()),
    }


def score_profile(
    pipeline: Any, features: pd.DataFrame, task: str, *, secret: bool = False
) -> dict[str, JsonValue]:
    """Return the histogram of the predictions; {} for an estimator that cannot predict new rows.

    If the target is a `secret`, its classes are numbers, and predicted numbers are hidden.
    """
    if secret and task == REGRESSION:
        return {}
    if not hasattr(pipeline, "predict") or not len(features):
        return {}
    if hasattr(pipeline, "predict_proba"):
        probabilities = pipeline.predict_proba(features)
        predicted = pipeline.classes_[probabilities.argmax(axis=1)]
        if hasattr(pipeline, "steps") and hasattr(pipeline[-1], "threshold"):
            predicted = pipeline.predict(features)
        highest = probabilities.max(axis=1)
        found = {"confidence": _histogram(highest, CONFIDENCE)}
        return {"predictions": _per_value(predicted, pipeline if secret else None), **found}
    predicted = np.asarray(pipeline.predict(features))
    if task == REGRESSION:
        return numbers(predicted.astype(np.float64))
    return {"predictions": _per_value(predicted, pipeline if secret else None)}


def _per_value(predicted: Array, secret: Any = None) -> dict[str, int]:
    """Return the rows per class or group; classes of a `secret` target are numbers."""
    values, counts = np.unique(predicted, return_counts=True)
    classes = [] if secret is None else list(secret.classes_)
    names = dict(zip(classes, numbered(classes), strict=True))
    return {
        names.get(value, str(value)): int(count)
        for value, count in zip(values, counts, strict=True)
    }


def example(features: pd.DataFrame, sensitive: Collection[str] = ()) -> dict[str, JsonValue]:
    """Return the first rows, with None for missing values and those of `sensitive` columns."""
    features = features.head(_EXAMPLES).assign(
        **{str(name): None for name in features.columns if name in sensitive}
    )
    rows = features.head(_EXAMPLES).astype(object).to_numpy().tolist()
    return {
        "columns": [str(name) for name in features.columns],
        "rows": [[None if value != value else value for value in row] for row in rows],
    }
