"""Plots of a model's answers for rows, as data that JSON can hold.

Curves are scikit-learn's (`roc_curve`, `precision_recall_curve`, `calibration_curve`,
`permutation_importance`, `learning_curve`), thinned to a bounded number of points. Random choices
are seeded, so the same evaluation gives the same data.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.calibration import calibration_curve
from sklearn.inspection import permutation_importance
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)
from sklearn.model_selection import learning_curve

from autolearn.ml.errors import InputError
from autolearn.schemas.bounds import cut
from autolearn.schemas.catalog import CLASSIFICATION
from autolearn.schemas.values import JsonValue

if TYPE_CHECKING:
    import pandas as pd


Array = np.ndarray[Any, Any]

_POINTS = 100
"""Points of a curve, and rows of a scatter plot."""
_CLASSES = 10
"""Classes that have curves, the most frequent ones."""
_BINS = 10
_ROWS = 2_000
"""Rows that are looked at where each is asked many times."""
_REPEATS = 5
_FEATURES = 20
_DEPENDENCES = 6
_GRID = 15
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_SIZES = (0.1, 0.325, 0.55, 0.775, 1.0)
FOLDS = 3
"""Folds of a learning curve."""


@dataclass(frozen=True)
class FittedRows:
    """The rows on which a model was fitted, and folds of them: positions to fit on and to score."""

    features: pd.DataFrame
    truth: Array
    folds: list[tuple[Array, Array]]


@dataclass(frozen=True)
class PlotRows:
    """The rows of a plot: their features (n rows), and the true answers (n).

    `fitted` returns the rows on which the model was fitted, where they are known. Values of
    `sensitive` columns, and of a `secret` target, are not shown.
    """

    features: pd.DataFrame
    truth: Array
    task: str
    seed: int
    fitted: Callable[[], FittedRows] | None = None
    sensitive: frozenset[str] = frozenset()
    secret: bool = False
    known: dict[str, dict[str, JsonValue]] = field(default_factory=dict)
    """What a plot has computed that another one needs too."""


def plot(name: str, pipeline: Any, rows: PlotRows) -> dict[str, JsonValue]:
    """Return the data of one plot (a name of `schemas.catalog.PLOTS`). Raises InputError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _PLOTS[name](pipeline, rows)


def _confusion(pipeline: Any, rows: PlotRows) -> dict[str, JsonValue]:
    """Count the rows by true class (lines) and predicted class (columns)."""
    said = pipeline.predict(rows.features).astype(str)
    labels = sorted({*rows.truth.tolist(), *said.tolist()})
    if len(labels) > 50:
        raise InputError(f"it has {len(labels)} classes, and at most 50 are shown")
    matrix = confusion_matrix(rows.truth, said, labels=labels).tolist()
    return {"labels": _names(labels, rows), "matrix": matrix}


def _roc(pipeline: Any, rows: PlotRows) -> dict[str, JsonValue]:
    """Return the receiver operating characteristic of each class against the others."""

    def curve(truth: Array, scores: Array) -> dict[str, JsonValue]:
        wrong, right, _ = roc_curve(truth, scores)
        kept = _thin(len(wrong))
        return {
            "false_positive_rate": wrong[kept].tolist(),
            "true_positive_rate": right[kept].tolist(),
            "area": float(roc_auc_score(truth, scores)),
        }

    return {"classes": dict(_by_class(pipeline, rows, curve))}


def _precision_recall(pipeline: Any, rows: PlotRows) -> dict[str, JsonValue]:
    """Return precision by recall of each class, and the share of its rows, which chance reaches."""

    def curve(truth: Array, scores: Array) -> dict[str, JsonValue]:
        precision, recall, _ = precision_recall_curve(truth, scores)
        kept = _thin(len(precision))
        return {
            "recall": recall[kept].tolist(),
            "precision": precision[kept].tolist(),
            "average_precision": float(average_precision_score(truth, scores)),
            "share": float(truth.mean()),
        }

    return {"classes": dict(_by_class(pipeline, rows, curve))}


def _calibration(pipeline: Any, rows: PlotRows) -> dict[str, JsonValue]:
    """Return the share of a class's rows by its predicted probability, in bins of equal width."""
    if not hasattr(pipeline, "predict_proba"):
        raise InputError("it needs probabilities, and the model gives none")

    def curve(truth: Array, scores: Array) -> dict[str, JsonValue]:
        share, predicted = calibration_curve(truth, scores, n_bins=_BINS)
        bins = np.clip((scores * _BINS).astype(int), 0, _BINS - 1)
        counts = np.bincount(bins, minlength=_BINS)
        return {
            "predicted": predicted.tolist(),
            "share": share.tolist(),
            "rows": counts[counts > 0].tolist(),
        }

    return {"classes": dict(_by_class(pipeline, rows, curve))}


