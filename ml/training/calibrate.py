"""Calibrated probabilities and a threshold, both from validation rows among the training rows.

The training rows are divided into five folds, as a cross-validation of the same split divides them.
The pipeline is fitted without each fold in turn, and predicts it. On these predictions calibrators
are fitted (`sigmoid`: Platt 1999; `isotonic`: Zadrozny and Elkan 2002), and a threshold is chosen.
The pipeline that is kept is fitted on all training rows. Held-out rows are never used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec.structs import replace
from sklearn.calibration import CalibratedClassifierCV, _fit_calibrator
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline

from autolearn.ml.datasets.split import folds_of
from autolearn.ml.errors import InputError
from autolearn.ml.plugins import find_metric
from autolearn.ml.training.fit import TrainingRows
from autolearn.schemas.bounds import cut
from autolearn.schemas.catalog import threshold_parts
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.values import JsonValue

Array = np.ndarray[Any, Any]
Fit = Callable[[TrainingRows], Pipeline]

_FOLDS = 5
_CANDIDATES = 100
"""Thresholds that are tried: quantiles of the predicted probabilities."""


@dataclass(frozen=True)
class Adjusted:
    """A fitted pipeline whose last step is calibrated or has a threshold, and how that was chosen.

    `threshold` has the `value`, the `class` that is predicted from it on, and for one that was
    chosen the `metric`, its `score` and the validation `rows`.
    """

    pipeline: Pipeline
    threshold: dict[str, JsonValue] | None = None


def adjusted(
    request: TrainingRequested, pipeline: Pipeline, rows: TrainingRows, fit: Fit
) -> Adjusted:
    """Calibrate a fitted pipeline and set its threshold, as a training requests.

    `rows` are those that it was fitted on, and `fit` fits another one. Raises InputError.
    """
    if request.calibrate is None and request.threshold is None:
        return Adjusted(pipeline)
    given = "" if request.threshold is None else threshold_parts(request.threshold)[0]
    validation = None
    if request.calibrate is not None or isinstance(given, str):
        validation = _validated(request, pipeline, rows, fit)
    estimator, probabilities = pipeline[-1], None if validation is None else validation.shares
    if request.calibrate is not None and validation is not None:
        estimator = _calibrated(estimator, request.calibrate, validation)
        inner = estimator.calibrated_classifiers_[0]
        if len(estimator.classes_) == 2:
            probabilities = inner.calibrators[0].predict(validation.scores[:, 0])
    if request.threshold is None:
        return Adjusted(_ending(pipeline, estimator))
    chosen = _threshold(request, estimator, rows, validation, probabilities)
    limited = FixedThresholdClassifier(
        estimator,
        threshold=chosen["value"],
        pos_label=chosen["class"],
        response_method="predict_proba",
    )
    limited.estimator_ = estimator  # it is fitted already
    return Adjusted(_ending(pipeline, limited), chosen)


def core_of(estimator: Any) -> Any:
    """Return the estimator within a threshold and a calibration."""
    if isinstance(estimator, FixedThresholdClassifier):
        estimator = estimator.estimator_
    if isinstance(estimator, CalibratedClassifierCV):
        estimator = estimator.calibrated_classifiers_[0].estimator
    return estimator


def _ending(pipeline: Pipeline, estimator: Any) -> Pipeline:
    return Pipeline([*pipeline.steps[:-1], (pipeline.steps[-1][0], estimator)])


@dataclass(frozen=True)
class _Validation:
    """Predictions of rows by pipelines that were not fitted on them.

    `scores` are decision values, or else probabilities, one column per class, of two classes for
    the second; `shares` are the probabilities of the second of two classes, if there are any.
    """

    truth: Array
    weights: Array | None
    scores: Array
    shares: Array | None


def _validated(
    request: TrainingRequested, pipeline: Pipeline, rows: TrainingRows, fit: Fit
) -> _Validation:
    """Predict each fold of the training rows. Raises InputError."""
    assert rows.answers is not None, "a classification has a target"
    labels = rows.answers if request.split.stratify else None
    split = replace(request.split, folds=_FOLDS)
    classes = [str(one) for one in pipeline.classes_]
    places, scores, shares = [], [], []
    for fitted_on, scored_on in folds_of(labels, split, request.seed, rows.keys, len(rows.answers)):
        one, scored = fit(rows.take(fitted_on)), rows.take(scored_on)
        if [str(name) for name in one.classes_] != classes:
            raise InputError(
                f"a class has too few rows for {_FOLDS} parts of the training rows, on which "
                "probabilities and thresholds are validated",
                advice="Train without calibrate and threshold, or add rows of that class.",
            )
        places.append(scored_on)
        scores.append(_scores(one, scored))
        if len(classes) == 2 and hasattr(one, "predict_proba"):
            shares.append(one.predict_proba(scored.features)[:, 1])
    everything = np.concatenate(places)
    return _Validation(
        rows.answers[everything].astype(str),
        None if rows.weights is None else rows.weights[everything],
        np.concatenate(scores),
        np.concatenate(shares) if shares else None,
    )


def _scores(pipeline: Pipeline, rows: TrainingRows) -> Array:
    """Return the predictions that scikit-learn calibrates."""
    if hasattr(pipeline, "decision_function"):
        values = np.asarray(pipeline.decision_function(rows.features))
        return values.reshape(-1, 1) if values.ndim == 1 else values
    if not hasattr(pipeline, "predict_proba"):
        raise InputError("the estimator gives no scores that could be calibrated")
    values = np.asarray(pipeline.predict_proba(rows.features))
    return values[:, 1:] if values.shape[1] == 2 else values


def _calibrated(estimator: Any, method: str, validation: _Validation) -> Any:
    """Return scikit-learn's calibrated estimator, which gives these validation rows its own folds.

    `CalibratedClassifierCV.fit` would divide them without regard to groups and times, and fit only
    the last step of the pipeline.
    """
    found = CalibratedClassifierCV(estimator, method=method, ensemble=False)
    found.classes_ = estimator.classes_
    found.calibrated_classifiers_ = [
        _fit_calibrator(
            estimator,
            validation.scores,
            validation.truth,
            estimator.classes_,
            method,
            np,
            validation.weights,
        )
    ]
    return found


def _threshold(
    request: TrainingRequested,
    estimator: Any,
    rows: TrainingRows,
    validation: _Validation | None,
    probabilities: Array | None,
) -> dict[str, JsonValue]:
    """Return the threshold of a request, in the form of `Adjusted`. Raises InputError."""
    assert request.threshold is not None
    assert rows.answers is not None
    wanted, named = threshold_parts(request.threshold)
    classes = [str(one) for one in estimator.classes_]
    if len(classes) != 2:
        raise InputError(
            f"a threshold is between two classes, and there are {len(classes)}",
            advice="Train without a threshold.",
        )
    if not hasattr(estimator, "predict_proba"):
        raise InputError(
            f"{request.estimator} gives no probabilities, so there can be no threshold of them",
            advice="Calibrate it as well: `--calibrate sigmoid`.",
        )
    if named is not None and named not in classes:
        raise InputError(
            f"there is no class {cut(named)!r}, for which to choose a threshold",
            advice=f"The classes are {' and '.join(classes)}.",
            quiet="there is no such class for a threshold",
        )
    counts = Counter(map(str, rows.answers.tolist()))
    of_class = named or min(classes, key=lambda label: (counts[label], label))
    if isinstance(wanted, float):
        return {"value": wanted, "class": of_class}
    assert validation is not None
    assert probabilities is not None
    mine, other = classes.index(of_class), classes[1 - classes.index(of_class)]
    of_mine = probabilities if mine == 1 else 1 - probabilities
    metric, truth = find_metric(wanted), validation.truth

    def score(taken: Array) -> float:
        if named is not None and metric.positive is not None:
            return metric.positive(truth == of_class, taken)
        return float(metric.compute(truth, np.where(taken, of_class, other)))

    sign = -1 if metric.greater_is_better is False else 1
    places = np.linspace(0, 1, _CANDIDATES + 1)
    candidates = np.unique(np.quantile(of_mine, places, method="nearest")).tolist()
    scores = {value: score(of_mine >= value) for value in candidates}
    best = max(candidates, key=lambda value: (sign * scores[value], -abs(value - 0.5)))
    return {
        "value": best,
        "class": of_class,
        "metric": request.threshold if named is not None else wanted,
        "score": scores[best],
        "rows": len(truth),
    }
