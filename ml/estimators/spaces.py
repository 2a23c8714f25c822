"""What studies try of the bundled estimators, by hyperparameter.

The ranges are those in which AutoML systems search (M. Feurer and others, "Efficient and robust
automated machine learning", NeurIPS 2015; C. Wang and others, "FLAML", MLSys 2021), in round
numbers.
"""

from __future__ import annotations

from autolearn.schemas.studies.search import Dimension
from autolearn.schemas.values import JsonValue


def _number(low: float, high: float, *, log: bool = True) -> Dimension:
    return Dimension(low=low, high=high, log=log)


def _integer(low: int, high: int) -> Dimension:
    return Dimension(low=float(low), high=float(high), integer=True, log=True)


def _choices(*values: JsonValue) -> Dimension:
    return Dimension(choices=values)


_WEIGHTS = {"class_weight": _choices(None, "balanced")}
_LEAVES = {"min_samples_leaf": _integer(1, 64)}
_RATE = {"learning_rate": _number(0.01, 0.5)}

MARGIN = {"C": _number(1e-4, 1e4)}
LOGISTIC = {**MARGIN, **_WEIGHTS}
KERNEL = {"C": _number(1e-3, 1e3), "gamma": _number(1e-5, 10.0)}
SMOOTHING = {"var_smoothing": _number(1e-12, 1.0)}
TREE = {"max_depth": _integer(1, 32), "criterion": _choices("gini", "entropy"), **_LEAVES}
FOREST = {
    "n_estimators": _integer(50, 500),
    "max_features": _choices("sqrt", "log2", 0.3, 0.5, 0.8, 1.0),
    **_LEAVES,
}
BOOSTING = {
    "n_estimators": _integer(50, 500),
    "max_depth": _integer(2, 8),
    "subsample": _number(0.5, 1.0, log=False),
    **_LEAVES,
    **_RATE,
}
HISTOGRAMS = {
    "max_iter": _integer(50, 500),
    "max_leaf_nodes": _integer(8, 128),
    "min_samples_leaf": _integer(5, 100),
    "l2_regularization": _number(1e-8, 10.0),
    **_RATE,
}
NEIGHBOURS = {
    "n_neighbors": _integer(1, 50),
    "weights": _choices("uniform", "distance"),
    "metric": _choices("euclidean", "manhattan", "cosine"),
}
RIDGE = {"alpha": _number(1e-4, 1e4)}
LASSO = {"alpha": _number(1e-5, 10.0)}
ELASTIC_NET = {**LASSO, "l1_ratio": _number(0.05, 1.0, log=False)}
_GRADIENT = {"alpha": _number(1e-7, 0.1), "penalty": _choices("l2", "l1", "elasticnet")}
SGD = {**_GRADIENT, **_WEIGHTS, "loss": _choices("hinge", "log_loss", "modified_huber")}
SGD_REGRESSOR = {**_GRADIENT, "loss": _choices("squared_error", "huber")}
LIGHTGBM = {
    "n_estimators": _integer(50, 500),
    "num_leaves": _integer(8, 128),
    "min_child_samples": _integer(5, 100),
    "reg_lambda": _number(1e-8, 10.0),
    "colsample_bytree": _number(0.5, 1.0, log=False),
    **_RATE,
}