def _residuals(pipeline: Any, rows: PlotRows) -> dict[str, JsonValue]:
    """Return predictions and residuals (truth - prediction) of some rows, and their histogram."""
    predicted = np.asarray(pipeline.predict(rows.features), dtype=np.float64)
    residuals = rows.truth - predicted
    counts, edges = np.histogram(residuals, bins=2 * _BINS)
    found: dict[str, JsonValue] = {
        "histogram": {"edges": edges.tolist(), "rows": counts.tolist()},
        "quantiles": [[share, float(np.quantile(residuals, share))] for share in _QUANTILES],
    }
    if not rows.secret:
        some = _some(len(predicted), 5 * _POINTS, rows.seed)
        found |= {"predicted": predicted[some].tolist(), "residual": residuals[some].tolist()}
    return found


def _importance(pipeline: Any, rows: PlotRows) -> dict[str, JsonValue]:
    """Return how much worse the score gets when a column is shuffled (Breiman 2001).

    `mean` and `deviation` are over the repetitions. The score is the balanced accuracy, or R².
    """
    if "importance" in rows.known:
        return rows.known["importance"]
    features, truth = _sampled(rows)
    scoring = "balanced_accuracy" if rows.task == CLASSIFICATION else "r2"
    found = permutation_importance(
        _Plain(pipeline, rows.task),
        features,
        truth,
        scoring=scoring,
        n_repeats=_REPEATS,
        random_state=rows.seed,
        n_jobs=1,
    )
    order = np.argsort(-found.importances_mean, kind="stable")[:_FEATURES]
    rows.known["importance"] = {
        "score": scoring.replace("_", "-"),
        "repeats": _REPEATS,
        "rows": len(features),
        "columns": [
            {
                "column": cut(str(features.columns[at])),
                "mean": float(found.importances_mean[at]),
                "deviation": float(found.importances_std[at]),
            }
            for at in order
        ],
    }
    return rows.known["importance"]


def _partial_dependence(pipeline: Any, rows: PlotRows) -> dict[str, JsonValue]:
    """Return the mean answer for values of the most important columns (Friedman 2001).

    All rows get each value in turn: of numbers 15 quantiles, of text the most frequent ones. The
    answer is the prediction, or the probability of each class (of the last class of two).
    """
    features, _ = _sampled(rows)
    columns = _importance(pipeline, rows)["columns"]
    known = {cut(str(name)): name for name in features.columns}
    shown = [known[one["column"]] for one in columns if known[one["column"]] not in rows.sensitive]
    names = _answer_names(pipeline, rows)
    found: dict[str, JsonValue] = {}
    for name in shown[:_DEPENDENCES]:
        values = _grid(features[name])
        answers = [
            _mean_answer(pipeline, features.assign(**{name: value}), rows.task) for value in values
        ]
        by_answer = {name: [one[at] for one in answers] for at, name in enumerate(names)}
        shown = [cut(one) if isinstance(one, str) else one for one in values]
        found[cut(str(name))] = {"values": shown, "answers": by_answer}
    return {"columns": found, "rows": len(features)}


def _learning_curve(pipeline: Any, rows: PlotRows) -> dict[str, JsonValue]:
    """Return the score by the number of training rows, cross-validated in folds of the split.

    The score is the balanced accuracy, or R²; `mean` and `deviation` are over the folds.
    """
    if rows.fitted is None:
        raise InputError("it needs the training rows: evaluate without another dataset")
    fitted_on = rows.fitted()
    scoring = "balanced_accuracy" if rows.task == CLASSIFICATION else "r2"
    try:
        sizes, fitted, held_out = learning_curve(
            clone(pipeline),
            fitted_on.features,
            fitted_on.truth,
            train_sizes=_SIZES,
            cv=fitted_on.folds,
            scoring=scoring,
            shuffle=True,
            random_state=rows.seed,
            n_jobs=1,
            error_score=np.nan,
        )[:3]
    except ValueError as error:
        raise InputError("the training rows are too few for it") from error
    return {
        "score": scoring.replace("_", "-"),
        "rows": sizes.tolist(),
        "training": _means(fitted),
        "held_out": _means(held_out),
    }


