"""Checks the calibration and the threshold of a request for a training."""

from __future__ import annotations

from collections.abc import Iterable

from autolearn.api.shared.bodies import TrainingBody
from autolearn.api.shared.columns.sensitive_columns import sensitive_in
from autolearn.api.shared.dataset_checks import wrong
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.catalog import (
    CLASSIFICATION,
    DatasetSpec,
    EstimatorSpec,
    MetricSpec,
    check_metrics,
    threshold_parts,
)


def threshold_in(
    body: TrainingBody,
    estimator: EstimatorSpec,
    data: DatasetSpec,
    target: str | None,
    now: Snapshot,
) -> str | None:
    """Return the threshold of a request, such as 0.3:yes or f1:yes, if it has one.

    Raises:
        Problem: it, or the calibration, does not fit the estimator or the target (422).
    """
    if estimator.task != CLASSIFICATION:
        for name in ("calibrate", "threshold"):
            if getattr(body, name) is not None:
                fault = f"it is for classification, and {estimator.name} is for {estimator.task}"
                raise wrong("threshold-unfit", "There are no probabilities", {f"#/{name}": fault})
    if body.threshold is None:
        return None
    given = str(body.threshold)
    if (
        threshold_parts(given)[1] is None
        and target == data.target
        and data.positive in data.classes
    ):
        given = f"{given}:{data.positive}"
    if fault := _fault(given, estimator, data, target, now):
        raise wrong("threshold-unfit", "The threshold does not fit", {"#/threshold": fault})
    return given


def _fault(
    given: str, estimator: EstimatorSpec, data: DatasetSpec, target: str | None, now: Snapshot
) -> str:
    """Return why a threshold does not fit; nothing if it does."""
    wanted, of_class = threshold_parts(given)
    classes = sorted(data.classes) if target == data.target else []
    if classes and len(classes) != 2:
        return f"a threshold is between two classes, and {target} has {len(classes)}"
    if of_class is not None and target in sensitive_in(data):
        return f"the target {target} is sensitive, so none of its classes is named"
    if of_class is not None and classes and of_class not in classes:
        return f"{target} has no class {cut(of_class)!r}; its classes are {listed(classes)}"
    if isinstance(wanted, float):
        if 0 < wanted < 1:
            return ""
        return f"a probability is between 0 and 1; got {given}"
    specs = {row.spec.name: row.spec for row in now.catalog.metrics()}
    faults = check_metrics(estimator.task, [given], specs, estimator.name)
    if not faults and not _chooses(specs[wanted]):
        able = sorted(one.name for one in _of_task(specs.values()) if _chooses(one))
        return f"{wanted} chooses no threshold: choose from {', '.join(able)}"
    return "; ".join(faults)


def _of_task(specs: Iterable[MetricSpec]) -> list[MetricSpec]:
    return [one for one in specs if CLASSIFICATION in one.tasks]


def _chooses(metric: MetricSpec) -> bool:
    """Return whether a metric is a number of predictions of which more, or less, is better."""
    scalar = metric.result == "scalar" and metric.greater_is_better is not None
    return scalar and metric.needs == "prediction"
