"""The modules that the fork server loads before it forks, so that a run starts in milliseconds.

Importing is not enough: many modules are loaded on first use. So a tiny pipeline is fitted and
saved here once, by code that starts no thread (a process with threads must not be forked): no
KMeans, no reader of Arrow's. `warming` goes further, in a process that is not forked any more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

# First, for skops looks for its functions in one loaded module after the other: 0.5 s less.
import scipy.special as scipy_special  # noqa: F401

# isort: split
import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from autolearn.artifacts.datasets.profile import schema_hash
from autolearn.artifacts.datasets.table import read_table
from autolearn.ml.captured_warnings import heard
from autolearn.ml.datasets.split import part
from autolearn.ml.environment import environment, one_thread
from autolearn.ml.estimators.builtin import logistic_regression
from autolearn.ml.estimators.estimator import distribution_of
from autolearn.ml.metrics.metric import Metric
from autolearn.ml.models import skops_file
from autolearn.ml.plugins import (
    find_estimator,
    find_metric,
    find_step,
    load_estimators,
    load_metrics,
    load_steps,
)
from autolearn.ml.tasks import KINDS as KINDS  # the fork server's kinds of work
from autolearn.ml.training.feature_profile import example, feature_profile, score_profile
from autolearn.ml.training.learned_parameters import learned
from autolearn.ml.training.preprocess import preprocessor
from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.values import Split


def warming() -> Iterator[None]:
    """Do all steps of a training once, without a store; yield every few milliseconds."""
    yield from read()
    yield from _fit()


def read() -> Iterator[None]:
    """Read a table (which starts threads of Arrow's), where a file can be made without a folder."""
    if sys.platform != "linux":
        return
    descriptor = os.memfd_create("warm")
    try:
        rows = "".join(f"{number}.5,{number},true,b,2024-01-01\n" for number in range(9))
        os.write(descriptor, f"u,v,w,x,y\n{rows}".encode())
        path = Path(f"/proc/self/fd/{descriptor}")
        table = read_table(path, ReadOptions(types="nibst"))
        yield
        table.features(table.types)
        schema_hash(table.types.items())
        yield
    finally:
        os.close(descriptor)


def _fit() -> Iterator[None]:
    """Fit, describe and save a tiny pipeline, by code that starts no thread."""
    one_thread()
    environment(*distribution_of(logistic_regression.factory))
    metrics = {name: find_metric(name) for name in load_metrics().found}
    answers = np.array(["a", "b", "c", "c"] * 5)
    features = pd.DataFrame(
        {"x": np.arange(20.0), "y": pd.Series(["p", "q"] * 10, dtype=object)}, copy=False
    )
    part(np.arange(20), answers, Split(), seed=0)
    features = features.iloc[np.arange(20)]
    yield
    steps = preprocessor({"x": "number", "y": "string"}, Preprocessing())
    estimator = logistic_regression.build({}, seed=0)
    pipeline = Pipeline([("preprocess", steps), ("estimator", estimator)])
    with heard() as said:
        steps.fit_transform(features)
        yield
        pipeline.fit(features, answers)
        yield
        score_profile(pipeline, features, "classification")
        _score(metrics, pipeline.predict(features), answers)
    yield
    feature_profile(features)
    example(features)
    learned(pipeline, said)
    yield
    skops_file.dump(pipeline, logistic_regression.allowed_types())


def _score(metrics: dict[str, Metric], predicted: np.ndarray, truth: np.ndarray) -> None:
    for name in ("precision", "recall", "f1", "accuracy", "confusion-matrix"):
        metrics[name].compute(truth, predicted)


for estimator_name in load_estimators().found:
    find_estimator(estimator_name)
for step_name in load_steps().found:
    find_step(step_name).spec()  # the digest of the code that is loaded
for _ in _fit():
    pass
