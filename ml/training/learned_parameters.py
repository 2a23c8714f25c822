"""The learned parameters of a fitted pipeline, as JSON that fits in an event."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from autolearn.ml.errors import numbered
from autolearn.ml.library_messages import STOPPED
from autolearn.schemas.bounds import LONGEST_NAME, LONGEST_TEXT, cut
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
    pipeline: Any, warnings: list[str], sensitive: Collection[str] = (), *, secret: bool = False
) -> dict[str, JsonValue]:
    """Return the learned parameters; arrays of more than 200 numbers are cut to shape and first 20.

    Names and labels are cut to 200 characters. Coefficients, importances and centroids follow
    `features`, the names after preprocessing. Values of `sensitive` columns are replaced by
    numbers, as classes are if the target is a `secret`.
    """
    estimator = pipeline[-1]
    names = _names_of(pipeline, sensitive)
    found: dict[str, JsonValue] = {"features": _shortened(names)}
    if hasattr(estimator, "classes_"):
        labels = numbered(estimator.classes_) if secret else map(str, estimator.classes_)
        found["classes"] = [cut(label) for label in labels]
    for attribute, name in _ARRAYS.items():
        value = getattr(estimator, attribute, None)
        if value is not None and not (sensitive and attribute in _POINTS):
            found[name] = _shortened(np.asarray(value))
    for attribute, name in _NUMBERS.items():
        value = getattr(estimator, attribute, None)
        if value is not None:
            found[name] = _number(value)
    if hasattr(estimator, "feature_importances_"):
        pairs = zip(names, estimator.feature_importances_.tolist(), strict=True)
        found["importances"] = _ranked(dict(pairs))
        shares = estimator.feature_importances_.tolist()
        found["column_importances"] = _ranked(_by_column(pipeline, shares))
    found |= _sizes(estimator) | _clusters(estimator) | _losses(estimator)
    if sensitive:  # their messages may hold values
        warnings = list(dict.fromkeys(one if one == STOPPED else _WITHHELD for one in warnings))
    if warnings:
        found["warnings"] = [cut(one, LONGEST_TEXT) for one in warnings[:_WARNINGS]]
    return found


def _ranked(shares: Mapping[str, float]) -> JsonValue:
    """Return the largest shares, as pairs with their names."""
    ranked = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))[:_SHOWN]
    return [[name, _number(share)] for name, share in ranked]


def _by_column(pipeline: Any, shares: list[float]) -> dict[str, float]:
    """Return the sum of the shares of each column's features, in the order of both."""
    parts = {name: columns for name, _, columns in pipeline[0].transformers_}
    numbers, categories = (list(parts.get(name, ())) for name in ("numbers", "categories"))
    encoder = pipeline[0].named_transformers_["categories"][-1] if categories else None
    owners = (*numbers, *_named(encoder, categories, lambda feature, _: feature))
    found = dict.fromkeys(map(cut, owners), 0.0)
    for column, share in zip(owners, shares, strict=True):
        found[cut(column)] += share
    return found


def _names_of(pipeline: Any, sensitive: Collection[str]) -> list[str]:
    """Return the unique names of the features after preprocessing, long ones cut.

    A category of a sensitive feature is a number. A feature and its category are joined by _, or by
    = where the result would be another feature's name.
    """
    parts = {name: columns for name, _, columns in pipeline[0].transformers_}
    numbers, categories = (list(parts.get(name, ())) for name in ("numbers", "categories"))
    encoder = pipeline[0].named_transformers_["categories"][-1] if categories else None
    usual, other = (
        [cut(name) for name in (*numbers, *_encoded(encoder, categories, sensitive, between))]
        for between in ("_", "=")
    )
    return _distinct(usual, other)


def _encoded(
    encoder: Any, categories: list[str], sensitive: Collection[str], between: str
) -> list[str]:
    """Return the names of encoded categories."""
    told: Counter[str] = Counter()

    def name(feature: str, category: object) -> str:
        if feature in sensitive:
            told[feature] += 1
            category = told[feature]
        return f"{feature}{between}{category}"

    return _named(encoder, categories, name)


def _named(encoder: Any, categories: list[str], name: Callable[[str, object], str]) -> list[str]:
    """Return the names that `name` gives to the columns and categories of an encoder."""
    if not isinstance(encoder, OneHotEncoder):
        return categories
    as_it_was, encoder.feature_name_combiner = encoder.feature_name_combiner, name
    try:
        return list(encoder.get_feature_names_out(categories))
    finally:
        encoder.feature_name_combiner = as_it_was


def _distinct(usual: list[str], other: list[str]) -> list[str]:
    """Return the usual names; duplicates are replaced by the other names, numbered."""
    many, used = Counter(usual), Counter[str]()
    taken = {name for name, count in many.items() if count == 1}
    found = []
    for name, instead in zip(usual, other, strict=True):
        chosen = name if many[name] == 1 else instead
        while many[name] > 1 and chosen in taken:
            used[instead] += 1
            chosen = f"{cut(instead, LONGEST_NAME - 10)} ({used[instead] + 1})"
        taken.add(chosen)
        found.append(chosen)
    return found


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
