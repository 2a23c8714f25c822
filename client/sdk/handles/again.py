"""The same training once more: what is asked again of a recorded one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import to_builtins

from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION
from autolearn.schemas.feature_columns import features_of
from autolearn.schemas.rest.runs import Evaluation, Training


def settings_again(training: Training, columns: Iterable[str]) -> dict[str, Any]:
    """Return the arguments of `train` that ask for the same training, of any data.

    `columns` are those of its dataset: it learns from the same features, whatever a newer version
    has besides. The limits are those of the system.
    """
    learned = training.task in (CLASSIFICATION, REGRESSION)
    names = features_of(columns, training.target, training.features, training.left_out)
    return {
        "target": training.target,
        "task": training.task if learned else None,
        "features": names,
        "roles": {training.weight: "weight"} if training.weight else None,
        "hyperparameters": training.hyperparameters,
        "split": {**to_builtins(training.split), "by": training.split.kind},
        "fold_metrics": training.fold_metrics or None,
        "preprocessing": to_builtins(training.preprocessing),
        "calibrate": training.calibrate,
        "threshold": training.threshold,
        "batches": True if training.batches else None,
        "seed": training.seed,
    }


def evaluation_again(evaluations: Iterable[Evaluation], training: str) -> dict[str, Any] | None:
    """Return the metrics of its evaluations on held-out rows, and the class of the newest one."""
    named, found = dict[str, None](), None
    for one in evaluations:
        if (one.training, one.held_out, one.status) == (training, True, "completed"):
            named |= dict.fromkeys(name for name in one.metrics if name not in one.optional)
            found = {"metrics": list(named) or None, "positive": one.positive}
    return found
