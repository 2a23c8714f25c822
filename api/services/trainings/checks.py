"""Checks requests for trainings against the catalog."""

from __future__ import annotations

import math
from typing import Any

from msgspec.structs import replace

from autolearn.api.http.problems import Problem, unknown
from autolearn.api.services.trainings.columns import columns_of
from autolearn.api.services.trainings.memory import in_batches
from autolearn.api.services.trainings.preprocess import preprocessing_of
from autolearn.api.services.trainings.thresholds import threshold_in
from autolearn.api.shared.bodies import TrainingBody
from autolearn.api.shared.columns.sensitive_columns import sensitive_in
from autolearn.api.shared.dataset_checks import check_dataset, check_limits, wrong
from autolearn.api.shared.read_hints import check_accepted
from autolearn.projections.queries.decrypting_reader import May
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.bounds import cut
from autolearn.schemas.catalog import (
    CLASSIFICATION,
    CLUSTERING,
    MOST_CLASSES,
    REGRESSION,
    DatasetSpec,
    EstimatorSpec,
    check_hyperparameters,
    check_metrics,
    few_values,
    wants_extra,
)
from autolearn.schemas.commands import RequestTraining
from autolearn.schemas.settings import Settings
from autolearn.schemas.values import Column, JsonValue, RunId
from autolearn.schemas.workers.cluster import labels_for

_NUMBERS = ("integer", "number")
_LARGEST = 2**53
"""Integers beyond this are not the same number in every JSON reader (RFC 8259, section 6)."""


def request_training(
    run: RunId, body: TrainingBody, snapshot: Snapshot, settings: Settings, may: May
) -> RequestTraining:
    """Return the command for a training, with the requested values and no defaults.

    `may` says which datasets may be used.

    Raises:
        Problem: the estimator, dataset or target is unknown, or they do not fit together.
    """
    offer = snapshot.catalog.estimator(body.estimator)
    if offer is None:
        if lacking := wants_extra(body.estimator):
            detail = {"#/estimator": lacking}
            raise wrong("unknown-estimator", "The estimator is not installed", detail)
        names = [row.spec.name for row in snapshot.catalog.estimators()]
        raise unknown("estimator", body.estimator, names, "/v1/catalog/estimators", "#/estimator")
    estimator, data = offer.spec, check_dataset(snapshot, body.dataset, may)
    columns = columns_of(body, data, snapshot)
    column = columns.target
    target = None if column is None else column.name
    check_accepted(data, strict=settings.data.strict == "on")
    _check_task(estimator, data, column, body.task, snapshot)
    faults = _large(body.hyperparameters) or check_hyperparameters(estimator, body.hyperparameters)
    if faults:
        raise Problem(
            422,
            "invalid-hyperparameters",
            "The hyperparameters do not fit the estimator",
            "; ".join(faults) + ".",
            errors=[{"pointer": "#/hyperparameters", "detail": fault} for fault in faults],
        )
    if estimator.task != CLUSTERING and columns.split.kind == "random":
        _check_rows(body, data, target, estimator.task)
    if body.fold_metrics is not None and not columns.split.folds:
        fault = "they are measured on folds, and none are asked for: give split.folds, or evaluate"
        raise wrong("metric-unfit", "There are no folds", {"#/fold_metrics": fault})
    threshold = threshold_in(body, estimator, data, target, snapshot)
    limits = check_limits(body, settings.workers)
    limits = limits._replace(labels={**labels_for(estimator.name), **limits.labels})
    preprocessing = preprocessing_of(body.preprocessing, data, columns, estimator.task)
    batches = in_batches(
        body, estimator, data, columns, preprocessing, limits.memory_limit, snapshot
    )
    split = columns.split
    if batches and split.kind == "random":
        split = replace(split, by="hash")
    return RequestTraining(
        run=run,
        estimator=estimator.name,
        task=estimator.task,
        library_version=estimator.library_version,
        dataset=data.ref,
        target=target,
        schema_hash=data.schema_hash,
        hyperparameters=body.hyperparameters,
        split=split,
        preprocessing=preprocessing,
        seed=body.seed,
        **limits._asdict(),
        sensitive=sensitive_in(data),
        read=data.read,
        features=columns.features,
        left_out=columns.left_out,
        weight=columns.weight,
        fold_metrics=_fold_metrics(body, estimator, snapshot) if columns.split.folds else (),
        calibrate=body.calibrate,
        threshold=threshold,
        batches=batches,
    )


def _fold_metrics(body: TrainingBody, estimator: EstimatorSpec, found: Snapshot) -> tuple[str, ...]:
    """Return the metrics of the folds: the requested ones, or all scalar ones of the task.

    Raises:
        Problem: one is unknown or does not fit the task (422).
    """
    offers = {row.spec.name: row.spec for row in found.catalog.metrics()}
    if body.fold_metrics is None:
        fitting = (one for one in offers.values() if estimator.task in one.tasks)
        default = (one for one in fitting if one.by_default is not False)
        return tuple(one.name for one in default if one.result == "scalar")
    faults = check_metrics(estimator.task, body.fold_metrics, offers, estimator.name)
    faults += [
        f"{name} is no number: leave it out"
        for name in body.fold_metrics
        if name in offers and offers[name].result != "scalar"
    ]
    if faults:
        fault = {"#/fold_metrics": "; ".join(faults)}
        raise wrong("metric-unfit", "A metric does not fit the folds", fault)
    return tuple(dict.fromkeys(body.fold_metrics))


