"""Checks requests for studies against the catalog."""

from __future__ import annotations

from collections.abc import Sequence

from autolearn.api.http.problems import Problem, unknown
from autolearn.api.services.trainings.checks import request_training
from autolearn.api.services.trainings.columns import columns_of
from autolearn.api.shared.bodies import DimensionBody, StudyBody, TrainingBody
from autolearn.api.shared.dataset_checks import check_dataset, has_dataset, wrong
from autolearn.projections.queries.decrypting_reader import May
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.bounds import SESSION_RUNS
from autolearn.schemas.catalog import (
    BASELINES,
    CLASSIFICATION,
    REGRESSION,
    EstimatorSpec,
    check_hyperparameters,
    check_metrics,
    few_values,
    wants_extra,
)
from autolearn.schemas.commands import RequestStudy, RequestTraining
from autolearn.schemas.settings import Settings
from autolearn.schemas.studies.search import MOST_PARALLEL, MOST_TRIALS, Dimension, StudyCandidate
from autolearn.schemas.values import RunId, SessionId
from autolearn.schemas.workers.cluster import needs_cluster

_ALL = "all"
"""In place of an estimator: every one of the task."""
_METRICS = {CLASSIFICATION: "accuracy", REGRESSION: "r2"}
"""What trials are compared by without a metric: scikit-learn's own `score`."""
_FOLDS = 5
_TRIALS = 50
_UNFIT = "The hyperparameters do not fit"
_SHARED = {*RequestTraining.__struct_fields__} & {*RequestStudy.__struct_fields__}
_OF_TRIALS = _SHARED - {"max_attempts"}
_ATTEMPTS = 20
"""Workers that a study may lose: it goes on where it was."""


def known_in(body: StudyBody, now: Snapshot, may: May) -> bool:
    """Return whether what a body names is known in a snapshot."""
    named = body.estimator == _ALL or now.catalog.estimator(body.estimator) is not None
    return named and has_dataset(now, body.dataset, may)


def request_study(
    run: RunId,
    session: SessionId,
    body: StudyBody,
    snapshot: Snapshot,
    settings: Settings,
    may: May,
    slots: int,
) -> RequestStudy:
    """Return the command for a study. `slots` are those of all workers.

    Raises:
        Problem: as for a training; or there is nothing to tune, or the metric does not fit (422).
    """
    specs = _candidates(body, snapshot, may)
    metric, maximize = _metric(body, specs, snapshot)
    metrics = list(dict.fromkeys([metric, *(body.fold_metrics or ())]))
    trials = [
        request_training(run, _trial_of(body, one.name, metrics), snapshot, settings, may)
        for one in specs
    ]
    first, most = trials[0], body.trials or (_TRIALS if body.budget is None else MOST_TRIALS)
    _check_room(snapshot, session, most if body.trials else len(specs))
    return RequestStudy(
        candidates=tuple(
            StudyCandidate(one.name, one.library_version, body.hyperparameters, _space(body, one))
            for one in specs
        ),
        metric=metric,
        maximize=maximize,
        sampler=body.sampler,
        trials=most,
        budget=body.budget,
        prune=body.prune,
        parallel=body.parallel or min(slots + 1, MOST_PARALLEL),
        max_attempts=_ATTEMPTS,
        **{name: getattr(first, name) for name in _OF_TRIALS},
    )


def _trial_of(body: StudyBody, estimator: str, metrics: list[str]) -> TrainingBody:
    """Return the body of a trial with the defaults of an estimator."""
    folds = body.split.folds or _FOLDS
    split = body.split.model_copy(update={"folds": folds})
    about = {"estimator": estimator, "split": split, "fold_metrics": metrics}
    given = {name: getattr(body, name) for name in TrainingBody.model_fields}
    return TrainingBody.model_construct(**(given | about))


