"""Trainings of a session, one or many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from autolearn.client.sdk.errors import BadArgument, Problem
from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.again import evaluation_again, settings_again
from autolearn.client.sdk.handles.grid import Candidate, Grid, expanded
from autolearn.client.sdk.handles.run_methods import Data, Wait, seconds_of_wait, waiting
from autolearn.client.sdk.handles.runs import (
    AsyncTrainingHandle,
    TrainingHandle,
    every,
    require_metrics,
)
from autolearn.client.sdk.handles.training_group import AsyncTrainingGroup, TrainingGroup
from autolearn.client.sdk.operation import Either, begun, either, operation
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.work.work_methods import WorkMethods, ended, path_of
from autolearn.schemas.catalog import BASELINES
from autolearn.schemas.rest.catalog import CatalogEstimator, Dataset
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.runs import Evaluation, Training
from autolearn.schemas.rest.sessions import SessionSummary
from autolearn.schemas.values import ColumnRole


class TrainMethods(WorkMethods[SessionSummary]):
    """Trainings of a session."""

    @operation
    def train(
        self,
        estimator: str,
        dataset: Data,
        *,
        target: str | None = None,
        task: str | None = None,
        features: Sequence[str] | None = None,
        drop: Sequence[str] | None = None,
        roles: Mapping[str, ColumnRole] | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        split: Mapping[str, Any] | None = None,
        fold_metrics: Sequence[str] | None = None,
        preprocessing: Mapping[str, Any] | None = None,
        calibrate: str | None = None,
        threshold: str | float | None = None,
        batches: bool | None = None,
        seed: int | None = None,
        time_limit: float | None = None,
        memory_limit: int | None = None,
        labels: Mapping[str, str] | None = None,
        metrics: Sequence[str] | None = None,
        positive: str | bool | int | None = None,
        wait: Wait = True,
        raise_on_failure: bool = True,
        key: str | None = None,
    ) -> Flow[Either[TrainingHandle, AsyncTrainingHandle]]:
        """Train an estimator, and wait for its end: `wait` seconds at most, or not at all.

        The `task` is the estimator's; "classification" makes many different numbers classes. It
        learns from `features`; without them from all columns but those to `drop`, those whose role
        is another, and those that tell nothing (ids, constants), which `left_out` of the answer
        names. `roles` come before those of the dataset. The `split` is {"test": fraction,
        "stratify": bool, "by": random|time|group|column|hash, "column": name, "folds": number}; the
        folds of a cross-validation are scored by `fold_metrics`, by default by `metrics`. The
        `preprocessing` is {"impute": "mean", "columns": {"age": {"scale": "none"}}, …}, with the
        names of docs/preprocessing.md.

        `calibrate` ("sigmoid" or "isotonic") makes probabilities what they say; the `threshold` is
        a probability, as 0.3 or "0.3:yes", or chosen by a metric, as "f1:yes". The `labels` are
        what its worker must have: {"gpu": "1"}; without one it waits. With `batches` the dataset is
        read, and learned from, some rows at a time (docs/data.md); by default if all rows at
        once need more memory than the limit, and the estimator can.

        An evaluation by `metrics` follows, of the class `positive` if one is named: `results` has
        what they gave.

        Raises:
            BadArgument: a metric does not exist, or does not fit the estimator.
            TimedOut: it has not ended after `wait` seconds; it goes on.
            TrainingFailed, EvaluationFailed: it failed or was cancelled, unless `raise_on_failure`
                is off.
        """
        if metrics is not None:
            path = f"/v1/catalog/estimators/{segment(estimator)}"
            offer = yield from ask(Call("GET", path, CatalogEstimator))
            yield from require_metrics({offer.task}, metrics)
        body = {
            "estimator": estimator,
            "dataset": dataset,
            "target": target,
            "task": task,
            "features": features,
            "drop": drop,
            "roles": roles,
            "hyperparameters": hyperparameters,
            "split": split,
            "fold_metrics": fold_metrics or (metrics if (split or {}).get("folds") else None),
            "preprocessing": preprocessing,
            "calibrate": calibrate,
            "threshold": threshold,
            "batches": batches,
            "seed": seed,
            "time_limit": time_limit,
            "memory_limit": memory_limit,
            "labels": labels,
        }
        limit = seconds_of_wait(wait)
        call = Call("POST", f"{path_of(self)}/trainings", Training, body=body, key=key)
        made = self._as_training((yield from ask(waiting(call, limit))))
        then = None if metrics is None else {"metrics": metrics, "positive": positive}
        yield from ended(made, limit, then, raise_on_failure=raise_on_failure)
        return made

    @operation
    def train_again(
        self,
        training: TrainingHandle | AsyncTrainingHandle,
        dataset: Data | None = None,
        *,
        wait: Wait = True,
        raise_on_failure: bool = True,
        key: str | None = None,
    ) -> Flow[Either[TrainingHandle, AsyncTrainingHandle]]:
        """Ask for the same training in this session: by default of the newest version of its data.

        It has the same features, settings and seed, and is measured by the same metrics if it was
        measured on its held-out rows. `wait` as in `train`.

        Raises:
            Problem: the data lack a column, or are not there any more.
            TimedOut, TrainingFailed, EvaluationFailed: as `train`.
        """
        recorded = training.data
        path = f"/v1/catalog/datasets/{segment(recorded.dataset.name)}"
        version = {"version": recorded.dataset.version}
        columns = (yield from ask(Call("GET", path, Dataset, version))).columns
        settings = settings_again(recorded, (column.name for column in columns))
        evaluations = yield from training._owner.ask(
            lambda at: every(f"{at}/evaluations", Page[Evaluation], {})
        )
        train = vars(TrainMethods)["train"].flow
        data = recorded.dataset.name if dataset is None else dataset
        made: Any = yield from begun(
            train, self, recorded.estimator, data, wait=False, key=key, **settings
        )
        then, limit = evaluation_again(evaluations, recorded.id), seconds_of_wait(wait)
        yield from ended(made, limit, then, raise_on_failure=raise_on_failure)
        again: Either[TrainingHandle, AsyncTrainingHandle] = made
        return again

    @operation
    def train_many(
        self,
        estimators: Grid,
        dataset: Data,
        /,
        *,
        metrics: Sequence[str] | None = None,
        positive: str | bool | int | None = None,
        baseline: bool = True,
        wait: Wait = True,
        progress: bool = True,
        **settings: Any,
    ) -> Flow[Either[TrainingGroup, AsyncTrainingGroup]]:
        """Train several estimators at once, and wait for their ends with one progress bar.

        {"svm": {"C": [0.1, 1]}, "random-forest": {}} is three trainings: a list of hyperparameters
        is a grid (a tuple is one value). Each is evaluated by `metrics`. The `baseline` of the task
        is one training more. `settings` are those of `train`, the same for all. Trainings that fail
        are in `failed` of the result, and raise nothing.

        Raises:
            BadArgument: a metric does not exist or fit; or there are more than 1,000 trainings.
            Problem: one is refused, and none is trained.
            TimedOut: some have not ended after `wait` seconds; they go on.
        """
        if "hyperparameters" in settings:
            raise BadArgument("Hyperparameters are given by estimator: {'svm': {'C': 1}}.")
        candidates = expanded(estimators)
        known = (
            yield from ask(Call("GET", "/v1/catalog/estimators", Page[CatalogEstimator]))
        ).items
        tasks = {one.task for one in known if one.name in {named.estimator for named in candidates}}
        if metrics is not None:
            yield from require_metrics(tasks, metrics)
        if baseline:
            names = [one.name for one in known if one.name in BASELINES and one.task in tasks]
            there = {named.estimator for named in candidates}
            candidates += [Candidate(name, {}) for name in names if name not in there]
        if (settings.get("split") or {}).get("folds"):
            settings = {"fold_metrics": metrics, **settings}
        runs: list[Any] = []
        train = vars(TrainMethods)["train"].flow
        if len(candidates) > 1:  # none is trained unless all can be
            for one in candidates:
                given = {"hyperparameters": one.hyperparameters or None, **settings}
                begun(train, self, one.estimator, dataset, **given).close()  # or a TypeError
                body = {"estimator": one.estimator, "dataset": dataset, **given}
                body.pop("raise_on_failure", None)
                at = f"{path_of(self)}/trainings"
                yield from ask(Call("POST", at, CommandState, {"dry_run": True}, body))
        try:
            for one in candidates:
                given = {"hyperparameters": one.hyperparameters or None, **settings}
                run = yield from begun(train, self, one.estimator, dataset, wait=False, **given)
                run._then = None if metrics is None else {"metrics": metrics, "positive": positive}
                runs.append(run)
        except Exception:
            for run in runs:
                with suppress(Problem):  # it may have ended
                    yield from run._cancelled()
            raise
        kinds = TrainingGroup, AsyncTrainingGroup
        made = either(self, *kinds, self._http, self._owner, runs, metrics or ())
        yield from _all_ended(made, seconds_of_wait(wait), progress=progress)
        return made


def _all_ended(group: Any, limit: float | None, *, progress: bool) -> Flow[None]:
    """Wait for the ends of several trainings, if that is wanted."""
    if limit is not None:
        yield from group._until_ended(limit, progress=progress)
