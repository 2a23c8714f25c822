"""Checks the compiled parts of an imported model, which index memory without bounds checks.

A tree of scikit-learn follows the numbers of its nodes and features wherever they lead; so do the
trees of histogram boosting, and the centres of k-means. Those of a fitted model never leave it.
Only what `ml.models.trusted_types.IMPORTED` lets pass can occur.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, IsolationForest
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.pipeline import Pipeline
from sklearn.tree import BaseDecisionTree
from sklearn.tree._tree import Tree

from autolearn.ml.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]


def check_compiled_parts(pipeline: Pipeline, features: pd.DataFrame) -> None:
    """Check the trees and centres of a loaded pipeline, which gets such `features`.

    Raises:
        InputError: one of them points out of itself, or splits by categories.
    """
    parts = list(_parts(pipeline))
    for one in parts:
        _check_shapes(one)
    trees = [one for one in parts if isinstance(one, Tree | TreePredictor)]
    if not trees:
        return
    # The first of a forest checks the width of rows for all of them.
    widths = [
        one.n_features_in_
        for one in parts
        if isinstance(one, BaseDecisionTree) and hasattr(one, "tree_")
    ]
    for one in parts:
        if isinstance(one, IsolationForest):
            widths += [len(some) for some in one.estimators_features_]
    width = min([pipeline[:-1].transform(features).shape[1], *widths])
    for one in trees:
        if isinstance(one, Tree):
            inner = one.children_left != -1
            _check_tree(one.children_left, one.children_right, one.feature, inner, width)
        else:
            inner = one.nodes["is_leaf"] == 0
            left, right, feature = (one.nodes[of] for of in ("left", "right", "feature_idx"))
            _check_tree(left, right, feature, inner, width)


def _check_shapes(one: Any) -> None:
    """Check what needs no knowledge of the rows. Raises InputError."""
    fits = True
    match one:
        case Tree():
            fits = one.node_count == one.capacity == len(one.value) > 0
        case TreePredictor():
            if one.nodes["is_categorical"].any():
                raise InputError(
                    "a histogram boosting that splits by categories cannot be imported",
                    advice="Encode the categories in a step before it.",
                )
            fits = len(one.nodes) > 0
        case KMeans() | MiniBatchKMeans():
            centers = np.asarray(one.cluster_centers_)
            fits = centers.ndim == 2 and centers.shape[1] == one.n_features_in_
        case GradientBoostingClassifier() | GradientBoostingRegressor():
            fits = one.estimators_.shape[1:] == (one.n_trees_per_iteration_,)
    if not fits:
        raise _broken(one)


def _check_tree(left: Array, right: Array, feature: Array, inner: Array, width: int) -> None:
    """Check that nodes lead to later ones of the tree, and split by features that there are."""
    at = np.flatnonzero(inner)
    for children in (left[at].astype(np.int64), right[at].astype(np.int64)):
        if (children <= at).any() or (children >= len(left)).any():
            raise _broken("tree")
    if (feature[at] < 0).any() or (feature[at] >= width).any():
        raise _broken("tree")


def _broken(one: Any) -> InputError:
    name = one if isinstance(one, str) else type(one).__name__
    return InputError(
        f"a {name} in the file is damaged: its parts do not fit together",
        advice="Save the fitted model again.",
    )


def _parts(root: Any) -> Iterator[Any]:
    """Yield all objects of a pipeline, each once."""
    waiting, seen = [root], {id(root)}
    while waiting:
        one = waiting.pop()
        yield one
        inside: list[Any] = []
        if isinstance(one, dict):
            inside = [*one.values()]
        elif isinstance(one, list | tuple | set):
            inside = [*one]
        elif isinstance(one, np.ndarray):
            inside = one.ravel().tolist() if one.dtype == object else []
        elif hasattr(one, "__dict__") and not isinstance(one, type):
            inside = [*vars(one).values()]
        for part in inside:
            if id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)
