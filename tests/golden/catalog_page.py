"""The tables of docs/estimators-and-metrics.md, from the catalog. `python -m tests.golden` writes
them; the words around them are written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from autolearn.ml.estimators import builtin as estimators
from autolearn.ml.estimators.estimator import Estimator
from autolearn.ml.metrics import builtin as metrics
from autolearn.ml.metrics.metric import Metric

PATH = Path(__file__).parents[2] / "docs" / "estimators-and-metrics.md"
TASKS = ("classification", "regression", "clustering", "anomaly-detection")
_TREES = ("n_estimators", "max_depth", "min_samples_leaf", "max_features")
_BOOSTING = ("n_estimators", "learning_rate", "max_depth", "subsample", "n_iter_no_change")
_HISTOGRAMS = ("max_iter", "learning_rate", "max_leaf_nodes", "l2_regularization", "early_stopping")
_NEIGHBOURS = ("n_neighbors", "weights", "metric")
_SGD = ("loss", "alpha", "penalty", "early_stopping")
MAIN = {
    "dbscan": ("eps", "min_samples", "metric"),
    "decision-tree": ("max_depth", "min_samples_leaf", "ccp_alpha", "class_weight"),
    "dummy": ("strategy",),
    "dummy-regressor": ("strategy",),
    "elastic-net": ("alpha", "l1_ratio"),
    "extra-trees": (*_TREES, "class_weight"),
    "extra-trees-regressor": _TREES,
    "gradient-boosting": _BOOSTING,
    "gradient-boosting-regressor": _BOOSTING,
    "hist-gradient-boosting": (*_HISTOGRAMS, "class_weight"),
    "hist-gradient-boosting-regressor": (*_HISTOGRAMS, "loss"),
    "isolation-forest": ("n_estimators", "contamination", "max_samples"),
    "k-means": ("n_clusters", "n_init"),
    "k-nearest-neighbours": _NEIGHBOURS,
    "k-nearest-neighbours-regressor": _NEIGHBOURS,
    "lasso": ("alpha",),
    "linear-regression": ("fit_intercept", "positive"),
    "linear-svm": ("C", "class_weight", "penalty"),
    "logistic-regression": ("C", "class_weight", "l1_ratio", "max_iter"),
    "mini-batch-k-means": ("n_clusters", "batch_size"),
    "naive-bayes": ("var_smoothing", "priors"),
    "random-forest": (*_TREES, "class_weight"),
    "random-forest-regressor": _TREES,
    "ridge": ("alpha",),
    "sgd": (*_SGD, "class_weight"),
    "sgd-regressor": _SGD,
    "svm": ("C", "kernel", "gamma", "class_weight"),
}
"""The hyperparameters that are tried first."""


def text() -> str:
    """The page with the tables of today between its marks."""
    page = PATH.read_text()
    for name, lines in (("estimators", _estimators()), ("metrics", _metrics())):
        table = "\n".join(lines)
        page, found = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)",
            lambda marks, table=table: f"{marks[1]}\n{table}\n\n{marks[2]}",
            page,
            flags=re.DOTALL,
        )
        assert found == 1, f"{PATH.name} lacks the marks of {name}"
    return page


def _estimators() -> Iterator[str]:
    offered = {one.name: one for one in vars(estimators).values() if isinstance(one, Estimator)}
    assert offered.keys() == MAIN.keys(), "name its main hyperparameters in MAIN"
    yield "| estimator | task | what it is | main hyperparameters (default) |\n|---|---|---|---|"
    for name in sorted(offered, key=lambda name: (TASKS.index(offered[name].task), name)):
        spec = offered[name].spec()
        defaults = {
            one.name: msgspec.json.encode(one.default).decode() for one in spec.hyperparameters
        }
        main = ", ".join(f"`{one}` ({defaults[one]})" for one in MAIN[name])
        yield f"| `{name}` | {spec.task} | {spec.summary} | {main} |"


def _metrics() -> Iterator[str]:
    offered = {one.name: one for one in vars(metrics).values() if isinstance(one, Metric)}
    better = {True: "higher", False: "lower", None: ""}
    yield "| metric | tasks | what it is | better | needs | of one class |"
    yield "|---|---|---|---|---|---|"
    for name in sorted(offered, key=lambda name: (TASKS.index(offered[name].tasks[0]), name)):
        one = offered[name]
        tasks, of_class = ", ".join(one.tasks), f"`{name}:CLASS`" if one.positive else ""
        said = one.summary if one.by_default else f"{one.summary} Only if it is named."
        direction = better[one.greater_is_better]
        yield f"| `{name}` | {tasks} | {said} | {direction} | {one.needs} | {of_class} |"
