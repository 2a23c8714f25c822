"""A fitted preprocessing as a plan: the same numbers, without the cost of data frames.

scikit-learn's ColumnTransformer takes some milliseconds for one row, nearly all of them for checks
and copies. A plan does the same arithmetic on arrays: numbers are imputed and scaled by the fitted
values, and a category is looked up among the vectors that the fitted encoder itself gave for it.
A plan is used only if it gives the same bits for rows of the training, also with gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from msgspec import Struct
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from autolearn.ml.evaluation.categories import known_categories
from autolearn.ml.evaluation.drawn_rows import STRANGE
from autolearn.ml.plans.estimator_steps import Answers, answers_of

Array = np.ndarray[Any, Any]
Columns = Mapping[str, Sequence[Any]]
"""Values by column: floats or texts, None for a gap."""


_ALONE = (0, 1, 2)
"""The rows that are also compared one by one: sums over one row may be computed otherwise."""
_MOST_ODD = 20
"""Rows with unseen categories that are compared; each is looked at alone."""


class NoPlan(Exception):
    """A part of a pipeline has no plan; the text names it."""


class _Numbers(NamedTuple):
    """Columns of numbers, and the steps that each of them goes through."""

    names: tuple[str, ...]
    steps: tuple[Callable[[Array], Array], ...]

    def features(self, columns: Columns) -> Array | None:
        values = np.array([columns[name] for name in self.names], dtype=np.float64).T
        for step in self.steps:
            values = step(values)
        return values


class _Categories(NamedTuple):
    """Columns of text; of each the value in place of a gap, and the vector of each category."""

    names: tuple[str, ...]
    fills: tuple[Any, ...]
    vectors: tuple[dict[str, Array], ...]

    def features(self, columns: Columns) -> Array | None:
        """Return the vectors side by side; None if a category is not known."""
        parts = []
        for name, fill, vectors in zip(self.names, self.fills, self.vectors, strict=True):
            try:
                found = [vectors[fill if one is None else one] for one in columns[name]]
            except KeyError:
                return None
            parts.append(np.array(found))
        return np.concatenate(parts, axis=1)


class PlanComparison(Struct):
    """How a plan compares with its pipeline: whether the bits of features and answers are the same.

    `largest` is the largest difference between two numbers of the answers; `labels` whether all
    labels are equal. `unseen` rows had an unseen category, for which a plan must have no answer.
    """

    rows: int = 0
    unseen: int = 0
    features: bool = True
    answers: bool = True
    labels: bool = True
    largest: float = 0.0


class Plan:
    """The steps of a pipeline before its estimator, and the answers of that.

    `answers` gives the results of an estimator's methods by name; without it the estimator does.
    """

    def __init__(
        self, parts: Sequence[_Numbers | _Categories], rest: Any, answers: Answers | None
    ) -> None:
        self.parts, self.rest, self.answers = parts, rest, answers

    def features(self, columns: Columns) -> Array | None:
        """Return the input of the estimator for rows; None if a category is not known.

        Shape (rows, features), float64.
        """
        found = []
        for part in self.parts:
            values = part.features(columns)
            if values is None:
                return None
            found.append(values)
        ready = found[0] if len(found) == 1 else np.concatenate(found, axis=1)
        if self.rest is not None:
            ready = np.asarray(self.rest.transform(ready))
        return ready


def compiled(pipeline: Any) -> Plan:
    """Return the plan of a fitted pipeline.

    Raises:
        NoPlan: one of its parts has none.
    """
    names = [name for name, _ in pipeline.steps]
    if names[0] != "preprocess":
        raise NoPlan(f"the step {names[0]}")
    parts: list[_Numbers | _Categories] = []
    for name, part, columns in pipeline.steps[0][1].transformers_:
        if name == "remainder":
            continue
        if not isinstance(part, Pipeline):
            raise NoPlan(f"{type(part).__name__} of {name}")
        steps = [step for _, step in part.steps]
        if name.startswith("numbers"):
            parts.append(_Numbers(tuple(columns), tuple(map(_numeric, steps))))
        elif name.startswith("categories"):
            parts.append(_categorical(tuple(columns), *steps))
        else:
            raise NoPlan(name)
    if not parts:
        raise NoPlan("a model without features")
    rest = pipeline[1:-1] if len(names) > 2 else None
    return Plan(parts, rest, answers_of(pipeline[-1]))


def compared(
    plan: Plan, pipeline: Any, features: pd.DataFrame, alone: Sequence[int] = _ALONE
) -> PlanComparison:
    """Compare a plan with its pipeline for rows, for these with gaps, and for some of them alone.

    `features` are as in `rows.features_of_model`. For rows with an unseen category, those that have
    one and some that are given one, the plan must have no answer: the pipeline has it.
    """
    known = known_categories(pipeline)
    odd = _unseen(features, known)
    rows, strange = features[~odd], features[odd].head(_MOST_ODD)
    columns = np.arange(rows.shape[1])
    gaps = rows.where(np.arange(len(rows))[:, None] % len(columns) != columns)
    found = PlanComparison()
    together = pd.concat([rows, gaps])  # a call of the pipeline costs more than its rows
    for one in (together, *(each.iloc[[at]] for each in (rows, gaps) for at in alone)):
        if len(one):
            _compare(found, plan, pipeline, one)
    given = [rows.head(1).assign(**{name: STRANGE}) for name in known if len(rows)]
    for one in (*(strange.iloc[[at]] for at in range(len(strange))), *given):
        found.unseen += 1
        found.features &= plan.features(_columns_of(one)) is None
    return found


def _unseen(features: pd.DataFrame, known: Mapping[str, Sequence[str] | None]) -> Array:
    """Return which rows have a category that the pipeline does not know."""
    odd = np.zeros(len(features), dtype=bool)
    for name, categories in known.items():
        column = features[name]
        odd |= (column.notna() & ~column.isin(categories or ())).to_numpy()
    return odd


def _compare(found: PlanComparison, plan: Plan, pipeline: Any, rows: pd.DataFrame) -> None:
    """Add how a plan compares for some rows."""
    expected = np.asarray(pipeline[:-1].transform(rows))
    found.rows += len(rows)
    ready = plan.features(_columns_of(rows))
    if ready is None or not is_same(ready, expected):
        found.features = False
        return
    for method, values in (plan.answers(ready) if plan.answers else {}).items():
        truth = np.asarray(getattr(pipeline[-1], method)(expected))
        found.answers &= is_same(values, truth)
        if method == "predict" and truth.dtype.kind != "f":
            found.labels &= bool(np.array_equal(values, truth))
        elif values.shape == truth.shape:
            largest = float(np.max(np.abs(values - truth), initial=0.0))
            found.largest = max(found.largest, largest)


def _columns_of(rows: pd.DataFrame) -> dict[str, list[Any]]:
    return {
        str(name): [None if value != value else value for value in column.tolist()]
        for name, column in rows.items()
    }


def is_same(found: Array, expected: Array) -> bool:
    """Return whether two arrays have the same shape and bits."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return False
    if found.dtype == object or expected.dtype == object:
        return bool(np.array_equal(found, expected))
    return found.tobytes() == np.ascontiguousarray(expected).tobytes()


