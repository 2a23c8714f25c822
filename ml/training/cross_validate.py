"""Cross-validation: a fit on each fold of the training rows, scored on the rest of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autolearn.ml.datasets.split import digest_of_rows
from autolearn.ml.errors import Pruned
from autolearn.ml.evaluation.evaluate import fold_scores
from autolearn.ml.metrics.metric import Metric
from autolearn.ml.training.fit import TrainingRows
from autolearn.schemas.results import FoldScores
from autolearn.schemas.values import JsonValue

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class CrossValidation:
    """The scores by metric, and the record of the folds, which is a file of the artifact."""

    scores: dict[str, FoldScores]
    record: list[dict[str, JsonValue]]


def cross_validate(
    rows: TrainingRows,
    folds: Iterator[tuple[Array, Array]],
    fit: Callable[[TrainingRows], Any],
    metrics: Mapping[str, Metric],
    *,
    task: str,
    estimator: str,
    medians: Sequence[float] = (),
) -> CrossValidation:
    """Fit on each fold and score the rest (Stone 1974, "Cross-validatory choice").

    `fit` returns a fitted pipeline. `metrics` are by name; one that no fold has is left out.
    `medians` are those of others after each fold, by the first metric.

    Raises:
        Pruned: the mean of the folds so far is worse than the median.
    """
    values: dict[str, list[float | None]] = {name: [] for name in metrics}
    record: list[dict[str, JsonValue]] = []
    for fitted_on, scored_on in folds:
        pipeline = fit(rows.take(fitted_on))
        scored = rows.take(scored_on)
        found = fold_scores(pipeline, scored.features, scored.answers, task, estimator, metrics)
        for name, of in values.items():
            of.append(found.get(name))
        digest = digest_of_rows(np.sort(scored_on))
        told = {"rows_fit": len(fitted_on), "rows_scored": len(scored_on), "scores": found}
        record.append({**told, "scored_sha256": digest})
        if len(record) <= len(medians):
            _check(values, metrics, medians[len(record) - 1])
    scores = {name: _summary(of) for name, of in values.items() if any(v is not None for v in of)}
    return CrossValidation(scores, record)


def _check(
    values: Mapping[str, Sequence[float | None]], metrics: Mapping[str, Metric], median: float
) -> None:
    """Raise Pruned if the mean of the first metric is worse than the median of others."""
    name = next(iter(metrics))
    known = [value for value in values[name] if value is not None]
    if not known:
        return
    mean, greater = math.fsum(known) / len(known), metrics[name].greater_is_better
    if mean < median if greater else mean > median:
        raise Pruned(
            f"after {len(known)} of the folds its {name} is {mean:.4g}, and the median of the "
            f"trials before it {median:.4g}"
        )


def _summary(values: Sequence[float | None]) -> FoldScores:
    known = [value for value in values if value is not None]
    deviation = statistics.stdev(known) if len(known) > 1 else 0.0
    return FoldScores(math.fsum(known) / len(known), deviation, tuple(values))
