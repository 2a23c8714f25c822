"""What the fork server loads before it forks, so that a run starts in milliseconds.

Importing is not enough: many modules are loaded on first use. A tiny pipeline is fitted, saved and
loaded once, by code that starts no thread (KMeans and Arrow's readers would).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from autolearn.agents import children as children  # so that no run has to import it
from autolearn.agents import model_files
from autolearn.agents.environment import environment, one_thread
from autolearn.agents.estimators import distribution_of, logistic_regression
from autolearn.agents.hearing import heard
from autolearn.agents.learned import learned
from autolearn.agents.metrics import Metric
from autolearn.agents.plugins import find_estimator, find_metric, load_estimators, load_metrics
from autolearn.agents.preprocessing import preprocessor
from autolearn.agents.profiles import example, feature_profile, score_profile
from autolearn.agents.splitting import part
from autolearn.agents.tasks import KINDS
from autolearn.schemas.values import Preprocessing, Split

__all__ = ["KINDS"]


def warm() -> None:
    """Go the way of a training once, without a store."""
    one_thread()
    environment(*distribution_of(logistic_regression.factory))
    for name in load_estimators().found:
        find_estimator(name)
    metrics = {name: find_metric(name) for name in load_metrics().found}
    answers = np.array(["a", "b", "c", "c"] * 5)
    features = pd.DataFrame(
        {"x": np.arange(20.0), "y": pd.Series(["p", "q"] * 10, dtype=object)}, copy=False
    )
    part(np.arange(20), answers, Split(), seed=0)
    pipeline = Pipeline(
        [
            ("preprocess", preprocessor({"x": "number", "y": "string"}, Preprocessing())),
            ("estimator", logistic_regression.build({}, seed=0)),
        ]
    )
    with heard() as said:
        pipeline.fit(features, answers)
        score_profile(pipeline, features, "classification")
        score(metrics, pipeline.predict(features), answers)
    feature_profile(features)
    example(features)
    learned(pipeline, said)
    model_files.dump(pipeline, logistic_regression.allowed_types())


def score(metrics: dict[str, Metric], predicted: np.ndarray, truth: np.ndarray) -> None:
    """Compute the metrics of predictions once."""
    for name in ("precision", "recall", "f1", "accuracy", "confusion-matrix"):
        metrics[name].compute(truth, predicted)


warm()
