"""Sessions and experiments, for both clients."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from msgspec.structs import replace

from autolearn.client.sdk.flows import Call, Flow, ask, fetch
from autolearn.client.sdk.operation import operation
from autolearn.client.sdk.paths import segment
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.experiments import (
    DeletedExperiment,
    ExperimentOverview,
    ExperimentSummary,
)
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.runs import Artifact, Evaluation, Training
from autolearn.schemas.rest.sessions import Discarded, Reader, SessionOverview, SessionSummary
from autolearn.schemas.values import ColumnRole, RunStatus


class SessionWithRuns(SessionOverview, kw_only=True, frozen=True):
    """An open session with all its runs, of which `sessions.open` returns none."""

    trainings: list[Training] = []
    evaluations: list[Evaluation] = []


class ExperimentWithRuns(ExperimentOverview, kw_only=True, frozen=True):
    """An experiment with all the runs that it keeps."""

    trainings: list[Training] = []
    evaluations: list[Evaluation] = []


R = TypeVar("R", Training, Evaluation)

_LONGEST_WAIT = 300.0
"""Seconds for which one request may wait; longer waits are several requests."""
Data = str | Mapping[str, str]
"""A dataset: its name, NAME@VERSION, or {"name": …, "version": …}, also the start of a version."""


class Sessions:
    """The open sessions."""

    @operation
    def open(
        self, title: str = "", *, expires: float | None = None, key: str | None = None
    ) -> Flow[SessionWithRuns]:
        """Open a session. `key` makes a repetition by another process safe.

        It expires when it is unused for `expires` days, 0: never; None: the system's default.
        """
        body = {"title": title} if expires is None else {"title": title, "expires": expires}
        return ask(Call("POST", "/v1/sessions", SessionWithRuns, body=body, key=key))

    @operation
    def list(
        self, *, limit: int | None = None, page: str | None = None, as_of: str | None = None
    ) -> Flow[Page[SessionSummary]]:
        """List the open sessions, newest first."""
        query = {"limit": limit, "page": page, "as_of": as_of}
        return ask(Call("GET", "/v1/sessions", Page[SessionSummary], query))


class Experiments:
    """The committed sessions."""

    @operation
    def list(
        self, *, limit: int | None = None, page: str | None = None, as_of: str | None = None
    ) -> Flow[Page[ExperimentSummary]]:
        """List the experiments, the newest commit first."""
        query = {"limit": limit, "page": page, "as_of": as_of}
        return ask(Call("GET", "/v1/experiments", Page[ExperimentSummary], query))

    @operation
    def get(self, experiment: str, *, as_of: str | None = None) -> Flow[ExperimentWithRuns]:
        """Return an experiment with all its runs, which may take many requests."""
        at = f"/v1/experiments/{segment(experiment)}"
        return _whole(Call("GET", at, ExperimentWithRuns, {"as_of": as_of}))

    @operation
    def overview(self, experiment: str) -> Flow[ExperimentOverview]:
        """Return an experiment without its runs, of which it has the counts: one request."""
        return ask(Call("GET", f"/v1/experiments/{segment(experiment)}", ExperimentOverview))

    @operation
    def artifact(self, experiment: str, training: str) -> Flow[Artifact]:
        """List the files of an artifact."""
        at = f"/v1/experiments/{segment(experiment)}/trainings/{segment(training)}"
        return ask(Call("GET", f"{at}/artifact", Artifact))

    @operation
    def download(self, experiment: str, training: str, folder: Path | str) -> Flow[Artifact]:
        """Fetch the files of an artifact into a folder, each checked by its hash."""
        at = f"/v1/experiments/{segment(experiment)}/trainings/{segment(training)}"
        return _download(f"{at}/artifact", Path(folder))

    @operation
    def delete(self, experiment: str) -> Flow[DeletedExperiment]:
        """Delete an experiment: none of it can be read any more."""
        return ask(Call("POST", f"/v1/experiments/{segment(experiment)}/delete", DeletedExperiment))


class OneSession:
    """One session. `id` is its own."""

    id: str

    @operation
    def get(self, *, as_of: str | None = None) -> Flow[SessionWithRuns]:
        """Return the session with its runs and their progress; or its state at a point.

        A point is a position's token or a time, RFC 3339 with a zone, here and elsewhere. All runs
        may take many requests: `trainings` and `evaluations` return a page.
        """
        return _whole(Call("GET", _at(self), SessionWithRuns, {"as_of": as_of}))

    @operation
    def overview(self) -> Flow[SessionOverview]:
        """Return the session without its runs, of which it has the counts: one request."""
        return ask(Call("GET", _at(self), SessionOverview))

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
        preprocessing: Mapping[str, str] | None = None,
        seed: int | None = None,
        time_limit: float | None = None,
        memory_limit: int | None = None,
        wait: float | None = None,
        key: str | None = None,
    ) -> Flow[Training]:
        """Train an estimator; `wait` up to so many seconds for its end (math.inf: without limit).

        The `task` is the estimator's; "classification" makes many different numbers classes. It
        learns from `features`; without them from all columns but those to `drop`, those whose role
        is another, and those that tell nothing (ids, constants), which `left_out` of the answer
        names. `roles` come before those of the dataset. The `split` is {"test": fraction,
        "stratify": bool, "by": random|time|group|column, "column": name, "folds": number}; the
        folds of a cross-validation are scored by `fold_metrics`.
        """
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
            "fold_metrics": fold_metrics,
            "preprocessing": preprocessing,
            "seed": seed,
            "time_limit": time_limit,
            "memory_limit": memory_limit,
        }
        return _started(f"{_at(self)}/trainings", Training, body, wait, key)

    @operation
    def evaluate(
        self,
        training: str,
        metrics: Sequence[str] | None = None,
        *,
        dataset: Data | None = None,
        positive: str | bool | int | None = None,
        time_limit: float | None = None,
        memory_limit: int | None = None,
        wait: float | None = None,
        key: str | None = None,
    ) -> Flow[Evaluation]:
        """Measure an artifact, on its held-out rows or on another dataset.

        A metric may name its class, as recall:yes does; `positive` is the class of the others.
        Named metrics must be computable; `left_out` has the reasons of others.
        """
        body = {
            "training": training,
            "metrics": metrics,
            "dataset": dataset,
            "positive": positive,
            "time_limit": time_limit,
            "memory_limit": memory_limit,
        }
        return _started(f"{_at(self)}/evaluations", Evaluation, body, wait, key)

    @operation
    def trainings(
        self,
        *,
        status: RunStatus | None = None,
        limit: int | None = None,
        page: str | None = None,
        as_of: str | None = None,
    ) -> Flow[Page[Training]]:
        """List the trainings in the order of their requests."""
        query = {"status": status, "limit": limit, "page": page, "as_of": as_of}
        return ask(Call("GET", f"{_at(self)}/trainings", Page[Training], query))

    @operation
    def evaluations(
        self,
        *,
        status: RunStatus | None = None,
        limit: int | None = None,
        page: str | None = None,
        as_of: str | None = None,
    ) -> Flow[Page[Evaluation]]:
        """List the evaluations in the order of their requests."""
        query = {"status": status, "limit": limit, "page": page, "as_of": as_of}
        return ask(Call("GET", f"{_at(self)}/evaluations", Page[Evaluation], query))

    @operation
    def training(self, run: str, *, wait: float | None = None) -> Flow[Training]:
        """Return a training, as soon as it has ended or `wait` seconds are over."""
        return _waited(f"{_at(self)}/trainings/{segment(run)}", Training, wait)

    @operation
    def evaluation(self, run: str, *, wait: float | None = None) -> Flow[Evaluation]:
        """Return an evaluation, as soon as it has ended or `wait` seconds are over."""
        return _waited(f"{_at(self)}/evaluations/{segment(run)}", Evaluation, wait)

    @operation
    def cancel_training(self, run: str) -> Flow[Training]:
        """Stop a training."""
        return ask(Call("POST", f"{_at(self)}/trainings/{segment(run)}/cancel", Training))

    @operation
    def cancel_evaluation(self, run: str) -> Flow[Evaluation]:
        """Stop an evaluation."""
        return ask(Call("POST", f"{_at(self)}/evaluations/{segment(run)}/cancel", Evaluation))

    @operation
    def artifact(self, training: str) -> Flow[Artifact]:
        """List the files of an artifact."""
        return ask(Call("GET", f"{_at(self)}/trainings/{segment(training)}/artifact", Artifact))

    @operation
    def download(self, training: str, folder: Path | str) -> Flow[Artifact]:
        """Fetch the files of an artifact into a folder, each checked by its hash."""
        return _download(f"{_at(self)}/trainings/{segment(training)}/artifact", Path(folder))

    @operation
    def share(self, user: str) -> Flow[Page[Reader]]:
        """Let another user read the session, and the experiment; return the readers."""
        body = {"user": user}
        return ask(Call("POST", f"{_at(self)}/share", Page[Reader], body=body))

    @operation
    def unshare(self, user: str) -> Flow[Page[Reader]]:
        """End a user's right to read it; return the remaining readers."""
        body = {"user": user}
        return ask(Call("POST", f"{_at(self)}/unshare", Page[Reader], body=body))

    @operation
    def leave(self) -> Flow[CommandState]:
        """Leave a session or experiment that another user has shared."""
        return ask(Call("POST", f"{_at(self)}/leave", CommandState))

    @operation
    def readers(self) -> Flow[Page[Reader]]:
        """List the readers, without the owner."""
        return ask(Call("GET", f"{_at(self)}/readers", Page[Reader]))

    @operation
    def commit(self, trainings: Sequence[str] | None = None) -> Flow[ExperimentWithRuns]:
        """Commit the session as an experiment: all completed trainings, or only those named.

        Raises:
            Problem, Unreachable: it is not committed; or it is, as the title says, and its runs
                could not be read.
        """
        call = Call(
            "POST", f"{_at(self)}/commit", ExperimentWithRuns, body={"trainings": trainings}
        )
        kept = yield from ask(call)
        try:
            return (yield from _with_runs(kept, f"/v1/experiments/{segment(kept.id)}"))
        except AutoLearnError as error:
            error.title = f"Committed as experiment {kept.id}, whose runs were not told"
            raise

    @operation
    def keep(self) -> Flow[SessionSummary]:
        """Keep the expiring session."""
        return ask(Call("POST", f"{_at(self)}/keep", SessionSummary))

    @operation
    def discard(self) -> Flow[Discarded]:
        """End the session and keep nothing of it."""
        return ask(Call("POST", f"{_at(self)}/discard", Discarded))


