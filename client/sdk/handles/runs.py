"""Trainings and evaluations as objects: wait for them, measure, fetch and load what they made."""

from __future__ import annotations

import math
import tempfile
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from msgspec.structs import replace

from autolearn.client.sdk.errors import (
    BadArgument,
    EvaluationFailed,
    PredictionFailed,
    TimedOut,
    TrainingFailed,
)
from autolearn.client.sdk.flows import Call, Flow, ask, fetch
from autolearn.client.sdk.handles.display import plain
from autolearn.client.sdk.handles.frames import frame_of, needed
from autolearn.client.sdk.handles.handle import Handle, Reference
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.operation import Either, chained, either, operation
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.transport import AwaitingPart, BlockingPart
from autolearn.schemas.catalog import check_metrics
from autolearn.schemas.rest.catalog import CatalogMetric
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.runs import Artifact, Evaluation, Prediction, Training
from autolearn.schemas.values import JsonValue

if TYPE_CHECKING:
    import httpx
    import pandas as pd

R = TypeVar("R", Training, Evaluation, Prediction)
Data = str | Mapping[str, str] | Reference
"""A dataset: as an object, by its name, NAME@VERSION, or {"name": …, "version": …}.

The start of a version is enough.
"""
Wait = bool | float
"""Whether to wait for the end of a run, or for how many seconds at most."""

_LONGEST_WAIT = 300.0
"""Seconds for which one request may wait; longer waits are several requests."""
_CLASS_COLUMNS = ("precision", "recall", "f1", "support")
"""The first columns of the table of classes."""
_SHORT = 8
"""Characters of an id that are shown: enough to tell a few apart."""


def seconds_of_wait(wait: Wait) -> float | None:
    """Return for how many seconds to wait: without end for True, None for not at all."""
    if isinstance(wait, bool):
        return math.inf if wait else None
    return float(wait)


def waiting(call: Call[R], limit: float | None) -> Call[R]:
    """Return a call that is answered when its run has ended, or after so many seconds."""
    return call if limit is None else replace(call, wait=min(limit, _LONGEST_WAIT))


class RunMethods(Handle[R]):
    """What trainings, evaluations and predictions have in common."""

    _kind: ClassVar[str]
    _type: ClassVar[Any]
    _failed: ClassVar[type[TrainingFailed | EvaluationFailed | PredictionFailed]]

    def _begin(self, owner: RunParent, data: R) -> None:
        self._owner, self._data = owner, data

    @property
    def id(self) -> str:
        """Its id."""
        return self.data.id

    @property
    def status(self) -> str:
        """Its newest known status: open (it waits), started, completed, failed or cancelled."""
        return self.data.status

    @chained
    def refresh(self, *, wait: float | None = None) -> Flow[None]:
        """Get the present state: as soon as it has ended, or `wait` seconds are over."""
        yield from self._refreshed(wait)

    @chained
    def wait(self, timeout: float | None = None, *, raise_on_failure: bool = True) -> Flow[None]:
        """Wait for its end, and for the results of the metrics that `train` was given.

        Raises:
            TimedOut: it has not ended after `timeout` seconds; it goes on.
            TrainingFailed, EvaluationFailed: it failed or was cancelled, unless `raise_on_failure`
                is off.
        """
        limit = math.inf if timeout is None else timeout
        yield from self._until_ended(limit, raise_on_failure=raise_on_failure)

    @chained
    def cancel(self) -> Flow[None]:
        """Stop it."""
        return self._cancelled()

    def _cancelled(self) -> Flow[None]:
        self._data = yield from self._owner.ask(
            lambda at: ask(Call("POST", f"{self._path(at)}/cancel", self._type))
        )

    def _path(self, owner: str) -> str:
        return f"{owner}/{self._kind}s/{segment(self.id)}"

    def _refreshed(self, wait: float | None) -> Flow[None]:
        """Get the state when the run has ended, or after `wait` seconds."""
        until = None if wait is None else time.monotonic() + wait
        first = None if wait is None else min(wait, _LONGEST_WAIT)
        self._data = yield from self._got(first)
        while until is not None and not self.data.ended and (left := until - time.monotonic()) > 0:
            self._data = yield from self._got(max(1.0, min(left, _LONGEST_WAIT)))

    def _got(self, wait: float | None) -> Flow[R]:
        return self._owner.ask(lambda at: ask(Call("GET", self._path(at), self._type, wait=wait)))

    def _until_ended(self, wait: float, *, raise_on_failure: bool) -> Flow[None]:
        """Wait for the end, and for what was to follow it.

        Raises:
            TimedOut, TrainingFailed, EvaluationFailed: as they say.
        """
        until = time.monotonic() + wait
        try:
            if self.data.ended is None:
                yield from self._refreshed(wait)
            if self.data.status == "completed":
                left = until - time.monotonic()
                yield from self._followed(left, raise_on_failure=raise_on_failure)
        except BaseException as error:
            if not isinstance(error, Exception):  # Ctrl-C, or a task that is cancelled
                error.add_note(f"{self._title()}: it goes on.")
            raise
        if self.data.ended is None:
            raise TimedOut(
                self,
                f"{self._name()} has not ended within {wait:g} s",
                f"It is {self._state()}, and goes on.",
                "Its method wait() waits again, cancel() stops it.",
            )
        if raise_on_failure and self.data.status != "completed":
            ended = "failed" if self.data.status == "failed" else "was cancelled"
            why = ": ".join(filter(None, (self.data.reason, self.data.detail)))
            raise self._failed(self, f"{self._name()} {ended}", why)

    def _followed(self, wait: float, *, raise_on_failure: bool) -> Flow[None]:  # noqa: ARG002
        """Do what was to follow the run, at most for `wait` seconds."""
        yield from ()

    def _name(self) -> str:
        raise NotImplementedError

    def _state(self) -> str:
        """Return the status in words, with the phase of a run that goes on."""
        progress = self.data.progress
        if self.data.ended is not None or progress is None:
            return f"{self.data.status}{f' ({self.data.reason})' if self.data.reason else ''}"
        return f"{self.data.status} ({progress.phase})"


