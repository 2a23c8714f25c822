"""Studies of a session, which search for hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.pages import Pages, listing
from autolearn.client.sdk.handles.run_methods import Data, Wait, seconds_of_wait, waiting
from autolearn.client.sdk.handles.studies import AsyncStudyHandle, StudyHandle
from autolearn.client.sdk.operation import Either, either, operation
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.work.work_methods import WorkMethods, ended, path_of
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.runs import Study
from autolearn.schemas.rest.sessions import SessionSummary
from autolearn.schemas.values import ColumnRole, RunStatus


class TuneMethods(WorkMethods[SessionSummary]):
    """Studies of a session."""

    @operation
    def tune(
        self,
        estimator: str,
        dataset: Data,
        *,
        trials: int | None = None,
        budget: float | None = None,
        metric: str | None = None,
        sampler: str | None = None,
        prune: bool | None = None,
        parallel: int | None = None,
        space: Mapping[str, Any] | None = None,
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
        seed: int | None = None,
        time_limit: float | None = None,
        memory_limit: int | None = None,
        labels: Mapping[str, str] | None = None,
        wait: Wait = True,
        raise_on_failure: bool = True,
        key: str | None = None,
    ) -> Flow[Either[StudyHandle, AsyncStudyHandle]]:
        """Search for the best hyperparameters of an estimator, or of "all" of the task.

        Each trial is a training, cross-validated on the training rows (5 folds, if the `split` has
        none) and compared by the mean of `metric` (accuracy or r2). The first trials have the
        defaults. There are at most `trials` of them (50), or as many as `budget` seconds allow.
        The `sampler` is tpe, random or grid; with `prune`, trials end early whose folds are worse
        than the median of others. `parallel` bounds the trials at a time.

        The `space` is {"C": {"low": 0.1, "high": 10, "log": True}, "penalty": {"choices": [...]}};
        without it the estimator's own. `hyperparameters` are fixed ones. The other arguments are
        those of `train`, for each trial.

        Raises:
            TimedOut: it has not ended after `wait` seconds; it goes on.
            StudyFailed: it failed or was cancelled, unless `raise_on_failure` is off.
        """
        body = {
            "estimator": estimator,
            "dataset": dataset,
            "trials": trials,
            "budget": budget,
            "metric": metric,
            "sampler": sampler,
            "prune": prune,
            "parallel": parallel,
            "space": space,
            "target": target,
            "task": task,
            "features": features,
            "drop": drop,
            "roles": roles,
            "hyperparameters": hyperparameters,
            "split": split,
            "fold_metrics": fold_metrics,
            "preprocessing": preprocessing,
            "calibrate": calibrate,
            "threshold": threshold,
            "seed": seed,
            "time_limit": time_limit,
            "memory_limit": memory_limit,
            "labels": labels,
        }
        limit = seconds_of_wait(wait)
        call = Call("POST", f"{path_of(self)}/studies", Study, body=body, key=key)
        made = self._as_study((yield from ask(waiting(call, limit))))
        yield from ended(made, limit, raise_on_failure=raise_on_failure)
        return made

    @operation
    def study(self, run: str) -> Flow[Either[StudyHandle, AsyncStudyHandle]]:
        """Get a study by its id, or the start of it."""
        found = yield from self._owner.ask(
            lambda at: ask(Call("GET", f"{at}/studies/{segment(run)}", Study))
        )
        return self._as_study(found)

    @listing
    def studies(
        self, *, status: RunStatus | None = None, limit: int | None = None, as_of: str | None = None
    ) -> Pages[StudyHandle, AsyncStudyHandle]:
        """List the studies in the order of their requests, at most `limit`."""
        query = {"status": status, "as_of": as_of}
        return Pages(
            Call("GET", f"{path_of(self)}/studies", Page[Study], query), self._as_study, limit
        )

    def _as_study(self, data: Study) -> Either[StudyHandle, AsyncStudyHandle]:
        return either(self, StudyHandle, AsyncStudyHandle, self._http, self._owner, data)
