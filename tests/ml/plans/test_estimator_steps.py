"""Each step of the table beside its estimator, bit for bit, on numbers that fall on thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from autolearn.ml.plans.estimator_steps import STEPS, answers_of

RANDOM = np.random.default_rng(3)
FEATURES = RANDOM.integers(0, 9, (200, 4)) / 10  # so that many are just at a threshold
NUMBER = FEATURES @ [1.0, -2, 3, 0.5] + RANDOM.normal(0, 0.1, 200)
TWO = np.where(np.median(NUMBER) < NUMBER, "yes", "no")
THREE = np.array([*"abc"])[np.digitize(NUMBER, np.quantile(NUMBER, [1 / 3, 2 / 3]))]
METHODS = ("predict", "predict_proba", "decision_function")

ESTIMATORS = [
    *((kind(), NUMBER) for kind in (LinearRegression, Ridge, Lasso, ElasticNet)),
    *((LogisticRegression(), target) for target in (TWO, THREE)),
    *((DecisionTreeClassifier(max_depth=4), target) for target in (TWO, THREE)),
    (DecisionTreeRegressor(), NUMBER),
    *((kind(5), THREE) for kind in (RandomForestClassifier, ExtraTreesClassifier)),
    *((kind(5), NUMBER) for kind in (RandomForestRegressor, ExtraTreesRegressor)),
    *((GradientBoostingClassifier(n_estimators=9), target) for target in (TWO, THREE)),
    (GradientBoostingClassifier(n_estimators=9, loss="exponential", init="zero"), TWO),
    (GradientBoostingRegressor(n_estimators=9, loss="huber"), NUMBER),
    *((HistGradientBoostingClassifier(max_iter=9), target) for target in (TWO, THREE)),
    (HistGradientBoostingRegressor(max_iter=9, loss="poisson"), np.abs(NUMBER)),
    (IsolationForest(n_estimators=9), None),
    (IsolationForest(n_estimators=9, max_features=0.5), None),
    (
        FixedThresholdClassifier(
            LogisticRegression(), threshold=0.3, pos_label="no", response_method="predict_proba"
        ),
        TWO,
    ),
    *((LGBMClassifier(n_estimators=9, verbose=-1), target) for target in (TWO, THREE)),
    (LGBMRegressor(n_estimators=9, verbose=-1), NUMBER),
]


@pytest.mark.parametrize(("estimator", "target"), ESTIMATORS, ids=lambda one: repr(one)[:50])
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_a_step_gives_the_bits_of_its_estimator(estimator: Any, target: Any):
    estimator.fit(FEATURES, target)
    answers = answers_of(estimator)
    assert answers is not None
    some = [FEATURES, FEATURES[:1], FEATURES[3:40], np.nextafter(FEATURES, 1)[:20]]
    if type(estimator).__name__.startswith("Hist"):  # it knows gaps
        some.append(np.where(RANDOM.random((30, 4)) < 0.3, np.nan, FEATURES[:30]))
    for rows in some:
        said = answers(rows.copy())
        assert "predict" in said
        assert "predict_proba" in said or not hasattr(estimator, "predict_proba")
        for method, values in said.items():
            assert method in METHODS
            expected = np.asarray(getattr(estimator, method)(rows))
            assert (values.shape, values.dtype) == (expected.shape, expected.dtype)
            assert values.tobytes() == np.ascontiguousarray(expected).tobytes(), method


def test_each_step_of_the_table_is_compared():
    assert {type(one) for one, _ in ESTIMATORS} - {LGBMClassifier, LGBMRegressor} == {*STEPS}


@pytest.mark.parametrize(
    ("estimator", "target"),
    [
        (GradientBoostingClassifier(init=LogisticRegression(), n_estimators=2), TWO),
        (HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]), TWO),
        (LinearRegression(), np.column_stack([NUMBER, NUMBER])),
        (RandomForestRegressor(2), np.column_stack([NUMBER, NUMBER])),
        (DecisionTreeRegressor(), np.column_stack([NUMBER, NUMBER])),
        (FixedThresholdClassifier(LogisticRegression()), TWO),
        (DummyClassifier(), TWO),
    ],
    ids=lambda one: repr(one)[:50],
)
def test_what_a_step_does_not_compute_has_none(estimator: Any, target: Any):
    assert answers_of(estimator.fit(FEATURES, target)) is None
