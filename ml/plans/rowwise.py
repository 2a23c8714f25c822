"""Estimators that compute a row by itself, so that its answer does not depend on others beside it.

A product of matrices does not: BLAS adds in another order for several rows than for one. So linear
models, distances to centres and brute-force neighbours are not among these, nor are plug-ins.
"""

from __future__ import annotations

from typing import Any

from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC

from autolearn.ml.plans.estimator_steps import STEPS

_PRODUCTS = {LinearRegression, Ridge, Lasso, ElasticNet, LogisticRegression}
_OTHERS = {SVC, GaussianNB, DummyClassifier, DummyRegressor}


def is_rowwise(estimator: Any) -> bool:
    """Return whether a fitted estimator is known to compute row by row."""
    if isinstance(estimator, FixedThresholdClassifier):
        estimator = estimator.estimator_
    if isinstance(estimator, KNeighborsClassifier | KNeighborsRegressor):
        return bool(estimator._fit_method != "brute")
    return type(estimator) in ({*STEPS} - _PRODUCTS) | _OTHERS