def _numeric(step: Any) -> Callable[[Array], Array]:
    """Return the function of a fitted step on numbers."""
    match step:
        case SimpleImputer(add_indicator=False):
            fill = np.asarray(step.statistics_, dtype=np.float64)
            return lambda values: np.where(np.isnan(values), fill, values)
        case StandardScaler() | RobustScaler():
            center = step.mean_ if isinstance(step, StandardScaler) else step.center_
            scale = step.scale_
            if center is None or scale is None:
                raise NoPlan(f"{type(step).__name__} without center or scale")
            return lambda values: (values - center) / scale
        case MinMaxScaler(clip=False):
            factor, least = step.scale_, step.min_
            return lambda values: values * factor + least
    raise NoPlan(type(step).__name__)


def _categorical(names: tuple[str, ...], imputer: Any, encoder: Any) -> _Categories:
    """Return columns of text with the vectors that the fitted encoder gives for each category."""
    if not isinstance(imputer, SimpleImputer) or imputer.add_indicator:
        raise NoPlan(type(imputer).__name__)
    if not isinstance(encoder, OneHotEncoder | OrdinalEncoder):
        raise NoPlan(type(encoder).__name__)
    known = encoder.categories_
    first = [values[0] for values in known]
    widths = encoder._n_features_outs if isinstance(encoder, OneHotEncoder) else [1] * len(known)
    vectors, start = [], 0
    for at, (values, width) in enumerate(zip(known, widths, strict=True)):
        rows = np.array([first] * len(values), dtype=object)
        rows[:, at] = values
        encoded = np.asarray(encoder.transform(rows), dtype=np.float64)[:, start : start + width]
        vectors.append(dict(zip(values.tolist(), encoded, strict=True)))
        start += width
    return _Categories(names, tuple(imputer.statistics_.tolist()), tuple(vectors))
