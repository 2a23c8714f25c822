"""The pipeline of a training: built, and fitted on rows, anew for each fold."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import Estimator
from autolearn.ml.library_messages import words_of
from autolearn.ml.row_steps import RowSteps
from autolearn.ml.training.on_cluster import fit_on_cluster
from autolearn.ml.training.preprocess import preprocessor, selector
from autolearn.schemas.bounds import cut
from autolearn.schemas.catalog import CLASSIFICATION
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.workers.cluster import needs_cluster

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]


_MONITORED = (GradientBoostingClassifier, GradientBoostingRegressor)
"""The estimators that call a function after each iteration, which does not change the result."""


@dataclass(frozen=True)
class TrainingRows:
    """The rows to fit on, of which each fold takes some. `keys` are those of their split."""

    features: pd.DataFrame
    answers: Array | None
    weights: Array | None
    keys: Array | None = None

    def take(self, positions: Array) -> TrainingRows:
        """Return some of the rows."""
        return TrainingRows(
            self.features.iloc[positions],
            None if self.answers is None else self.answers[positions],
            None if self.weights is None else self.weights[positions],
            None if self.keys is None else self.keys[positions],
        )


def build_pipeline(
    request: TrainingRequested,
    types: Mapping[str, str],
    estimator: Estimator,
    rows: RowSteps | None = None,
) -> Pipeline:
    """Return the unfitted pipeline for features of these column types.

    `rows` makes the features from raw columns. Raises InputError.
    """
    how, task, seed = request.preprocessing, request.task, request.seed
    steps: list[tuple[str, Any]] = [("rows", rows)]
    steps += [("preprocess", preprocessor(types, how, task, seed))]
    steps += [("select", selector(how, task))]
    steps.append(("estimator", estimator.build(request.hyperparameters, seed=seed)))
    return Pipeline([(name, step) for name, step in steps if step is not None])


def fitted(
    request: TrainingRequested,
    pipeline: Pipeline,
    rows: TrainingRows,
    report: Callable[[str], None] | None = None,
) -> Pipeline:
    """Fit a pipeline, and return it. `report` receives the progress of gradient boosting.

    Raises InputError when the rows do not do, or the library refuses a value.
    """
    if request.task == CLASSIFICATION and rows.answers is not None:
        check_classes(np.unique(rows.answers).tolist(), len(rows.answers), request)
    features, model = rows.features, request.estimator
    more: dict[str, Any] = {}
    if rows.weights is not None:
        if not has_fit_parameter(pipeline[-1], "sample_weight"):
            raise InputError(
                f"{model} takes no weights of rows",
                advice="Choose another estimator, balance classes by oversample or undersample, or "
                "give the column another role than weight.",
            )
        more["estimator__sample_weight"] = rows.weights
    if report is not None and isinstance(pipeline[-1], _MONITORED):
        more["estimator__monitor"] = _monitor(pipeline[-1].n_estimators, report)
    try:
        if needs_cluster(model):
            ready = pipeline[:-1].fit_transform(features, rows.answers)
            local = fit_on_cluster(pipeline[-1], ready, rows.answers, rows.weights)
            pipeline.steps[-1] = ("estimator", local)
        else:
            pipeline.fit(features, rows.answers, **more)
    except ValueError as error:
        raise InputError(
            f"{model} cannot learn from these {len(features):,} rows with these settings: "
            f"{words_of(error).rstrip('.')}",
            advice=f"Choose other hyperparameters, which `autolearn catalog estimators {model}` "
            "has, or other data.",
            quiet=f"{model} cannot learn from these {len(features):,} rows with these settings",
        ) from error
    return pipeline


def _monitor(iterations: int, report: Callable[[str], None]) -> Callable[..., bool]:
    """Return a function for scikit-learn to call after each iteration: it reports once a second.

    The loss on the training rows is the second line of a phase: that is for the owner only.
    """
    reported = time.monotonic()

    def monitor(iteration: int, estimator: Any, *_: Any) -> bool:
        nonlocal reported
        if time.monotonic() - reported >= 1:
            reported = time.monotonic()
            done = f"{(iteration + 1) / iterations:.0%}"
            loss = f"loss {estimator.train_score_[iteration]:.4g}"
            report(f"fitting, {done}\n{loss} after {iteration + 1:,} iterations")
        return False  # go on

    return monitor


def check_classes(classes: Sequence[str], rows: int, request: TrainingRequested) -> None:
    """Raise InputError when the training rows have only one of the `classes`."""
    if len(classes) > 1:
        return
    what = f"the {rows:,} rows to fit on have one class of {request.target} only"
    raise InputError(
        f"{what}, {cut(str(classes[0]))}: the rows of others were all held out",
        advice="Train with stratify, hold out fewer rows, choose another seed, or add rows of "
        "other classes.",
        quiet=what,
    )
