"""The kinds of work of a run's own process: those of `WORK`, and more."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.datasets.builtin import bundled
from autolearn.ml.environment import environment_now
from autolearn.ml.errors import InputError, quietly
from autolearn.ml.evaluation.compare_models import compare
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.plugins import load_estimators, load_metrics, load_steps
from autolearn.ml.prediction.predict import predict
from autolearn.ml.results import CatalogResult, ComparisonResult
from autolearn.ml.run_step import run_step
from autolearn.ml.task_kind import Kind
from autolearn.ml.training.train import train
from autolearn.schemas.bounds import LARGEST_RESULT
from autolearn.schemas.events import (
    EvaluationRequested,
    PredictionRequested,
    StepRequested,
    TrainingRequested,
)
from autolearn.schemas.reports.retrain import Comparison
from autolearn.schemas.results import EvaluationResult, PredictionResult, StepResult, TrainingResult
from autolearn.schemas.values import JsonValue

Report = Callable[[str], None]
R = TypeVar("R", TrainingResult, EvaluationResult, PredictionResult, StepResult)


def training(request: bytes, store: Artifacts, report: Report) -> TrainingResult:
    """Train; the request is a TrainingRequested."""
    asked = msgspec.json.decode(request, type=TrainingRequested)
    with quietly(asked.sensitive):
        return bounded(train(asked, store, report))


def _evaluation(request: bytes, store: Artifacts, report: Report) -> EvaluationResult:
    """Evaluate; the request is an EvaluationRequested."""
    asked = msgspec.json.decode(request, type=EvaluationRequested)
    with quietly(asked.sensitive):
        return bounded(lightened(evaluate(asked, store, report), asked.optional))


def _prediction(request: bytes, store: Artifacts, report: Report) -> PredictionResult:
    """Predict; the request is a PredictionRequested."""
    asked = msgspec.json.decode(request, type=PredictionRequested)
    with quietly(asked.sensitive):
        return bounded(predict(asked, store, report))


def _step(request: bytes, store: Artifacts, report: Report) -> StepResult:
    """Run a step's function; the request is a StepRequested."""
    return bounded(run_step(msgspec.json.decode(request, type=StepRequested), store, report))


def lightened(result: EvaluationResult, optional: Collection[str]) -> EvaluationResult:
    """Drop the largest optional metrics, and plots, from a result that is too large with them."""
    kept = {"results": dict(result.results), "plot_data": dict(result.plot_data)}
    left_out = dict(result.left_out)
    sizes = {
        (part, name): len(msgspec.json.encode(value))
        for part, values in kept.items()
        for name, value in values.items()
        if part == "plot_data" or name in optional
    }
    while sizes and len(msgspec.json.encode(result)) > LARGEST_RESULT // 2:
        part, name = max(sizes, key=lambda one: sizes[one])
        left_out[name] = (
            f"it has {sizes.pop((part, name)):,} bytes, and with it the result is too large for "
            "the log"
        )
        del kept[part][name]
        result = replace(result, **kept, left_out=left_out)
    return result


def bounded(result: R) -> R:
    """Check that a result fits on the log. Raises InputError."""
    size = len(msgspec.json.encode(result))
    if size > LARGEST_RESULT:
        raise InputError(
            f"the result has {size:,} bytes, and at most {LARGEST_RESULT:,} are kept on the log",
            advice="Use data with fewer columns or classes, or leave out the metric that is large.",
        )
    return result


def catalog(request: bytes, store: Artifacts, report: Report) -> CatalogResult:
    """Load the whole catalog, and store the bundled datasets.

    Estimators that learn on a cluster are loaded if the request is `true`.
    """
    report("loading")
    estimators = load_estimators(cluster=request == b"true")
    metrics, steps = load_metrics(), load_steps()
    report("storing")
    return CatalogResult(
        estimators=tuple(one.spec() for one in estimators.found.values()),
        metrics=tuple(one.spec() for one in metrics.found.values()),
        datasets=tuple(bundled(store)),
        problems=estimators.problems + metrics.problems + steps.problems,
        steps=tuple(one.spec() for one in steps.found.values()),
    )


def _comparison(request: bytes, store: Artifacts, report: Report) -> ComparisonResult:
    """Compare two artifacts; the request is a Comparison."""
    return compare(msgspec.json.decode(request, type=Comparison), store, report)


def environment(request: bytes, _store: Artifacts, _report: Report) -> dict[str, JsonValue]:
    """Return the environment of runs here; the request is a list of libraries."""
    return environment_now(msgspec.json.decode(request, type=list[str]))


KINDS: dict[str, Kind] = {
    "training": training,
    "evaluation": _evaluation,
    "prediction": _prediction,
    "step": _step,
    "catalog": catalog,
    "comparison": _comparison,
    "environment": environment,
}
