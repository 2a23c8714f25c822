"""The bundled metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn import metrics as library

from autolearn.ml.errors import InputError
from autolearn.ml.metrics.metric import Array, Metric
from autolearn.schemas.bounds import cut
from autolearn.schemas.catalog import ANOMALY_DETECTION, CLASSIFICATION, CLUSTERING, REGRESSION
from autolearn.schemas.values import JsonValue

SILHOUETTE_ROWS = 10_000
MOST_LABELS = 400
"""Labels of a confusion matrix, which must fit in a result."""


def _matrix_of(truth: Array, predicted: Array) -> Mapping[str, JsonValue]:
    """Count rows per pair of classes: matrix[i][j] rows of labels[i] were predicted as labels[j].

    Labels that are all integers are in numeric order, others in alphabetical order. Of more than
    MOST_LABELS labels those with the fewest rows are merged into one, the last.
    """
    labels, truth, predicted = _merged(truth, predicted)
    matrix = library.confusion_matrix(truth, predicted, labels=labels)
    return {"labels": [cut(label) for label in labels], "matrix": matrix.tolist()}


def _merged(truth: Array, predicted: Array) -> tuple[list[str], Array, Array]:
    """Return the labels in their order, and both arrays with the rarest labels merged."""
    rows = Counter(truth.tolist()) + Counter(predicted.tolist())
    labels = sorted((label for label, _ in rows.most_common(MOST_LABELS)), key=_order_of)
    if len(rows) > MOST_LABELS:
        others = f"({len(rows) - MOST_LABELS:,} other labels)"
        known = np.array(labels)
        truth = np.where(np.isin(truth, known), truth, others)
        predicted = np.where(np.isin(predicted, known), predicted, others)
        labels = [*labels, others]
    return labels, truth, predicted


def table_of(truth: Array, predicted: Array) -> list[dict[str, JsonValue]]:
    """Return precision, recall, f1 and the number of rows of each class.

    The classes are those of the confusion matrix, in its order. An undefined share counts as 0, and
    a note says so.
    """
    labels, truth, predicted = _merged(truth, predicted)
    shares = library.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    found = []
    for label, precision, recall, f1, support in zip(labels, *shares, strict=True):
        line: dict[str, JsonValue] = {
            "class": cut(label),
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "support": int(support),
        }
        if not support:
            line["note"] = "these rows have none of it, so recall counts as 0"
        elif not (predicted == label).any():
            line["note"] = "no row was taken for it, so precision counts as 0"
        found.append(line)
    return found


def _order_of(label: str) -> tuple[bool, int, str]:
    """Return a sort key that puts integers first, by their value."""
    whole = label.lstrip("-").isdecimal()
    return (not whole, int(label) if whole else 0, label)


def _roc_auc(truth: Array, scores: Array, classes: Sequence[str]) -> float:
    """Return the area under the ROC curve.

    With two classes it is that of the second class; with more it is the mean over the classes of
    one against the rest. Classes of all rows or of none are left out of the mean.
    """
    chosen = range(1, 2) if len(classes) == 2 else range(len(classes))
    return _mean_over("roc-auc", library.roc_auc_score, truth, scores, [*classes], chosen)


def _average_precision(truth: Array, scores: Array, classes: Sequence[str]) -> float:
    """Return the area under the precision-recall curve, as the mean over the classes.

    Each is of one class against the rest; classes of all rows or of none are left out of the mean.
    """
    everything = range(len(classes))
    return _mean_over(
        "average-precision", library.average_precision_score, truth, scores, [*classes], everything
    )


def _mean_over(
    name: str,
    measure: Callable[..., float],
    truth: Array,
    scores: Array,
    classes: list[str],
    chosen: Iterable[int],
) -> float:
    """Return the mean of a measure of one class against the rest. Raises InputError."""
    found = [
        measure(truth == classes[column], scores[:, column])
        for column in chosen
        if 0 < (truth == classes[column]).sum() < len(truth)
    ]
    if not found:
        raise InputError(
            f"{name} needs rows of at least two classes, and these rows have one",
            advice="Evaluate on more rows, or choose another metric.",
        )
    return float(np.mean(found))


def _brier(truth: Array, probabilities: Array, classes: Sequence[str]) -> float:
    """Return the mean squared error of the probabilities (Brier 1950).

    It is in [0, 1] with two classes, where it is of either class, and in [0, 2] with more.
    """
    if len(classes) == 2:
        return float(library.brier_score_loss(truth == classes[1], probabilities[:, 1]))
    return float(library.brier_score_loss(truth, probabilities, labels=list(classes)))


def _top_k(k: int, truth: Array, scores: Array, classes: Sequence[str]) -> float:
    """Return the share of rows whose class is among the k with the highest scores."""
    if len(classes) <= k:
        raise InputError(
            f"top-{k}-accuracy is always 1 with {len(classes)} classes", advice="Choose accuracy."
        )
    return float(library.top_k_accuracy_score(truth, scores, k=k, labels=list(classes)))


def _mape(truth: Array, predicted: Array) -> float:
    """Return the mean of |error / truth|. Raises InputError where a true value is 0."""
    if zeros := int((truth == 0).sum()):
        raise InputError(
            f"mape divides by the target, which is 0 in {zeros:,} of these {len(truth):,} rows",
            advice="Choose mae or median-absolute-error.",
        )
    return float(library.mean_absolute_percentage_error(truth, predicted))


def _log_loss(truth: Array, probabilities: Array, classes: Sequence[str]) -> float:
    """Return the mean negative log-likelihood of the true classes, in nats."""
    return float(library.log_loss(truth, probabilities, labels=list(classes)))


def _area_of(truth: Array, scores: Array) -> float:
    """Return the area under the ROC curve of one class."""
    if truth.all():
        raise InputError("all of these rows are of that class, and roc-auc needs others as well")
    _some_of(truth)
    return float(library.roc_auc_score(truth, scores))


def _of_class(measure: Callable[..., float], **how: Any) -> Callable[[Array, Array], float]:
    """Return the measure of one class. Raises InputError if no row is of it."""

    def compute(truth: Array, said: Array) -> float:
        _some_of(truth)
        return float(measure(truth, said, **how))

    return compute


def _some_of(truth: Array) -> None:
    """Raise InputError when no row is of a class."""
    if not truth.any():
        raise InputError(
            "none of these rows is of that class", advice="Evaluate on rows that have some of it."
        )


def _r2_score(truth: Array, predicted: Array) -> float:
    """Return the coefficient of determination. Raises InputError where it is undefined."""
    if len(truth) < 2:
        raise InputError(
            "r2 is undefined on one row: it compares with how much the target varies",
            advice="Evaluate on more rows, or choose mae or rmse.",
        )
    if (truth == truth[0]).all():
        raise InputError(
            f"r2 is undefined on these {len(truth):,} rows: their target is the same in all",
            advice="Evaluate on other rows, or choose mae or rmse.",
        )
    return float(library.r2_score(truth, predicted))


def _clustered(metric: str, features: Array, predicted: Array) -> tuple[Array, Array]:
    """Return the rows that are in clusters, without noise. Raises InputError if they are unfit."""
    inside = predicted >= 0
    groups, rows = len(np.unique(predicted[inside])), int(inside.sum())
    if not 1 < groups < rows:
        raise InputError(
            f"{metric} needs between 2 and {max(rows - 1, 2)} groups, and these rows are in "
            f"{groups}",
            advice="Train with other hyperparameters, or evaluate on more rows.",
        )
    return features[inside], predicted[inside]


def _of_clusters(name: str, measure: Callable[..., float]) -> Callable[[Array, Array], float]:
    """Return a measure of clusters that leaves noise out."""

    def compute(features: Array, predicted: Array) -> float:
        return float(measure(*_clustered(name, features, predicted)))

    return compute


def _silhouette(features: Array, predicted: Array) -> float:
    """Return the mean silhouette (Rousseeuw 1987), of 10,000 rows at most, in [-1, 1]."""
    features, predicted = _clustered("silhouette", features, predicted)
    rows = min(SILHOUETTE_ROWS, len(predicted))
    return float(
        library.silhouette_score(
            features, predicted, sample_size=rows if rows < len(predicted) else None, random_state=0
        )
    )


def _anomaly_rate(_features: Array, predicted: Array) -> float:
    """Return the share of rows that are taken for anomalies (-1 in scikit-learn)."""
    return float((predicted == -1).mean())


macro = {"average": "macro", "zero_division": 0}
binary = {"average": "binary", "zero_division": 0}
precision = Metric(
    name="precision",
    tasks=(CLASSIFICATION, ANOMALY_DETECTION),
    summary="Of the rows taken for a class, the share that are of it.",
    compute=partial(library.precision_score, **macro),
    positive=_of_class(library.precision_score, **binary),
    average="macro",
)
recall = Metric(
    name="recall",
    tasks=(CLASSIFICATION, ANOMALY_DETECTION),
    summary="Of the rows of a class, the share that were found.",
    compute=partial(library.recall_score, **macro),
    positive=_of_class(library.recall_score, **binary),
    average="macro",
)
f1 = Metric(
    name="f1",
    tasks=(CLASSIFICATION, ANOMALY_DETECTION),
    summary="The harmonic mean of precision and recall.",
    compute=partial(library.f1_score, **macro),
    positive=_of_class(library.f1_score, **binary),
    average="macro",
)
f2 = Metric(
    name="f2",
    tasks=(CLASSIFICATION, ANOMALY_DETECTION),
    summary="F-beta with beta 2: recall counts twice as much as precision.",
    compute=partial(library.fbeta_score, beta=2, **macro),
    positive=_of_class(library.fbeta_score, beta=2, **binary),
    average="macro",
    by_default=False,
)
f_half = Metric(
    name="f0.5",
    tasks=(CLASSIFICATION, ANOMALY_DETECTION),
    summary="F-beta with beta 0.5: precision counts twice as much as recall.",
    compute=partial(library.fbeta_score, beta=0.5, **macro),
    positive=_of_class(library.fbeta_score, beta=0.5, **binary),
    average="macro",
    by_default=False,
)
accuracy = Metric(
    name="accuracy",
    tasks=(CLASSIFICATION,),
    summary="The share of rows whose class is right.",
    compute=library.accuracy_score,
)
balanced_accuracy = Metric(
    name="balanced-accuracy",
    tasks=(CLASSIFICATION,),
    summary="The mean over the classes of the share of their rows that were found.",
    compute=library.balanced_accuracy_score,
)
mcc = Metric(
    name="mcc",
    tasks=(CLASSIFICATION,),
    summary="Matthews' correlation of true and predicted classes, in [-1, 1]; 0 is chance.",
    compute=library.matthews_corrcoef,
)
top_2, top_3, top_5 = (
    Metric(
        name=f"top-{k}-accuracy",
        tasks=(CLASSIFICATION,),
        summary=f"The share of rows whose class is among the {k} with the highest scores.",
        compute=partial(_top_k, k),
        needs="scores",
        by_default=False,
    )
    for k in (2, 3, 5)
)
area = Metric(
    name="roc-auc",
    tasks=(CLASSIFICATION, ANOMALY_DETECTION),
    summary="How well scores put rows of a class before others: the area under the ROC curve.",
    compute=_roc_auc,
    needs="scores",
    positive=_area_of,
    average="macro",
)
average_precision = Metric(
    name="average-precision",
    tasks=(CLASSIFICATION, ANOMALY_DETECTION),
    summary="The precision at every recall: the area under the precision-recall curve.",
    compute=_average_precision,
    needs="scores",
    positive=_of_class(library.average_precision_score),
    average="macro",
)
loss = Metric(
    name="log-loss",
    tasks=(CLASSIFICATION,),
    summary="The mean negative log-likelihood of the true classes.",
    compute=_log_loss,
    needs="probabilities",
    greater_is_better=False,
)
brier = Metric(
    name="brier",
    tasks=(CLASSIFICATION,),
    summary="The mean squared error of the probabilities.",
    compute=_brier,
    needs="probabilities",
    greater_is_better=False,
    positive=_of_class(library.brier_score_loss),
)
confusion = Metric(
    name="confusion-matrix",
    tasks=(CLASSIFICATION,),
    summary="Rows per true class and predicted class.",
    compute=_matrix_of,
    result="matrix",
    greater_is_better=None,
)
classes = Metric(
    name="per-class",
    tasks=(CLASSIFICATION,),
    summary="Precision, recall and f1 of each class, and its rows (support).",
    compute=table_of,
    result="table",
    greater_is_better=None,
)


r2 = Metric(
    name="r2",
    tasks=(REGRESSION,),
    summary="The share of the target's variance that is explained.",
    compute=_r2_score,
)
mae = Metric(
    name="mae",
    tasks=(REGRESSION,),
    summary="The mean absolute error, in the target's unit.",
    compute=library.mean_absolute_error,
    greater_is_better=False,
)
median_absolute_error = Metric(
    name="median-absolute-error",
    tasks=(REGRESSION,),
    summary="The median of the absolute errors, in the target's unit.",
    compute=library.median_absolute_error,
    greater_is_better=False,
)
mape = Metric(
    name="mape",
    tasks=(REGRESSION,),
    summary="The mean of the absolute errors as shares of the target: 0.1 is 10 %.",
    compute=_mape,
    greater_is_better=False,
)
rmse = Metric(
    name="rmse",
    tasks=(REGRESSION,),
    summary="The root of the mean squared error, in the target's unit.",
    compute=library.root_mean_squared_error,
    greater_is_better=False,
)


separation = Metric(
    name="silhouette",
    tasks=(CLUSTERING,),
    summary="How much nearer rows are to their own group than to the next one, in [-1, 1].",
    compute=_silhouette,
    needs="features",
)
calinski_harabasz = Metric(
    name="calinski-harabasz",
    tasks=(CLUSTERING,),
    summary="The variance between groups as a multiple of the variance in them.",
    compute=_of_clusters("calinski-harabasz", library.calinski_harabasz_score),
    needs="features",
)
davies_bouldin = Metric(
    name="davies-bouldin",
    tasks=(CLUSTERING,),
    summary="How wide groups are, as a share of the distance to the most similar one.",
    compute=_of_clusters("davies-bouldin", library.davies_bouldin_score),
    needs="features",
    greater_is_better=False,
)
anomaly_rate = Metric(
    name="anomaly-rate",
    tasks=(ANOMALY_DETECTION,),
    summary="The share of rows that are taken for anomalies.",
    compute=_anomaly_rate,
    needs="features",
    greater_is_better=None,
)
