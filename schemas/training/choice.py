"""The choice of the best training by a metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autolearn.schemas.values import NO_RUN, RunId


def metric_of(by: str, scores: Mapping[str, Mapping[str, float]]) -> str:
    """Return the metric that a choice is made by: the only measured one where none is named."""
    measured = {name for figures in scores.values() for name in figures}
    return by or (measured.pop() if len(measured) == 1 else "")


def best_of(
    scores: Mapping[str, Mapping[str, float]],
    trainings: Sequence[RunId],
    metric: str,
    *,
    greater_is_better: bool,
) -> RunId:
    """Return the best training, the first of equal ones; NO_RUN if none has the metric."""
    found = {run: scores[run][metric] for run in trainings if metric in scores.get(run, {})}
    sign = 1 if greater_is_better else -1
    return max(found, key=lambda run: sign * found[run], default=NO_RUN)
