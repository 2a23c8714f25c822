"""The answers of fitted estimators without their checks of each row: one table, one function each.

A step takes what an estimator gets, float64 of shape (rows, features), and gives the results of its
methods by name. The additions are those of scikit-learn, in the same order, and trees are descended
by its own compiled code, so that the bits are the same; `plan.compared` says whether they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
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
from sklearn.ensemble._gradient_boosting import predict_stages
from sklearn.ensemble._iforest import _average_path_length
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

Array = np.ndarray[Any, Any]
Answers = Callable[[Array], dict[str, Array]]
"""From features to the results of an estimator's methods by name."""
_FEW, _FEW_OF_FOREST = 32, 4
"""Rows that descend trees side by side: of more, each tree by itself is faster."""
_MOST_NODES = 500_000
_LOOK = 6
"""Levels after which it is looked whether all are in leaves."""


def answers_of(estimator: Any) -> Answers | None:
    """Return the answers of a fitted estimator, None if its kind has no step."""
    kind = type(estimator)
    step = STEPS.get(kind) or _OF_EXTRAS.get(f"{kind.__module__}.{kind.__qualname__}")
    return None if step is None else step(estimator)


def _linear(estimator: Any) -> Answers | None:
    """Return the answers of a linear model of one number."""
    if np.ndim(estimator.intercept_) != 0:
        return None
    weights, constant = estimator.coef_, estimator.intercept_
    weights = weights.T if weights.ndim == 2 else weights
    return lambda values: {"predict": values @ weights + constant}


def _logistic(estimator: Any) -> Answers:
    """Return the answers of a logistic regression, by the arithmetic of scikit-learn."""
    weights, constants, classes = estimator.coef_.T, estimator.intercept_, estimator.classes_

    def of_two(values: Array) -> dict[str, Array]:
        scores = (values @ weights + constants).reshape(-1)
        second = expit(scores)
        shares = np.empty((len(second), 2))
        np.subtract(1, second, out=shares[:, 0])
        shares[:, 1] = second
        return {"predict_proba": shares, "predict": classes.take((scores > 0).astype(np.intp))}

    def of_many(values: Array) -> dict[str, Array]:
        scores = values @ weights + constants
        labels = classes.take(np.argmax(scores, axis=1))
        scores -= np.max(scores, axis=1).reshape(-1, 1)
        np.exp(scores, scores)
        scores /= np.sum(scores, axis=1).reshape(-1, 1)
        return {"predict_proba": scores, "predict": labels}

    return of_two if len(classes) == 2 else of_many


def _tree(estimator: Any) -> Answers | None:
    """Return the answers of one tree: the values of the leaf that a row falls into."""
    if estimator.n_outputs_ != 1:
        return None
    tree, classifies = estimator.tree_, is_classifier(estimator)

    def answers(values: Array) -> dict[str, Array]:
        found = tree.predict(_float32(values))
        if not classifies:
            return {"predict": found[:, 0]}
        labels = estimator.classes_.take(np.argmax(found, axis=1), axis=0)
        return {"predict_proba": found[:, : estimator.n_classes_], "predict": labels}

    return answers


def _forest(estimator: Any) -> Answers | None:
    """Return the answers of a random forest: the mean over its trees, added in their order.

    A few rows descend all trees at once, if the forest is not so large that a copy of its nodes
    would take much memory.
    """
    if estimator.n_outputs_ != 1:
        return None
    trees = [one.tree_ for one in estimator.estimators_]
    classifies = is_classifier(estimator)
    many = estimator.n_classes_ if classifies else 1
    few = _FEW_OF_FOREST if sum(tree.node_count for tree in trees) <= _MOST_NODES else 0
    if few:
        leaves = _leaves([_forest_nodes(tree) for tree in trees])
        shares = np.concatenate([tree.value[:, 0, :many] for tree in trees])

    def answers(values: Array) -> dict[str, Array]:
        rows = _float32(values)
        if len(rows) <= few and not np.isnan(rows).any():
            found = shares.take(leaves(rows), axis=0)
            total = np.add.accumulate(found, axis=1)[:, -1]  # one after the other
        else:
            total = np.zeros((len(rows), many))
            for tree in trees:
                total += tree.predict(rows)[:, :many]
        total /= len(trees)
        if not classifies:
            return {"predict": total[:, 0]}
        labels = estimator.classes_.take(np.argmax(total, axis=1), axis=0)
        return {"predict_proba": total, "predict": labels}

    return answers


