"""Fits an estimator batch by batch, in the order of the rows, as many times as are worth it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autolearn.ml.errors import InputError

Array = np.ndarray[Any, Any]

_LOSSES = 200_000
"""Losses of the sample that are looked at after a pass: one for each row and class."""


class Learned(NamedTuple):
    """What an estimator gets of some rows: its input, their answers and weights."""

    features: Array
    answers: Array | None
    weights: Array | None


def passes_of(estimator: Any) -> int:
    """Return the most passes over the rows: its hyperparameter max_iter, 1 if it has none."""
    return int(getattr(estimator, "max_iter", None) or 1)


def fit_in_batches(
    estimator: Any,
    read: Callable[[], Iterator[Learned]],
    sample: Learned,
    classes: Array | None,
    told: Callable[[int], None],
) -> int:
    """Fit an estimator by `partial_fit`; return how many passes over the rows it took.

    `told` is called before each. A pass is the last one if the loss of the `sample` has not
    improved by more than the estimator's `tol` for `n_iter_no_change` passes, as scikit-learn's
    stochastic gradient descent judges by the loss of all rows; k-means has no such number, and ends
    with the first. Raises InputError when it takes no weights, and what `partial_fit` raises.
    """
    known = inspect.signature(estimator.partial_fit).parameters
    more: dict[str, Any] = {} if classes is None or "classes" not in known else {"classes": classes}
    best, worse, most = np.inf, 0, passes_of(estimator)
    tolerance = getattr(estimator, "tol", None)
    for number in range(1, most + 1):
        told(number)
        for one in read():
            if one.weights is not None:
                if "sample_weight" not in known:
                    raise InputError("the estimator takes no weights of rows")
                more["sample_weight"] = one.weights
            estimator.partial_fit(one.features, one.answers, **more)
        if number == most or tolerance is None:
            continue
        loss = _loss(estimator, sample, classes)
        patience = getattr(estimator, "n_iter_no_change", 1)
        worse = worse + 1 if loss > best - tolerance else 0
        best = min(best, loss)
        if worse >= patience:
            return number
    return most


def _loss(estimator: Any, sample: Learned, classes: Array | None) -> float:
    """Return the mean loss of some rows, in the estimator's own terms; lower is better."""
    few = slice(max(1_000, _LOSSES // (1 if classes is None else len(classes))))
    sample = Learned(
        sample.features[few], None if sample.answers is None else sample.answers[few], None
    )
    own = getattr(estimator, "_get_loss_function", None)
    if own is None or sample.answers is None:
        return -float(estimator.score(sample.features, sample.answers)) / len(sample.features)
    loss, answers = own(estimator.loss), sample.answers
    if classes is None:
        said, truth = estimator.predict(sample.features), answers.astype(np.float64)
    else:
        said = estimator.decision_function(sample.features)
        said = said if said.ndim > 1 else said[:, None]
        labels = classes[1:] if said.shape[1] == 1 else classes
        wrong = 0.0 if estimator.loss == "log_loss" else -1.0
        said, truth = said.ravel(), np.where(answers[:, None] == labels, 1.0, wrong).ravel()
    if hasattr(loss, "py_loss"):  # those have no other door
        pairs = zip(said.tolist(), truth.tolist(), strict=True)
        return float(np.mean([loss.py_loss(*pair) for pair in pairs]))
    losses = np.empty(len(said))
    loss.loss(truth, np.ascontiguousarray(said), None, losses, 1)
    return float(losses.mean())