_PLOTS: dict[str, Callable[[Any, PlotRows], dict[str, JsonValue]]] = {
    "confusion": _confusion,
    "roc": _roc,
    "precision-recall": _precision_recall,
    "calibration": _calibration,
    "residuals": _residuals,
    "importance": _importance,
    "partial-dependence": _partial_dependence,
    "learning-curve": _learning_curve,
}


class _Plain:
    """A fitted pipeline whose labels are text, as the truth's are."""

    def __init__(self, pipeline: Any, task: str) -> None:
        self._pipeline, self._task = pipeline, task
        if task == CLASSIFICATION:
            self.classes_ = np.asarray(pipeline.classes_).astype(str)

    def fit(self, _features: Any, _answers: Any) -> None:
        """Refuse to be fitted: it is."""
        raise NotImplementedError

    def predict(self, features: Any) -> Array:
        """Return a label (text) or a number for each row."""
        said = np.asarray(self._pipeline.predict(features))
        return said.astype(str) if self._task == CLASSIFICATION else said

    def __sklearn_tags__(self) -> Any:
        return self._pipeline.__sklearn_tags__()


def _by_class(
    pipeline: Any, rows: PlotRows, curve: Callable[[Array, Array], dict[str, JsonValue]]
) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    """Yield the curve of each class that some rows have and others do not."""
    scores = _scores(pipeline, rows.features)
    classes = [str(label) for label in pipeline.classes_]
    counts = [(int((rows.truth == label).sum()), at) for at, label in enumerate(classes)]
    chosen = sorted(at for count, at in sorted(counts, reverse=True)[:_CLASSES] if count)
    names, none = _names(classes, rows), True
    for at in chosen:
        truth = rows.truth == classes[at]
        if truth.all():
            continue
        none = False
        yield names[at], curve(truth, scores[:, at])
    if none:
        raise InputError("the rows have one class only")


def _scores(pipeline: Any, features: Any) -> Array:
    """Return probabilities, or else decision values, one column per class."""
    if hasattr(pipeline, "predict_proba"):
        return np.asarray(pipeline.predict_proba(features))
    if not hasattr(pipeline, "decision_function"):
        raise InputError("it needs scores, and the model gives none")
    values = np.asarray(pipeline.decision_function(features))
    return np.column_stack([-values, values]) if values.ndim == 1 else values


def _mean_answer(pipeline: Any, features: Any, task: str) -> list[float]:
    if task != CLASSIFICATION:
        return [float(np.mean(pipeline.predict(features)))]
    if hasattr(pipeline, "predict_proba"):
        means = np.asarray(pipeline.predict_proba(features)).mean(axis=0)
    else:
        said = np.asarray(pipeline.predict(features))
        means = np.array([(said == label).mean() for label in pipeline.classes_])
    return [float(one) for one in (means[1:] if len(means) == 2 else means[:_CLASSES])]


def _answer_names(pipeline: Any, rows: PlotRows) -> list[str]:
    """Return the names of the answers of `_mean_answer`."""
    if rows.task != CLASSIFICATION:
        return ["prediction"]
    names = _names([str(label) for label in pipeline.classes_], rows)
    return names[1:] if len(names) == 2 else names[:_CLASSES]


def _grid(values: Any) -> list[JsonValue]:
    """Return values of a column: quantiles of numbers, else the most frequent ones."""
    present = values.dropna()
    if values.dtype == np.float64:
        quantiles = np.quantile(present, np.linspace(0.02, 0.98, _GRID)) if len(present) else ()
        return [float(one) for one in np.unique(quantiles)]
    return [str(one) for one in present.value_counts(sort=True).index[:_GRID]]


def _sampled(rows: PlotRows) -> tuple[Any, Array]:
    some = _some(len(rows.truth), _ROWS, rows.seed)
    return rows.features.iloc[some], rows.truth[some]


def _some(count: int, most: int, seed: int) -> Array:
    """Return the positions of at most so many rows, drawn by the seed, in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _thin(count: int) -> Array:
    """Return the positions of at most _POINTS points, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, _POINTS)).round().astype(int))


def _means(scores: Array) -> dict[str, JsonValue]:
    """Return mean and deviation over the folds, None where a fold had no score."""
    means, deviations = scores.mean(axis=1), scores.std(axis=1, ddof=1)
    return {
        "mean": [float(one) if np.isfinite(one) else None for one in means],
        "deviation": [float(one) if np.isfinite(one) else None for one in deviations],
    }


def _names(labels: list[str], rows: PlotRows) -> list[str]:
    """Return the names of classes, numbers if they are secret."""
    return [str(at + 1) for at in range(len(labels))] if rows.secret else list(map(cut, labels))