def _boosted(estimator: Any) -> Answers | None:
    """Return the answers of gradient boosting from a constant: its trees are added stage by stage.

    Friedman (2001), Greedy function approximation: a gradient boosting machine.
    """
    if not isinstance(estimator.init_, DummyClassifier | DummyRegressor | str):
        return None  # its first guess is another estimator's
    features = np.zeros((1, estimator.n_features_in_), dtype=np.float32)
    first, trees = estimator._raw_predict_init(features), estimator.estimators_
    rate = estimator.learning_rate

    def scores_of(values: Array) -> Array:
        scores = np.repeat(first, len(values), axis=0)
        predict_stages(trees, _float32(values), rate, scores)
        return scores

    return _from_scores(estimator, scores_of, np.greater_equal)


def _boosted_on_histograms(estimator: Any) -> Answers | None:
    """Return the answers of gradient boosting on histograms: its trees are added one by one.

    A few rows descend all trees at once. A gap goes the way that a tree has learned. There is no
    step where the estimator itself encodes columns.
    """
    if estimator._preprocessor is not None:
        return None
    start, outputs = estimator._baseline_prediction, estimator.n_trees_per_iteration_
    bitsets, places = estimator._bin_mapper.make_known_categories_bitsets()
    trees = [(at, tree) for stage in estimator._predictors for at, tree in enumerate(stage)]
    nodes = [_histogram_nodes(tree.nodes) for _, tree in trees]
    leaves, worth = _leaves(nodes), np.concatenate([tree.nodes["value"] for _, tree in trees])

    def scores_of(values: Array) -> Array:
        scores = np.zeros((len(values), outputs), dtype=start.dtype, order="F")
        scores += start
        if len(values) <= _FEW and not np.isnan(values).any():
            found = worth.take(leaves(values)).reshape(len(values), -1, outputs)
            found[:, 0] += scores
            scores[:] = np.add.accumulate(found, axis=1)[:, -1]  # one after the other
            return scores
        for at, tree in trees:
            scores[:, at] += tree.predict(values, bitsets, places, 1)
        return scores

    return _from_scores(estimator, scores_of, np.greater)


class _Nodes(NamedTuple):
    """The nodes of a tree by number, the root first: each has a feature, a threshold, and two ways.

    A leaf leads to itself. `levels` is the depth of the tree.
    """

    feature: Array
    threshold: Array
    left: Array
    right: Array
    levels: int


def _histogram_nodes(nodes: Array) -> _Nodes:
    """Return a tree as `TreePredictor.nodes` of scikit-learn has it."""
    itself, leaf = np.arange(len(nodes)), nodes["is_leaf"].astype(bool)
    return _Nodes(
        np.where(leaf, 0, nodes["feature_idx"]),
        nodes["num_threshold"],
        np.where(leaf, itself, nodes["left"]),
        np.where(leaf, itself, nodes["right"]),
        int(nodes["depth"].max(initial=0)),
    )


def _forest_nodes(tree: Any) -> _Nodes:
    """Return a tree as `sklearn.tree._tree.Tree` has it."""
    itself, leaf = np.arange(tree.node_count), tree.children_left < 0
    return _Nodes(
        np.where(leaf, 0, tree.feature),
        tree.threshold,
        np.where(leaf, itself, tree.children_left),
        np.where(leaf, itself, tree.children_right),
        tree.max_depth,
    )


def _leaves(trees: Sequence[_Nodes]) -> Callable[[Array], Array]:
    """Return the function from features without gaps to leaves, (rows, trees).

    A leaf is its place among the nodes of all trees. All rows are in all trees at once, and go down
    a level at a time, until all are in leaves.
    """
    sizes = [len(tree.feature) for tree in trees]
    roots = np.cumsum([0, *sizes[:-1]])
    # The place of a node counts twice: there is where to go up to the threshold, then beyond it.
    follow = np.empty(2 * sum(sizes), dtype=np.intp)
    follow[0::2] = np.concatenate([tree.left + at for tree, at in zip(trees, roots, strict=True)])
    follow[1::2] = np.concatenate([tree.right + at for tree, at in zip(trees, roots, strict=True)])
    follow *= 2
    feature = np.repeat(np.concatenate([tree.feature for tree in trees]), 2).astype(np.intp)
    threshold = np.repeat(np.concatenate([tree.threshold for tree in trees]), 2)
    levels = max(tree.levels for tree in trees)

    def found(values: Array) -> Array:
        at = np.repeat(2 * roots[None], len(values), axis=0)
        flat = values.ravel()
        first = (np.arange(len(values)) * values.shape[1])[:, None] if len(values) > 1 else None
        for level in range(levels):
            which = feature.take(at)
            if first is not None:
                which += first
            before, at = at, follow.take(at + (flat.take(which) > threshold.take(at)))
            if level % _LOOK == _LOOK - 1 and np.array_equal(before, at):
                break
        return at // 2

    return found