def _at(session: OneSession) -> str:
    """Return the path of a session."""
    return f"/v1/sessions/{segment(session.id)}"


W = TypeVar("W", SessionWithRuns, ExperimentWithRuns)
_NO_QUERY: Mapping[str, object] = MappingProxyType({})


def _whole(call: Call[W]) -> Flow[W]:
    """Return a session or experiment with all its runs, unless they are withheld."""
    found = yield from ask(call)
    return (yield from _with_runs(found, call.path, call.query))


def _with_runs(found: W, path: str, query: Mapping[str, object] = _NO_QUERY) -> Flow[W]:
    if found.withheld:
        return found
    trainings = yield from _every(f"{path}/trainings", Page[Training], query)
    evaluations = yield from _every(f"{path}/evaluations", Page[Evaluation], query)
    return replace(found, trainings=trainings, evaluations=evaluations)


def _every(path: str, kind: type[Page[R]], query: Mapping[str, object]) -> Flow[list[R]]:
    items, page = list[R](), None
    while True:
        some = yield from ask(Call("GET", path, kind, {**query, "limit": 500, "page": page}))
        items += some.items
        if (page := some.next) is None:
            return items


def _started(
    path: str, kind: type[R], body: Mapping[str, object], wait: float | None, key: str | None
) -> Flow[R]:
    """Request a run, and wait for its end if requested."""
    until = None if wait is None else time.monotonic() + wait
    first = None if wait is None else min(wait, _LONGEST_WAIT)
    run = yield from ask(Call("POST", path, kind, body=body, wait=first, key=key))
    if until is None:
        return run
    return (yield from _ended(run, f"{path}/{run.id}", kind, until))


def _waited(path: str, kind: type[R], wait: float | None) -> Flow[R]:
    until = None if wait is None else time.monotonic() + wait
    first = None if wait is None else min(wait, _LONGEST_WAIT)
    run = yield from ask(Call("GET", path, kind, wait=first))
    return run if until is None else (yield from _ended(run, path, kind, until))


def _ended(run: R, path: str, kind: type[R], until: float) -> Flow[R]:
    """Return a run when it has ended, or its state when the time is over."""
    while run.ended is None and (left := until - time.monotonic()) > 0:
        wait = max(1.0, min(left, _LONGEST_WAIT))
        run = yield from ask(Call("GET", path, kind, wait=wait))
    return run


def _download(path: str, folder: Path) -> Flow[Artifact]:
    """Fetch all files of an artifact."""
    artifact = yield from ask(Call("GET", path, Artifact))
    folder.mkdir(parents=True, exist_ok=True)
    for file in artifact.files:
        call = Call("GET", f"{path}/{segment(file.name)}", bytes)
        yield from fetch(call, folder / Path(file.name).name, file.sha256)
    return artifact
