"""The learned parameters of a fitted pipeline, as JSON that fits in an event."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from autolearn.ml.errors import numbered
from autolearn.ml.library_messages import STOPPED
from autolearn.ml.training.calibrate import core_of
from autolearn.ml.training.feature_names import features_after
from autolearn.schemas.bounds import LONGEST_TEXT, cut
from autolearn.schemas.values import JsonValue

_MOST = 200
_SHOWN = 20
_WARNINGS = 20
_CURVE_POINTS = 50

_ARRAYS = {
    "coef_": "coefficients",
    "intercept_": "intercept",
    "class_prior_": "class_priors",
    "theta_": "means",
    "var_": "variances",
    "cluster_centers_": "centroids",
    "n_support_": "support_vectors",
    "n_iter_": "iterations",
}
_NUMBERS = {"inertia_": "inertia", "oob_score_": "out_of_bag_score", "n_estimators_": "trees"}

_WITHHELD = "a warning whose words are left out, for columns of the dataset are sensitive"

_POINTS = {"theta_", "var_", "cluster_centers_"}
"""Learned parameters that may be as good as rows of the data."""


def learned(
    pipeline: Any,
    warnings: list[str],
    sensitive: Collection[str] = (),
    *,
    secret: bool = False,
    threshold: Mapping[str, JsonValue] | None = None,
) -> dict[str, JsonValue]:
    """Return the learned parameters; arrays of more than 200 numbers are cut to shape and first 20.

    Names and labels are cut to 200 characters. Coefficients, importances and centroids follow
    `features`, the names after preprocessing. Values of `sensitive` columns are replaced by
    numbers, as classes are if the target is a `secret`.
    """
    estimator = core_of(pipeline[-1])
    features = features_after(pipeline, sensitive, secret=secret)
    found: dict[str, JsonValue] = {"features": _shortened([one.name for one in features])}
    if (selector := pipeline.named_steps.get("select")) is not None:
        found["features_before_selection"] = selector.n_features_in_
    if hasattr(estimator, "classes_"):
        labels = numbered(estimator.classes_) if secret else map(str, estimator.classes_)
        found["classes"] = [cut(label) for label in labels]
    if threshold is not None:
        found["threshold"] = {
            **threshold,
            "class": _class_shown(threshold["class"], estimator, secret),
        }
    for attribute, name in _ARRAYS.items():
        value = getattr(estimator, attribute, None)
        if value is not None and not (sensitive and attribute in _POINTS):
            found[name] = _shortened(np.asarray(value))
    for attribute, name in _NUMBERS.items():
        value = getattr(estimator, attribute, None)
        if value is not None:
            found[name] = _number(value)
    if hasattr(estimator, "feature_importances_"):
        shares, columns = {}, dict.fromkeys((one.column for one in features), 0.0)
        for one, share in zip(features, estimator.feature_importances_.tolist(), strict=True):
            shares[one.name] = share
            columns[one.column] += share
        found["importances"] = _ranked(shares)
        found["column_importances"] = _ranked(columns)
    found |= _sizes(estimator) | _clusters(estimator) | _losses(estimator)
    if sensitive:  # their messages may hold values
        warnings = list(dict.fromkeys(one if one == STOPPED else _WITHHELD for one in warnings))
    if warnings:
        found["warnings"] = [cut(one, LONGEST_TEXT) for one in warnings[:_WARNINGS]]
    return found


def _class_shown(label: str, estimator: Any, secret: bool) -> str:
    """Return the name of a class, or its number if it is a secret."""
    labels = [str(one) for one in estimator.classes_]
    return numbered(labels)[labels.index(label)] if secret else label


def _ranked(shares: Mapping[str, float]) -> JsonValue:
    """Return the largest shares, as pairs with their names."""
    ranked = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))[:_SHOWN]
    return [[cut(name), _number(share)] for name, share in ranked]


def _sizes(estimator: Any) -> dict[str, JsonValue]:
    """Return the sizes of an estimator's trees; {} when it has none."""
    members = getattr(estimator, "estimators_", None)
    flat = [estimator] if members is None else np.asarray(members, dtype=object).ravel().tolist()
    trees = [member.tree_ for member in flat if hasattr(member, "tree_")]
    if not trees:
        return {}
    return {
        "trees": len(trees),
        "nodes": sum(int(tree.node_count) for tree in trees),
        "leaves": sum(int(tree.n_leaves) for tree in trees),
        "depth": max(int(tree.max_depth) for tree in trees),
    }


def _losses(estimator: Any) -> dict[str, JsonValue]:
    """Return the loss by iteration, at 50 iterations at most; {} where the estimator keeps none.

    `training` is of training rows; `validation`, of those kept aside, tells when to stop early.
    Histogram gradient boosting keeps negative losses, from before its first iteration on.
    """
    validation = getattr(estimator, "validation_score_", None)
    sign, first = (1, 1) if validation is None else (-1, 0)
    curve = getattr(estimator, "loss_curve_", getattr(estimator, "train_score_", ()))
    if len(curve) == 0:
        return {}
    places = np.unique(np.linspace(0, len(curve) - 1, _CURVE_POINTS).round().astype(int))
    found = {"iterations": (places + first).tolist()}
    for name, values in (("training", curve), ("validation", validation)):
        if values is not None and len(values):
            found[name] = [_number(sign * values[place]) for place in places]
    return {"loss": found}


def _clusters(estimator: Any) -> dict[str, JsonValue]:
    """Return the number of clusters, their training rows, and the rows in none of them."""
    labels = getattr(estimator, "labels_", None)
    if labels is None:
        return {}
    sizes = np.unique(labels[labels >= 0], return_counts=True)[1]
    noise = {"noise_rows": int((labels < 0).sum())} if (labels < 0).any() else {}
    return {"clusters": len(sizes), "cluster_rows": _shortened(sizes), **noise}


def _shortened(values: Any) -> JsonValue:
    """Return a list or array as JSON; a large one as its shape and its first items."""
    array = np.asarray(values)
    if array.size <= _MOST:
        return _plain(array.tolist())
    return {"shape": list(array.shape), "first": _plain(array.ravel()[:_SHOWN].tolist())}


def _plain(value: Any) -> JsonValue:
    """Return nested lists, with None for numbers that JSON cannot hold."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return _number(value) if isinstance(value, float) else value


def _number(value: Any) -> JsonValue:
    """Return a number that JSON can hold, or None."""
    plain_value = value.item() if hasattr(value, "item") else value
    finite = not isinstance(plain_value, float) or math.isfinite(plain_value)
    return plain_value if finite else None