def _from_scores(
    estimator: Any, scores_of: Callable[[Array], Array], border: Callable[[Array, float], Array]
) -> Answers:
    """Return the answers of boosting from its sums; `border` is when the second class is said."""
    loss = estimator._loss
    if not is_classifier(estimator):
        return lambda values: {"predict": loss.link.inverse(scores_of(values).ravel())}
    classes = estimator.classes_

    def answers(values: Array) -> dict[str, Array]:
        scores = scores_of(values)
        if scores.shape[1] == 1:
            scores = scores.ravel()
            labels = classes[border(scores, 0).astype(int)]
        else:
            labels = classes[np.argmax(scores, axis=1)]
        return {"predict_proba": loss.predict_proba(scores), "predict": labels}

    return answers


def _isolation(estimator: Any) -> Answers | None:
    """Return the answers of an isolation forest: how few questions isolate a row.

    Liu, Ting and Zhou (2008), Isolation forest.
    """
    usual = len(estimator.estimators_) * _average_path_length([estimator._max_samples])
    if not usual.all():
        return None  # trees of one row
    all_features = estimator._max_features == estimator.n_features_in_
    trees = [
        (one.tree_, None if all_features else names, depths, lengths)
        for one, names, depths, lengths in zip(
            estimator.estimators_,
            estimator.estimators_features_,
            estimator._decision_path_lengths,
            estimator._average_path_length_per_tree,
            strict=True,
        )
    ]

    def answers(values: Array) -> dict[str, Array]:
        rows = _float32(values)
        total = np.zeros(len(rows))
        for tree, names, depths, lengths in trees:
            leaves = tree.apply(rows if names is None else np.ascontiguousarray(rows[:, names]))
            total += depths[leaves] + lengths[leaves] - 1.0
        scores = -(2 ** (-np.divide(total, usual))) - estimator.offset_
        return {"decision_function": scores, "predict": np.where(scores < 0, -1, 1)}

    return answers


def _lightgbm(estimator: Any) -> Answers:
    """Return the answers of LightGBM: those of its booster, by one thread (a row needs no more)."""
    booster, classes = estimator.booster_, getattr(estimator, "classes_", None)

    def answers(values: Array) -> dict[str, Array]:
        found = booster.predict(values, num_threads=1)
        if classes is None:
            return {"predict": found}
        if found.ndim == 1:
            found = np.vstack((1.0 - found, found)).transpose()
        return {"predict_proba": found, "predict": classes.take(np.argmax(found, axis=1))}

    return answers


def _limited(estimator: Any) -> Answers | None:
    """Return the answers of a classifier with a threshold, from which on a class is said."""
    if estimator.response_method != "predict_proba" or estimator.pos_label is None:
        return None
    inner, classes = answers_of(estimator.estimator_), estimator.classes_
    if inner is None:
        return None
    place = int(np.flatnonzero(classes == estimator.pos_label)[0])
    by_limit = classes[[1 - place, place]]

    def answers(values: Array) -> dict[str, Array]:
        shares = inner(values)["predict_proba"]
        reached = shares[:, place] >= estimator.threshold
        return {"predict_proba": shares, "predict": by_limit[reached.astype(int)]}

    return answers


def _float32(values: Array) -> Array:
    """Return features as scikit-learn's trees compare them."""
    return np.ascontiguousarray(values, dtype=np.float32)


STEPS: dict[type, Callable[[Any], Answers | None]] = {
    **dict.fromkeys((LinearRegression, Ridge, Lasso, ElasticNet), _linear),
    LogisticRegression: _logistic,
    **dict.fromkeys((DecisionTreeClassifier, DecisionTreeRegressor), _tree),
    **dict.fromkeys((RandomForestClassifier, RandomForestRegressor), _forest),
    **dict.fromkeys((ExtraTreesClassifier, ExtraTreesRegressor), _forest),
    **dict.fromkeys((GradientBoostingClassifier, GradientBoostingRegressor), _boosted),
    HistGradientBoostingClassifier: _boosted_on_histograms,
    HistGradientBoostingRegressor: _boosted_on_histograms,
    IsolationForest: _isolation,
    FixedThresholdClassifier: _limited,
}
"""The step of each kind of estimator; None from one: this estimator has no answers without it."""

_OF_EXTRAS: dict[str, Callable[[Any], Answers | None]] = dict.fromkeys(
    ("lightgbm.sklearn.LGBMClassifier", "lightgbm.sklearn.LGBMRegressor"), _lightgbm
)
"""The same by name, of libraries that need not be installed."""
