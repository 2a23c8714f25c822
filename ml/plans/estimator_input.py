"""What an estimator gets for batches of rows: by a plan, where that gives the same bits.

scikit-learn encodes a column of texts row by row; by a plan, the vector of each different text is
looked up once for a batch. The first batch is computed both ways, also with gaps, and a plan that
differs in one bit is not used.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from autolearn.ml.plans.plan import NoPlan, Plan, compiled

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]
_WITH_GAPS = 1_000
"""Rows that are compared with gaps in each of their columns."""


class EstimatorInput:
    """The input of an estimator for batches of features, by the steps of its pipeline before it."""

    def __init__(self, pipeline: Any, *, imported: bool = False) -> None:
        self.steps: Any = pipeline[:-1] if hasattr(pipeline, "steps") else None
        self.plan: Plan | None = None
        self.is_proven = False
        self.order: Literal["C", "F"] = "C"
        if self.steps is not None and not imported:
            try:
                self.plan = compiled(pipeline)
            except NoPlan:
                self.plan = None

    def of(self, features: pd.DataFrame, strange: Collection[Array]) -> Array | None:
        """Return the input for rows, in float64; None: the pipeline is to make it.

        `features` are as in `rows.features_of_model`; `strange` mark the rows with an unknown
        value, which no plan knows: the pipeline makes theirs.
        """
        if self.plan is None:
            return None
        odd = np.logical_or.reduce([np.zeros(len(features), dtype=bool), *strange])
        if odd.any() and (odd.all() or self.plan.rest is not None):  # which may look at other rows
            return None
        known = features[~odd] if odd.any() else features
        if not self.is_proven and self._differs(self.plan, known):
            self.plan = None
            return None
        self.is_proven = True
        ready = _ready(self.plan, known, self.order)
        if ready is None or not odd.any():
            return ready
        whole = np.empty((len(features), ready.shape[1]), order=self.order)
        whole[~odd], whole[odd] = ready, self.steps.transform(features[odd])
        return whole

    def always(self, features: pd.DataFrame, strange: Collection[Array] = ()) -> Array:
        """Return the input for rows, by the pipeline where no plan gives it."""
        ready = self.of(features, strange)
        return np.asarray(self.steps.transform(features)) if ready is None else ready

    def _differs(self, plan: Plan, features: pd.DataFrame) -> bool:
        """Return whether a plan gives other bits than scikit-learn, or in another order."""
        gaps = features.iloc[:_WITH_GAPS].copy()
        for at, name in enumerate(gaps.columns):
            gaps.loc[gaps.index[at :: len(gaps.columns)], name] = np.nan
        for rows in (features, gaps):
            expected = np.asarray(self.steps.transform(rows))
            self.order = "C" if expected.flags.c_contiguous else "F"
            found = _ready(plan, rows, self.order)
            if found is None or (found.shape, found.dtype) != (expected.shape, expected.dtype):
                return True
            if found.strides != expected.strides or found.tobytes() != expected.tobytes():
                return True
        return False


def _ready(plan: Plan, features: pd.DataFrame, order: Literal["C", "F"]) -> Array | None:
    """Return the input of the estimator by a plan; None if a category is not known.

    The order in memory decides in which order an estimator adds, and so over the last bit.
    """
    found: list[Array] = []
    for part in plan.parts:
        some = _categories(part, features) if hasattr(part, "vectors") else _numbers(part, features)
        if some is None:
            return None
        found += some
    ready: Array = np.concatenate(found, axis=1)
    if plan.rest is not None:
        ready = np.asarray(plan.rest.transform(ready))
    return np.asarray(ready, order=order)


def _numbers(part: Any, features: pd.DataFrame) -> list[Array]:
    return [part.features({name: features[name].to_numpy() for name in part.names})]


def _categories(part: Any, features: pd.DataFrame) -> list[Array] | None:
    """Return the vectors of columns of texts; None if a category is not known."""
    found = []
    for name, fill, vectors in zip(part.names, part.fills, part.vectors, strict=True):
        values = _looked_up(features[name], fill, vectors)
        if values is None:
            return None
        found.append(values)
    return found


def _looked_up(column: pd.Series[Any], fill: Any, vectors: Mapping[Any, Array]) -> Array | None:
    """Return the vector of each text, and that of `fill` for a gap."""
    import pandas as pd

    codes, different = pd.factorize(column)
    texts = [*different.tolist(), *([fill] if (codes < 0).any() else [])]
    if any(one not in vectors for one in texts):
        return None
    return np.array([vectors[one] for one in texts])[codes]
