"""Everything that can be asked of the API, each described once for both clients."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from autolearn.client import resources as r
from autolearn.client.sdk_errors import Unreachable
from autolearn.client.sdk_feed import Feed, follow
from autolearn.client.sdk_flows import Call, Flow, ask, ask_bytes
from autolearn.client.sdk_listening import subscription
from autolearn.client.sdk_paths import segment
from autolearn.client.sdk_transport import operation
from autolearn.schemas.status import Status as SystemStatus

__all__ = ["Experiments", "OneSession", "Sessions", "System"]

R = TypeVar("R", r.Training, r.Evaluation)

LONGEST_WAIT = 300.0
"""Seconds for which one request may wait; longer waits are several requests."""
Status = Literal["open", "started", "completed", "failed", "cancelled"]
Data = str | Mapping[str, str]
"""A dataset: its name, or {"name": …, "version": …}."""


class System:
    """The catalog, and the log as this API knows it."""

    @operation
    def models(self, *, as_of: str | None = None) -> Flow[r.Page[r.Model]]:
        """List the models on offer."""
        return ask(Call("GET", "/v1/models", r.Page[r.Model], {"as_of": as_of}))

    @operation
    def model(self, name: str, *, as_of: str | None = None) -> Flow[r.Model]:
        """Return one model with its hyperparameters."""
        return ask(Call("GET", f"/v1/models/{segment(name)}", r.Model, {"as_of": as_of}))

    @operation
    def metrics(self, *, as_of: str | None = None) -> Flow[r.Page[r.Metric]]:
        """List the metrics on offer."""
        return ask(Call("GET", "/v1/metrics", r.Page[r.Metric], {"as_of": as_of}))

    @operation
    def metric(self, name: str, *, as_of: str | None = None) -> Flow[r.Metric]:
        """Return one metric."""
        return ask(Call("GET", f"/v1/metrics/{segment(name)}", r.Metric, {"as_of": as_of}))

    @operation
    def datasets(
        self, *, limit: int | None = None, page: str | None = None, as_of: str | None = None
    ) -> Flow[r.Page[r.Dataset]]:
        """List the datasets, each in its newest version."""
        query = {"limit": limit, "page": page, "as_of": as_of}
        return ask(Call("GET", "/v1/datasets", r.Page[r.Dataset], query))

    @operation
    def dataset(self, name: str, *, as_of: str | None = None) -> Flow[r.Dataset]:
        """Return the newest version of a dataset."""
        return ask(Call("GET", f"/v1/datasets/{segment(name)}", r.Dataset, {"as_of": as_of}))

    @operation
    def dataset_versions(self, name: str, *, as_of: str | None = None) -> Flow[r.Page[r.Dataset]]:
        """List all versions of a dataset, newest first."""
        at = f"/v1/datasets/{segment(name)}/versions"
        return ask(Call("GET", at, r.Page[r.Dataset], {"as_of": as_of}))

    @operation
    def upload_dataset(
        self,
        path: Path | str,
        name: str | None = None,
        *,
        target: str | None = None,
        format: Literal["csv", "parquet"] | None = None,  # noqa: A002 - the word of the API
        summary: str = "",
    ) -> Flow[r.Dataset]:
        """Offer a CSV or Parquet file, by its own name without another. It is streamed."""
        path = Path(path)
        at = f"/v1/datasets/{segment(name or path.stem.lower())}"
        query = {"target": target, "format": format, "summary": summary}
        call = Call("PUT", at, r.Dataset, query, path, media="application/octet-stream")
        return ask(call)

    @operation
    def events(
        self,
        *,
        after: str = "",
        limit: int | None = None,
        stream: str = "",
        session: str = "",
        types: Sequence[str] = (),
        wait: float | None = None,
    ) -> Flow[r.Events]:
        """List events past a position; with `wait`, wait so many seconds for the next ones.

        `stream` (such as dataset/iris), `session` (an id) and `types` (such as TrainingCompleted)
        choose among them.
        """
        query = {"after": after, "limit": limit, **chosen(stream, session, types)}
        return ask(Call("GET", "/v1/events", r.Events, query, wait=wait))

    @subscription
    def follow(
        self,
        *,
        after: str = "",
        stream: str = "",
        session: str = "",
        types: Sequence[str] = (),
        patience: float = 60.0,
    ) -> Feed:
        """Iterate over the events past a position (`now`: those to come), and wait for more.

        Each comes once and in the order of its stream, also when the connection or the API breaks
        off meanwhile. An entry's `position` is where another call goes on. Choose as in `events`.

        Raises:
            Problem: the API refuses, or cannot give events for longer than `patience` seconds.
            Unreachable: no API answers for that long.
        """
        query = {"after": after, **chosen(stream, session, types)}
        return follow("/v1/events", query, patience)

    @operation
    def position(self) -> Flow[r.Position]:
        """Return how far the log is known."""
        return ask(Call("GET", "/v1/position", r.Position))

    @operation
    def diff(
        self,
        before: str,
        after: str | None = None,
        *,
        stream: str | None = None,
        limit: int | None = None,
    ) -> Flow[r.Diff]:
        """Return what changed between two points (until now), in one stream or in all."""
        query = {"from": before, "to": after, "stream": stream, "limit": limit}
        return ask(Call("GET", "/v1/diff", r.Diff, query))

    @operation
    def digests(self) -> Flow[r.Digests]:
        """Return the digest of every view."""
        return ask(Call("GET", "/v1/digests", r.Digests))

    @operation
    def rebuild(self, view: str | None = None) -> Flow[r.Rebuild]:
        """Let the API process fold the log into new read models, which then replace its own.

        With a `view` only that one is folded, and the others are copied as they are.
        """
        return ask(Call("POST", "/v1/rebuild", r.Rebuild, {"view": view}))

    @operation
    def rebuilding(self, *, wait: float | None = None) -> Flow[r.Rebuild]:
        """Return how the newest rebuild goes; with `wait`, wait so many seconds for its end."""
        return ask(Call("GET", "/v1/rebuild", r.Rebuild, wait=wait))

    @operation
    def command(
        self, command: str, *, partition: int | None = None, offset: int | None = None
    ) -> Flow[r.CommandState]:
        """Return what became of a command."""
        query = {"partition": partition, "offset": offset}
        return ask(Call("GET", f"/v1/commands/{segment(command)}", r.CommandState, query))

    @operation
    def status(self) -> Flow[SystemStatus]:
        """Return the state of the whole installation, and what needs attention."""
        return ask(Call("GET", "/v1/status", SystemStatus))

    @operation
    def dead_letters(
        self, *, reason: str = "", limit: int | None = None, page: str | None = None
    ) -> Flow[r.Page[r.DeadLetterSummary]]:
        """List what could not be decoded, newest first; `reason` has words of the reason.

        With a reason a page may be short, or empty: go on while there is a `next`.
        """
        query = {"reason": reason, "limit": limit, "page": page}
        return ask(Call("GET", "/v1/dead-letters", r.Page[r.DeadLetterSummary], query))

    @operation
    def dead_letter(self, letter: str) -> Flow[r.DeadLetter]:
        """Return one dead letter with its headers and its value."""
        return ask(Call("GET", f"/v1/dead-letters/{segment(letter)}", r.DeadLetter))

    @operation
    def retry_dead_letter(
        self, letter: str, value: Mapping[str, Any] | None = None, *, wait: float | None = None
    ) -> Flow[r.Retry]:
        """Put the command of a dead letter back on the log, or `value` in its place; once."""
        at = f"/v1/dead-letters/{segment(letter)}/retry"
        return ask(Call("POST", at, r.Retry, body={"value": value}, wait=wait))

    @operation
    def ready(self, *, patience: float = 30.0) -> Flow[r.Health]:
        """Return as soon as the API is ready.

        Raises:
            Problem: it is not ready after `patience` seconds.
            Unreachable: it does not answer for so long.
        """
        return ask(Call("GET", "/health/ready", r.Health), patience)


class Sessions:
    """The open sessions."""

    @operation
    def open(
        self, title: str = "", *, expires: float | None = None, key: str | None = None
    ) -> Flow[r.Session]:
        """Open a session. `key` makes a repetition by another process safe.

        It expires when it is not used for `expires` days, 0: never; None: as the system has it.
        """
        body = {"title": title} if expires is None else {"title": title, "expires": expires}
        return ask(Call("POST", "/v1/sessions", r.Session, body=body, key=key))

    @operation
    def list(
        self, *, limit: int | None = None, page: str | None = None, as_of: str | None = None
    ) -> Flow[r.Page[r.SessionSummary]]:
        """List the open sessions, newest first."""
        query = {"limit": limit, "page": page, "as_of": as_of}
        return ask(Call("GET", "/v1/sessions", r.Page[r.SessionSummary], query))


class Experiments:
    """The committed sessions."""

    @operation
    def list(
        self, *, limit: int | None = None, page: str | None = None, as_of: str | None = None
    ) -> Flow[r.Page[r.ExperimentSummary]]:
        """List the experiments, the newest commit first."""
        query = {"limit": limit, "page": page, "as_of": as_of}
        return ask(Call("GET", "/v1/experiments", r.Page[r.ExperimentSummary], query))

    @operation
    def get(self, experiment: str, *, as_of: str | None = None) -> Flow[r.Experiment]:
        """Return an experiment with what it keeps."""
        at = f"/v1/experiments/{segment(experiment)}"
        return ask(Call("GET", at, r.Experiment, {"as_of": as_of}))

    @operation
    def artifact(self, experiment: str, training: str) -> Flow[r.Artifact]:
        """List the files of a trained model."""
        at = f"/v1/experiments/{segment(experiment)}/trainings/{segment(training)}"
        return ask(Call("GET", f"{at}/artifact", r.Artifact))

    @operation
    def download(self, experiment: str, training: str, folder: Path | str) -> Flow[r.Artifact]:
        """Fetch the files of a trained model into a folder, each checked by its hash."""
        at = f"/v1/experiments/{segment(experiment)}/trainings/{segment(training)}"
        return download(f"{at}/artifact", Path(folder))

    @operation
    def delete(self, experiment: str) -> Flow[r.Deleted]:
        """Delete an experiment: nothing of it can be read any more."""
        return ask(Call("POST", f"/v1/experiments/{segment(experiment)}/delete", r.Deleted))


class OneSession:
    """One session. `id` is its own."""

    id: str

    @operation
    def get(self, *, as_of: str | None = None) -> Flow[r.Session]:
        """Return the session with its runs and what is going on; or as it was at a point.

        A point is a position's token or a time, RFC 3339 with a zone, here and elsewhere.
        """
        return ask(Call("GET", at(self), r.Session, {"as_of": as_of}))

    @operation
    def train(
        self,
        model: str,
        dataset: Data,
        *,
        target: str | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        split: Mapping[str, Any] | None = None,
        preprocessing: Mapping[str, str] | None = None,
        seed: int | None = None,
        time_limit: float | None = None,
        memory_limit: int | None = None,
        wait: float | None = None,
        key: str | None = None,
    ) -> Flow[r.Training]:
        """Train a model; `wait` up to so many seconds until it has ended (math.inf: until then)."""
        body = {
            "model": model,
            "dataset": dataset,
            "target": target,
            "hyperparameters": hyperparameters,
            "split": split,
            "preprocessing": preprocessing,
            "seed": seed,
            "time_limit": time_limit,
            "memory_limit": memory_limit,
        }
        return started(f"{at(self)}/trainings", r.Training, body, wait, key)

    @operation
    def evaluate(
        self,
        training: str,
        metrics: Sequence[str] | None = None,
        *,
        dataset: Data | None = None,
        time_limit: float | None = None,
        memory_limit: int | None = None,
        wait: float | None = None,
        key: str | None = None,
    ) -> Flow[r.Evaluation]:
        """Measure a trained model, on its held-out rows or on another dataset."""
        body = {
            "training": training,
            "metrics": metrics,
            "dataset": dataset,
            "time_limit": time_limit,
            "memory_limit": memory_limit,
        }
        return started(f"{at(self)}/evaluations", r.Evaluation, body, wait, key)

    @operation
    def trainings(
        self,
        *,
        status: Status | None = None,
        limit: int | None = None,
        page: str | None = None,
        as_of: str | None = None,
    ) -> Flow[r.Page[r.Training]]:
        """List the trainings in the order of their requests."""
        query = {"status": status, "limit": limit, "page": page, "as_of": as_of}
        return ask(Call("GET", f"{at(self)}/trainings", r.Page[r.Training], query))

    @operation
    def evaluations(
        self,
        *,
        status: Status | None = None,
        limit: int | None = None,
        page: str | None = None,
        as_of: str | None = None,
    ) -> Flow[r.Page[r.Evaluation]]:
        """List the evaluations in the order of their requests."""
        query = {"status": status, "limit": limit, "page": page, "as_of": as_of}
        return ask(Call("GET", f"{at(self)}/evaluations", r.Page[r.Evaluation], query))

    @operation
    def training(self, run: str, *, wait: float | None = None) -> Flow[r.Training]:
        """Return a training, as soon as it has ended or `wait` seconds are over."""
        return waited(f"{at(self)}/trainings/{segment(run)}", r.Training, wait)

    @operation
    def evaluation(self, run: str, *, wait: float | None = None) -> Flow[r.Evaluation]:
        """Return an evaluation, as soon as it has ended or `wait` seconds are over."""
        return waited(f"{at(self)}/evaluations/{segment(run)}", r.Evaluation, wait)

    @operation
    def cancel_training(self, run: str) -> Flow[r.Training]:
        """Stop a training."""
        return ask(Call("POST", f"{at(self)}/trainings/{segment(run)}/cancel", r.Training))

    @operation
    def cancel_evaluation(self, run: str) -> Flow[r.Evaluation]:
        """Stop an evaluation."""
        return ask(Call("POST", f"{at(self)}/evaluations/{segment(run)}/cancel", r.Evaluation))

    @operation
    def artifact(self, training: str) -> Flow[r.Artifact]:
        """List the files of a trained model."""
        return ask(Call("GET", f"{at(self)}/trainings/{segment(training)}/artifact", r.Artifact))

    @operation
    def download(self, training: str, folder: Path | str) -> Flow[r.Artifact]:
        """Fetch the files of a trained model into a folder, each checked by its hash."""
        return download(f"{at(self)}/trainings/{segment(training)}/artifact", Path(folder))

    @operation
    def share(self, user: str) -> Flow[r.Page[r.Reader]]:
        """Let another user read the session, and the experiment; return who may."""
        body = {"user": user}
        return ask(Call("POST", f"{at(self)}/share", r.Page[r.Reader], body=body))

    @operation
    def unshare(self, user: str) -> Flow[r.Page[r.Reader]]:
        """Let a user read it no longer; return who still may."""
        body = {"user": user}
        return ask(Call("POST", f"{at(self)}/unshare", r.Page[r.Reader], body=body))

    @operation
    def readers(self) -> Flow[r.Page[r.Reader]]:
        """List who may read it besides its owner."""
        return ask(Call("GET", f"{at(self)}/readers", r.Page[r.Reader]))

    @operation
    def commit(self, trainings: Sequence[str] | None = None) -> Flow[r.Experiment]:
        """Keep the session as an experiment: all completed trainings, or only those named."""
        return ask(Call("POST", f"{at(self)}/commit", r.Experiment, body={"trainings": trainings}))

    @operation
    def discard(self) -> Flow[r.Discarded]:
        """End the session and keep nothing of it."""
        return ask(Call("POST", f"{at(self)}/discard", r.Discarded))


def at(session: OneSession) -> str:
    """Return the path of a session."""
    return f"/v1/sessions/{segment(session.id)}"


def chosen(stream: str, session: str, types: Sequence[str]) -> dict[str, object]:
    """Return the query of a choice of events."""
    return {"stream": stream, "session": session, "type": list(types)}


def started(
    path: str, kind: type[R], body: Mapping[str, object], wait: float | None, key: str | None
) -> Flow[R]:
    """Ask for a run, and wait for its end if so wanted."""
    until = None if wait is None else time.monotonic() + wait
    first = None if wait is None else min(wait, LONGEST_WAIT)
    run = yield from ask(Call("POST", path, kind, body=body, wait=first, key=key))
    if until is None:
        return run
    return (yield from ended(run, f"{path}/{run.id}", kind, until))


def waited(path: str, kind: type[R], wait: float | None) -> Flow[R]:
    """Return a run, as soon as it has ended if so wanted."""
    until = None if wait is None else time.monotonic() + wait
    first = None if wait is None else min(wait, LONGEST_WAIT)
    run = yield from ask(Call("GET", path, kind, wait=first))
    return run if until is None else (yield from ended(run, path, kind, until))


def ended(run: R, path: str, kind: type[R], until: float) -> Flow[R]:
    """Return a run when it has ended, or as it is when the time is over."""
    while run.ended is None and (left := until - time.monotonic()) > 0:
        wait = max(1.0, min(left, LONGEST_WAIT))
        run = yield from ask(Call("GET", path, kind, wait=wait))
    return run


def download(path: str, folder: Path) -> Flow[r.Artifact]:
    """Fetch all files of a trained model."""
    artifact = yield from ask(Call("GET", path, r.Artifact))
    folder.mkdir(parents=True, exist_ok=True)
    for file in artifact.files:
        content = yield from ask_bytes(Call("GET", f"{path}/{segment(file.name)}", bytes))
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise Unreachable(
                f"{file.name} came with other bytes than its SHA-256 says.",
                title="A file was damaged on its way",
            )
        (folder / Path(file.name).name).write_bytes(content)
    return artifact