class EvaluationMethods(RunMethods[Evaluation]):
    """An evaluation: `results` are by metric, once it is completed."""

    _kind, _type, _failed = "evaluation", Evaluation, EvaluationFailed
    _fields = frozenset(Evaluation.__struct_fields__)

    @property
    def results(self) -> dict[str, JsonValue]:
        """The results by metric; empty unless it is completed."""
        return self.data.results

    @property
    def confusion(self) -> pd.DataFrame:
        """The confusion matrix as a data frame: a row per true class, a column per prediction.

        Raises:
            MissingPackage: pandas is not installed.
            BadArgument: the metric confusion-matrix is not among the results.
        """
        found = self._result("confusion-matrix")
        frame: pd.DataFrame = needed("pandas", "confusion").DataFrame(
            found["matrix"], index=found["labels"], columns=found["labels"]
        )
        return frame.rename_axis(index="true", columns="predicted")

    @property
    def per_class(self) -> pd.DataFrame:
        """Precision, recall, f1 and rows of each class as a data frame.

        Raises:
            MissingPackage: pandas is not installed.
            BadArgument: the metric per-class is not among the results.
        """
        frame = frame_of(self._result("per-class"), "per_class").set_index("class")
        first = [name for name in _CLASS_COLUMNS if name in frame]
        return frame[first + [name for name in frame if name not in first]]

    def _result(self, metric: str) -> Any:
        if metric not in self.results:
            known = ", ".join(self.results) or "no results"
            raise BadArgument(
                f"{self._name()} has no {metric}: it has {known}.",
                advice=f"Evaluate with metrics=[{metric!r}].",
            )
        return self.results[metric]

    def _name(self) -> str:
        return f"Evaluation {self.id[:_SHORT]} of training {self.data.training[:_SHORT]}"

    def _title(self) -> str:
        return f"{self._name()}: {_with_results(self._state(), self.results)}"

    def _about(self) -> dict[str, object]:
        where = "held-out rows" if self.data.held_out else self.data.dataset.name
        scores = {name: one for name, one in self.results.items() if _is_score(one)}
        return {
            "evaluation": self.id[:_SHORT],
            "training": self.data.training[:_SHORT],
            "on": where,
            "status": self._state(),
            "reason": self.data.reason,
            **scores,
        }


