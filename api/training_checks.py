"""Whether a training that is asked for can be: checked against the catalog beforehand."""

from __future__ import annotations

import math
from typing import Any

from autolearn.api.bodies import TrainingBody
from autolearn.api.data import check_dataset, check_limits, task_of_target, wrong
from autolearn.api.problems import Problem, unknown
from autolearn.api.read_hints import check_accepted
from autolearn.api.sensitive import sensitive_in
from autolearn.projections.queries import May, Moment
from autolearn.schemas.bounds import cut
from autolearn.schemas.catalog import (
    CLASSIFICATION,
    CLUSTERING,
    REGRESSION,
    DatasetSpec,
    EstimatorSpec,
    check_hyperparameters,
)
from autolearn.schemas.commands import RequestTraining
from autolearn.schemas.settings import Settings
from autolearn.schemas.values import JsonValue, Preprocessing, Split

__all__ = ["request_training"]

LARGEST = 2**53
"""Integers beyond this are not the same number in every JSON reader (RFC 8259, section 6)."""


def request_training(
    run: str, body: TrainingBody, moment: Moment, settings: Settings, may: May
) -> RequestTraining:
    """Return the command for a training, with what was asked for and nothing filled in.

    `may` says which datasets may be used.

    Raises:
        Problem: the model, dataset or target is unknown, or they do not fit together.
    """
    offer = moment.model(body.model)
    if offer is None:
        names = [row.spec.name for row in moment.models()]
        raise unknown("model", body.model, names, "/v1/models", "#/model")
    model, data = offer.spec, check_dataset(moment, body.dataset, may)
    target, task = task_of_target(data, body.target)
    check_accepted(data, strict=settings.strict_data == "on")
    check_task(model, data, target, task, moment)
    faults = large(body.hyperparameters) or check_hyperparameters(model, body.hyperparameters)
    if faults:
        raise Problem(
            422,
            "invalid-hyperparameters",
            "The hyperparameters do not fit the model",
            "; ".join(faults) + ".",
            errors=[{"pointer": "#/hyperparameters", "detail": fault} for fault in faults],
        )
    if model.task != CLUSTERING:
        check_rows(body, data, target, task)
    time_limit, memory_limit = check_limits(body, settings)
    return RequestTraining(
        run=run,
        model=model.name,
        task=model.task,
        library_version=model.library_version,
        dataset=data.ref,
        target=target,
        schema_hash=data.schema_hash,
        hyperparameters=body.hyperparameters,
        split=Split(body.split.test, body.split.stratify),
        preprocessing=Preprocessing(**body.preprocessing.model_dump()),
        seed=body.seed,
        time_limit=time_limit,
        memory_limit=memory_limit,
        sensitive=sensitive_in(data),
        read=data.read,
    )


def check_task(
    model: EstimatorSpec, data: DatasetSpec, target: str | None, task: str | None, moment: Moment
) -> None:
    """Raise a problem unless the model learns what the target is."""
    if model.task not in (CLASSIFICATION, REGRESSION) or model.task == task:
        return
    if task is None:
        detail = (
            f"{model.name} learns a target, and {data.name} names none: choose one of its columns"
        )
        raise wrong("target-missing", "There is nothing to learn", {"#/target": detail})
    fitting = ", ".join(row.spec.name for row in moment.models() if row.spec.task == task)
    detail = (
        f"{model.name} is for {model.task}, but the target {target} of {data.name} makes it "
        f"{task}; for that there are {fitting or 'no models'}"
    )
    raise wrong("task-unfit", "The model does not fit the data", {"#/model": detail})


def check_rows(body: TrainingBody, data: DatasetSpec, target: str | None, task: str | None) -> None:
    """Raise a problem if the rows cannot be parted as asked."""
    held_out = math.ceil(body.split.test * data.rows)
    kept = data.rows - held_out
    fault = None
    if held_out < 1 or kept < 1:
        fault = f"{data.rows} rows cannot be parted into training and held-out rows"
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
        raise wrong("split-unfit", "The rows cannot be parted like that", {"#/split": fault})


def large(given: dict[str, Any]) -> list[str]:
    """Return what is wrong with integers that are too large for JSON, a sentence each."""
    return [
        f"{cut(name)} holds an integer beyond 2^53"
        for name, value in given.items()
        if beyond(value)
    ]


def beyond(value: JsonValue) -> bool:
    """Say whether a value holds an integer that is too large."""
    if isinstance(value, list):
        return any(beyond(item) for item in value)
    if isinstance(value, dict):
        return any(beyond(item) for item in value.values())
    return isinstance(value, int) and abs(value) > LARGEST