def _candidates(body: StudyBody, snapshot: Snapshot, may: May) -> list[EstimatorSpec]:
    """Return the estimators that are tried: the named one, or all of the task.

    Raises:
        Problem: there is nothing to tune; or single hyperparameters are given for all of them.
    """
    if body.estimator == _ALL:
        if body.hyperparameters or body.space:
            fault = "hyperparameters are those of one estimator: name it in place of all"
            pointer = "#/hyperparameters" if body.hyperparameters else "#/space"
            raise wrong("invalid-hyperparameters", _UNFIT, {pointer: fault})
        task = _task_of(body, snapshot, may)
        specs = [row.spec for row in snapshot.catalog.estimators() if row.spec.task == task]
        left_out = [one for one in specs if one.name in BASELINES or needs_cluster(one.name)]
        return [one for one in specs if one not in left_out]
    offer = snapshot.catalog.estimator(body.estimator)
    if offer is None:
        if lacking := wants_extra(body.estimator):
            raise wrong("unknown-estimator", "It is not installed", {"#/estimator": lacking})
        names = [_ALL, *(row.spec.name for row in snapshot.catalog.estimators())]
        raise unknown("estimator", body.estimator, names, "/v1/catalog/estimators", "#/estimator")
    spec = offer.spec
    if spec.task not in _METRICS:
        fault = f"{spec.name} is for {spec.task}, which has no answers to compare trials by"
        raise wrong("nothing-to-tune", "That cannot be tuned", {"#/estimator": fault})
    if not _space(body, spec):
        fault = f"{spec.name} has no hyperparameter to tune: train it, or give a space"
        raise wrong("nothing-to-tune", "There is nothing to tune", {"#/estimator": fault})
    return [spec]


def _task_of(body: StudyBody, snapshot: Snapshot, may: May) -> str:
    """Return the task of a dataset's target. Raises a problem if there is none."""
    if body.task is not None:
        return body.task
    data = check_dataset(snapshot, body.dataset, may)
    target = columns_of(_trial_of(body, _ALL, []), data, snapshot).target
    if target is None:
        fault = f"{data.name} names no target: choose one of its columns"
        raise wrong("target-missing", "There is nothing to learn", {"#/target": fault})
    if target.name == data.target and data.task is not None:
        return data.task
    few = few_values(target.distinct, data.rows - target.missing)
    return REGRESSION if target.type in ("integer", "number") and not few else CLASSIFICATION


def _space(body: StudyBody, spec: EstimatorSpec) -> dict[str, Dimension]:
    """Return the space of an estimator: its own, or the given one.

    Raises:
        Problem: a value does not fit its hyperparameter (422).
    """
    given = {name: _dimension(one) for name, one in body.space.items()}
    faults: list[str] = []
    for name, one in given.items():
        for value in one.choices or (one.low, one.high):
            value = int(value) if one.integer and not one.choices else value
            faults += check_hyperparameters(spec, {name: value})
    if faults:
        raise wrong("invalid-hyperparameters", _UNFIT, {"#/space": "; ".join(faults)})
    found = given or spec.space or {}
    return {name: one for name, one in found.items() if name not in body.hyperparameters}


def _dimension(body: DimensionBody) -> Dimension:
    """Return a dimension of a body. Raises a problem of one that has no values."""
    if body.choices is not None:
        return Dimension(choices=tuple(body.choices))
    low, high = body.low, body.high
    fault = None
    if low is None or high is None:
        fault = "give choices, or low and high"
    elif not low < high:
        fault = f"low is {low:g}, which is not below high, {high:g}"
    elif body.log and low <= 0:
        fault = f"low is {low:g}, and has no logarithm"
    if fault is not None or low is None or high is None:
        raise wrong("invalid-hyperparameters", _UNFIT, {"#/space": fault or ""})
    integer = isinstance(low, int) and isinstance(high, int)
    return Dimension(low=float(low), high=float(high), integer=integer, log=body.log)


def _metric(
    body: StudyBody, specs: Sequence[EstimatorSpec], snapshot: Snapshot
) -> tuple[str, bool]:
    """Return the metric that compares trials, and whether greater is better.

    Raises:
        Problem: it does not fit (422).
    """
    offers = {row.spec.name: row.spec for row in snapshot.catalog.metrics()}
    name, one = body.metric or _METRICS[specs[0].task], specs[0].name if len(specs) == 1 else _ALL
    faults = check_metrics(specs[0].task, [name], offers, one)
    offer = offers.get(name)
    if offer is not None and (offer.result != "scalar" or offer.greater_is_better is None):
        faults.append(f"{name} says of two trials not which is better")
    if faults or offer is None:
        fault = "; ".join(faults) or f"{name} is of one class: name the metric alone"
        raise wrong("metric-unfit", "The metric does not fit", {"#/metric": fault})
    return name, offer.greater_is_better is True


def _check_room(snapshot: Snapshot, session: SessionId, trials: int) -> None:
    """Raise a problem if a session cannot have so many more runs (and the study and its end)."""
    there = snapshot.sessions.runs(session)
    if there + trials + 2 > SESSION_RUNS:
        raise Problem(
            409,
            "too-many-runs",
            "The session cannot have so many runs",
            f"The session has {there:,} runs, and none may have more than {SESSION_RUNS:,}: ask "
            "for fewer trials, or commit it and go on in a new one.",
        )