def _check_task(
    estimator: EstimatorSpec,
    data: DatasetSpec,
    target: Column | None,
    asked: str | None,
    found: Snapshot,
) -> None:
    """Raise a problem unless the estimator can learn the target; `asked` is the task."""
    if asked is not None and asked != estimator.task:
        detail = f"{estimator.name} is for {estimator.task}, not for {asked}{others(asked, found)}"
        raise wrong("task-unfit", "The estimator does not fit the task", {"#/task": detail})
    if estimator.task not in (CLASSIFICATION, REGRESSION):
        return
    if target is None:
        detail = (
            f"{estimator.name} learns a target, and {data.name} has none yet: say which of its "
            "columns that is"
        )
        raise wrong("target-missing", "There is nothing to learn", {"#/target": detail})
    if estimator.task == REGRESSION:
        fault = _regression_fault(target, data, found)
    else:
        fault = _classification_fault(target, data, asked, found)
    if fault is not None:
        detail = f"{estimator.name} is for {estimator.task}, but {fault}"
        raise wrong("task-unfit", "The estimator does not fit the data", {"#/estimator": detail})


def _regression_fault(target: Column, data: DatasetSpec, found: Snapshot) -> str | None:
    """Return why a target cannot be learned by regression; None if it can."""
    if target.type in _NUMBERS:
        return None
    kind, remedy = "true or false", "; if it should be numbers, write it as 1 and 0"
    if target.type == "string":
        kind = "text"
        remedy = (
            f"; if it should be numbers, dataset show {data.name} --findings says why it is not, "
            f"and dataset add --type {target.name}=number makes it so"
        )
    return (
        f"the target {target.name} of {data.name} is {kind}, which makes it classification, and "
        f"regression wants numbers{others(CLASSIFICATION, found)}{remedy}"
    )


def _classification_fault(
    target: Column, data: DatasetSpec, asked: str | None, found: Snapshot
) -> str | None:
    """Return why a target cannot be learned by classification; None if it can."""
    distinct = target.distinct
    many = "more different values than are counted" if distinct is None else f"{distinct:,}"
    what = f"the target {target.name} of {data.name} has {many}"
    if distinct is None or distinct > MOST_CLASSES:
        what += "" if distinct is None else " different values"
        return f"{what}, and at most {MOST_CLASSES:,} can be classes{others(REGRESSION, found)}"
    few = few_values(distinct, data.rows - target.missing)
    if target.type not in _NUMBERS or few or asked == CLASSIFICATION:
        return None
    return (
        f"{what} different numbers, which makes it regression: if they are classes, use "
        f'--task classification ("task" in REST and Python){others(REGRESSION, found)}'
    )


def others(task: str, found: Snapshot) -> str:
    """Return the estimators of a task."""
    names = ", ".join(row.spec.name for row in found.catalog.estimators() if row.spec.task == task)
    return f"; for {task} there are {names or 'no estimators'}"


def _check_rows(body: TrainingBody, data: DatasetSpec, target: str | None, task: str) -> None:
    """Raise a problem if the rows cannot be split as requested."""
    held_out = math.ceil(body.split.test * data.rows)
    kept = data.rows - held_out
    fault = None
    if held_out < 1 or kept < 1:
        fault = f"{data.rows} rows cannot be split into training and held-out rows"
    elif task == CLASSIFICATION and body.split.stratify and target == data.target and data.classes:
        smallest = min(data.classes, key=lambda label: data.classes[label])
        if data.classes[smallest] < 2:
            fault = (
                f"the class {smallest} has one row only, so it cannot be in both parts: give it "
                "more rows, or split without stratify"
            )
        elif min(held_out, kept) < len(data.classes):
            fault = (
                f"a part of {min(held_out, kept)} rows cannot hold all {len(data.classes)} "
                "classes: choose another fraction, or split without stratify"
            )
    if fault is not None:
        raise wrong("split-unfit", "The rows cannot be split like that", {"#/split": fault})


def _large(given: dict[str, Any]) -> list[str]:
    """Return the faults of integers that are too large for JSON, a sentence each."""
    return [
        f"{cut(name)} holds an integer beyond 2^53"
        for name, value in given.items()
        if _beyond(value)
    ]


def _beyond(value: JsonValue) -> bool:
    if isinstance(value, list):
        return any(_beyond(item) for item in value)
    if isinstance(value, dict):
        return any(_beyond(item) for item in value.values())
    return isinstance(value, int) and abs(value) > _LARGEST
