"""The baseline of a training: a model that looks at no feature (scikit-learn's dummy estimators).

It is fitted on the training rows, and an evaluation shows its figures beside those of the artifact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor

from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION
from autolearn.schemas.values import Baseline

Array = np.ndarray[Any, Any]


def baseline_of(answers: Array | None, weights: Array | None, task: str) -> Baseline | None:
    """Return the share of each class, in their order, or the mean of the target.

    `answers` are those of the training rows; other tasks than classification and regression have
    no baseline.
    """
    if answers is None:
        return None
    nothing = np.zeros((len(answers), 1))
    if task == CLASSIFICATION:
        fitted = DummyClassifier(strategy="prior").fit(nothing, answers, sample_weight=weights)
        return tuple(fitted.class_prior_.tolist())
    if task == REGRESSION:
        mean = DummyRegressor(strategy="mean").fit(nothing, answers, sample_weight=weights)
        return float(mean.constant_.item())
    return None


def baseline_model(baseline: Baseline, classes: Sequence[str]) -> Any:
    """Return the fitted model of a baseline; `classes` are those of the artifact.

    None if an artifact names no classes, as a plug-in's may.
    """
    if isinstance(baseline, tuple):
        if len(classes) != len(baseline):
            return None
        model = DummyClassifier(strategy="prior")
        return model.fit(np.zeros((len(classes), 1)), np.array(classes), sample_weight=baseline)
    return DummyRegressor(strategy="constant", constant=baseline).fit(np.zeros((1, 1)), [0.0])