class TrainingMethods(RunMethods[Training]):
    """A training, with the evaluations that were made of it by this object."""

    _kind, _type, _failed = "training", Training, TrainingFailed
    _fields = frozenset(Training.__struct_fields__)
    _then: Mapping[str, object] | None = None
    """The evaluation that is to follow: its metrics, and the class to measure."""
    _measured: tuple[Any, ...] = ()
    """The handles of its evaluations, as far as they are known."""
    _scores: Mapping[str, JsonValue] = {}
    """Its scores in a comparison."""

    @property
    def results(self) -> dict[str, JsonValue]:
        """The results by metric of its known evaluations on held-out rows.

        Those of the metrics that `train` was given, or of the comparison that it is of;
        `evaluations()` gets all others.
        """
        held_out = (one for one in self._measured if one.data.held_out)
        found = {name: value for one in held_out for name, value in one.results.items()}
        return {**self._scores, **found}

    @property
    def feature_importances(self) -> pd.Series[float]:
        """The most important features with their shares, the largest first, as a series.

        Raises:
            MissingPackage: pandas is not installed.
            BadArgument: the estimator has none.
        """
        found = self.data.parameters.get("importances")
        if found is None:
            raise BadArgument(
                f"{self._name()} has no feature importances.",
                advice="Trees and forests have them, once they are trained.",
            )
        series: pd.Series[float] = needed("pandas", "feature_importances").Series(dict(found))
        return series

    def _name(self) -> str:
        return f"Training {self.id[:_SHORT]} {self.data.estimator} on {self.data.dataset.name}"

    def _title(self) -> str:
        return f"{self._name()}: {_with_results(self._state(), self.results)}"

    def _about(self) -> dict[str, object]:
        scores = {name: one for name, one in self.results.items() if _is_score(one)}
        given = ", ".join(f"{name}={value!r}" for name, value in self.data.hyperparameters.items())
        return {
            "training": self.id[:_SHORT],
            "estimator": self.data.estimator,
            "dataset": self.data.dataset.name,
            "hyperparameters": given,
            "status": self._state(),
            "reason": self.data.reason,
            **scores,
        }

    def _followed(self, wait: float, *, raise_on_failure: bool) -> Flow[None]:
        """Evaluate it, if it was asked for that, and wait for the results."""
        yield from self._follow_up()
        for one in self._measured:
            if one.data.ended is None:
                yield from one._until_ended(max(1.0, wait), raise_on_failure=raise_on_failure)

    def _follow_up(self) -> Flow[None]:
        """Request the evaluation that is to follow it, if it is completed."""
        if self._then is not None and self.data.status == "completed":
            body = {**self._then, "training": self.id}
            key = uuid.uuid5(uuid.NAMESPACE_OID, repr(body))  # once, however often it is waited for
            yield from self._evaluated(body, str(key), None)
            self._then = None

    def _evaluated(
        self, body: Mapping[str, object], key: str | None, wait: float | None
    ) -> Flow[Any]:
        """Request an evaluation, and return its handle."""
        run = yield from self._owner.ask(
            lambda at: ask(
                waiting(Call("POST", f"{at}/evaluations", Evaluation, body=body, key=key), wait)
            )
        )
        handle: Any = either(
            self, EvaluationHandle, AsyncEvaluationHandle, self._http, self._owner, run
        )
        self._measured = (*self._measured, handle)
        return handle

    @operation
    def evaluate(
        self,
        dataset: Data | None = None,
        metrics: Sequence[str] | None = None,
        *,
        plots: Sequence[str] | None = None,
        positive: str | bool | int | None = None,
        time_limit: float | None = None,
        memory_limit: int | None = None,
        wait: Wait = True,
        raise_on_failure: bool = True,
        key: str | None = None,
    ) -> Flow[Either[EvaluationHandle, AsyncEvaluationHandle]]:
        """Measure it on its held-out rows, or on another dataset: also as part of an experiment.

        Without `metrics`, by all that fit. A metric may name its class, as recall:yes does;
        `positive` is the class of the others. `plots` (roc, importance and so on, or all) are data
        in `plot_data`. `wait` as in `train`.

        Raises:
            TimedOut: it has not ended after `wait` seconds; it goes on.
            EvaluationFailed: it failed or was cancelled, unless `raise_on_failure` is off.
        """
        body = {
            "training": self.id,
            "metrics": metrics,
            "dataset": dataset,
            "plots": plots,
            "positive": positive,
            "time_limit": time_limit,
            "memory_limit": memory_limit,
        }
        if isinstance(dataset, list | tuple):
            raise BadArgument(f"{dataset!r} is no dataset.", advice="Name metrics=[…].")
        limit = seconds_of_wait(wait)
        handle = yield from self._evaluated(body, key, limit)
        if limit is not None:
            yield from handle._until_ended(limit, raise_on_failure=raise_on_failure)
        made: Either[EvaluationHandle, AsyncEvaluationHandle] = handle
        return made

    @operation
    def evaluations(self) -> Flow[Either[list[EvaluationHandle], list[AsyncEvaluationHandle]]]:
        """Get all evaluations of it, in the order of their requests."""
        found = yield from self._owner.ask(
            lambda at: every(f"{at}/evaluations", Page[Evaluation], {})
        )
        kinds = EvaluationHandle, AsyncEvaluationHandle
        self._measured = tuple(
            either(self, *kinds, self._http, self._owner, one)
            for one in found
            if one.training == self.id
        )
        return either(self, list, list, self._measured)

    @operation
    def files(self) -> Flow[Artifact]:
        """List the files of its artifact."""
        return self._owner.ask(lambda at: ask(Call("GET", f"{self._path(at)}/artifact", Artifact)))

    @operation
    def download(self, folder: Path | str) -> Flow[Artifact]:
        """Fetch the files of its artifact into a folder, each checked by its hash."""
        return self._owner.ask(lambda at: _downloaded(f"{self._path(at)}/artifact", Path(folder)))

    @operation
    def pipeline(self, *, trusted: Sequence[str] = ()) -> Flow[Any]:
        """Load the fitted scikit-learn pipeline of its artifact: preprocessing and estimator.

        It takes the columns of the training: numbers, and times as seconds since 1970 (UTC); text
        and booleans (true, false) as text. Only known types are loaded; `trusted` names those of a
        plug-in besides.

        Raises:
            MissingPackage: scikit-learn or skops is not installed.
            ModelRefused: the file holds other types; nothing of it was loaded.
        """
        for package in ("sklearn", "skops.io"):
            needed(package, "pipeline()")
        from autolearn.ml.models.skops_file import load
        from autolearn.ml.models.trusted_types import TRUSTED

        with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
            yield from self._owner.ask(
                lambda at: _downloaded(f"{self._path(at)}/artifact", Path(folder))
            )
            return load(Path(folder) / "model.skops", TRUSTED | {*trusted})


def _with_results(state: str, results: Mapping[str, JsonValue]) -> str:
    scores = [f"{name} {plain(value)}" for name, value in results.items() if _is_score(value)]
    return ", ".join([state, *scores])


def _is_score(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def every(path: str, kind: type[Page[R]], query: Mapping[str, object]) -> Flow[list[R]]:
    """Return the items of all pages of a list."""
    items, page = list[R](), None
    while True:
        some = yield from ask(Call("GET", path, kind, {**query, "limit": 500, "page": page}))
        items += some.items
        if (page := some.next) is None:
            return items


def _downloaded(path: str, folder: Path) -> Flow[Artifact]:
    """Fetch all files of an artifact."""
    artifact = yield from ask(Call("GET", path, Artifact))
    folder.mkdir(parents=True, exist_ok=True)
    for file in artifact.files:
        call = Call("GET", f"{path}/{segment(file.name)}", bytes)
        yield from fetch(call, folder / Path(file.name).name, file.sha256)
    return artifact


def require_metrics(tasks: Collection[str], wanted: Sequence[str]) -> Flow[None]:
    """Check that metrics fit the tasks of estimators: they would be trained in vain.

    Raises:
        BadArgument: one does not exist, or does not fit a task.
    """
    known = (yield from ask(Call("GET", "/v1/catalog/metrics", Page[CatalogMetric]))).items
    specs = {one.name: one for one in known}
    if faults := [fault for task in sorted(tasks) for fault in check_metrics(task, wanted, specs)]:
        raise BadArgument("; ".join(faults) + ".", title="The metrics do not fit")


class TrainingHandle(TrainingMethods, BlockingPart):
    """A training."""

    def __init__(self, http: httpx.Client, owner: RunParent, data: Training) -> None:
        super().__init__(http)
        self._begin(owner, data)


class AsyncTrainingHandle(TrainingMethods, AwaitingPart):
    """A training, to await."""

    def __init__(self, http: httpx.AsyncClient, owner: RunParent, data: Training) -> None:
        super().__init__(http)
        self._begin(owner, data)


class EvaluationHandle(EvaluationMethods, BlockingPart):
    """An evaluation."""

    def __init__(self, http: httpx.Client, owner: RunParent, data: Evaluation) -> None:
        super().__init__(http)
        self._begin(owner, data)


class AsyncEvaluationHandle(EvaluationMethods, AwaitingPart):
    """An evaluation, to await."""

    def __init__(self, http: httpx.AsyncClient, owner: RunParent, data: Evaluation) -> None:
        super().__init__(http)
        self._begin(owner, data)
