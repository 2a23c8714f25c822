"""Trainings and evaluations as objects: measure, predict, fetch and load what they made."""

from __future__ import annotations

import mimetypes
import tempfile
import uuid
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from autolearn.client.sdk.errors import BadArgument, EvaluationFailed, TrainingFailed
from autolearn.client.sdk.flows import Call, Flow, ask, fetch
from autolearn.client.sdk.handles.annotations import AnnotationMethods
from autolearn.client.sdk.handles.display import plain
from autolearn.client.sdk.handles.frames import frame_of, needed
from autolearn.client.sdk.handles.predictions import (
    AsyncPredictionHandle,
    PredictionHandle,
    Rows,
    predicted,
)
from autolearn.client.sdk.handles.run_methods import (
    SHORT_ID,
    Data,
    RunMethods,
    Wait,
    seconds_of_wait,
    waiting,
)
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.operation import Either, either, operation
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.transport import AwaitingPart, BlockingPart
from autolearn.schemas.catalog import check_metrics
from autolearn.schemas.rest.annotations import Attachment
from autolearn.schemas.rest.catalog import CatalogMetric
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.runs import Artifact, Evaluation, Prediction, Study, Training
from autolearn.schemas.values import JsonValue

if TYPE_CHECKING:
    import httpx
    import pandas as pd

R = TypeVar("R", Training, Evaluation, Prediction, Study)

_CLASS_COLUMNS = ("precision", "recall", "f1", "support")
"""The first columns of the table of classes."""


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
        return f"Evaluation {self.id[:SHORT_ID]} of training {self.data.training[:SHORT_ID]}"

    def _title(self) -> str:
        return f"{self._name()}: {_with_results(self._state(), self.results)}"

    def _about(self) -> dict[str, object]:
        where = "held-out rows" if self.data.held_out else self.data.dataset.name
        where += " (held out)" * (self.data.held_out_by is not None)
        scores = {name: one for name, one in self.results.items() if _is_score(one)}
        return {
            "evaluation": self.id[:SHORT_ID],
            "training": self.data.training[:SHORT_ID],
            "on": where,
            "status": self._state(),
            "reason": self.data.reason,
            **scores,
        }


class TrainingMethods(RunMethods[Training], AnnotationMethods[Training]):
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

    @operation
    def log(
        self, metric: Mapping[str, float] | None = None, file: Path | str | None = None
    ) -> Flow[None]:
        """Log figures that you have computed yourself, by name, or attach a file, or both.

        `logged` has the figures, apart from what AutoLearn has measured; a new value replaces the
        old one. `attach` says what holds of files.
        """
        if metric is not None:
            yield from self._annotate("log", {"metrics": dict(metric)})
        if file is not None:
            yield from self._attached(Path(file), None)

    @operation
    def attach(self, file: Path | str, *, name: str | None = None) -> Flow[Attachment]:
        """Attach a file of up to 16 MiB to it; it replaces one of the same `name`.

        It is encrypted like the session, and kept as long as the training. At most 100 files are
        attached to the trainings of a session.

        Raises:
            FileNotFoundError: there is no such file.
            Problem: it is too large, or there are too many.
        """
        return self._attached(Path(file), name)

    def _attached(self, path: Path, name: str | None) -> Flow[Attachment]:
        media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        content, query = path.read_bytes(), {"name": name or path.name}
        at = f"{self._annotated_path()}/attachments"
        attached = yield from ask(Call("PUT", at, Attachment, query, content, media=media))
        if self._data is not None:
            others = [one for one in self._data.attachments if one.name != attached.name]
            self._data = replace(self._data, attachments=(*others, attached))
        return attached

    @operation
    def download_attachment(self, name: str, path: Path | str | None = None) -> Flow[Path]:
        """Fetch an attached file to a `path`, by default its name, checked by its hash.

        Raises:
            BadArgument: no file of this name is attached.
        """
        yield from self._refreshed(None)
        known = {one.name: one.sha256 for one in self.data.attachments}
        if name not in known:
            there = ", ".join(known) or "none"
            detail = f"{self._name()} has no attachment {name!r}."
            raise BadArgument(detail, advice=f"There are: {there}.")
        into = Path(path) if path is not None else Path(Path(name).name)
        at = f"{self._annotated_path()}/attachments"
        yield from fetch(Call("GET", at, bytes, {"name": name}), into, known[name])
        return into

    def _annotated_path(self) -> str:
        return self._path(f"/v1/sessions/{segment(self._owner.id)}")

    def _name(self) -> str:
        return f"Training {self.id[:SHORT_ID]} {self.data.estimator} on {self.data.dataset.name}"

    def _title(self) -> str:
        known = _with_results(self._state(), self.results)
        unknown = self.data.status == "completed" and not self._measured
        return f"{self._name()}: {known}{'; evaluations() gets its results' if unknown else ''}"

    def _about(self) -> dict[str, object]:
        scores = {name: one for name, one in self.results.items() if _is_score(one)}
        given = ", ".join(f"{name}={value!r}" for name, value in self.data.hyperparameters.items())
        return {
            "training": self.id[:SHORT_ID],
            "estimator": self.data.estimator,
            "dataset": self.data.dataset.name,
            "hyperparameters": given,
            "status": self._state(),
            "reason": self.data.reason,
            "tags": ", ".join(self.data.tags),
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
        labels: Mapping[str, str] | None = None,
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
            "labels": labels,
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
    def predict(
        self,
        rows: Rows | None = None,
        *,
        dataset: Data | None = None,
        with_input: bool = False,
        name: str | None = None,
        wait: Wait = True,
        raise_on_failure: bool = True,
        key: str | None = None,
    ) -> Flow[Either[PredictionHandle | pd.DataFrame, AsyncPredictionHandle | pd.DataFrame]]:
        """Predict `rows`, or all rows of a dataset: also as part of an experiment.

        As `predict` of its session does: a data frame gives a data frame, a file a prediction.

        Raises:
            BadArgument: not one of rows and dataset is given, or a frame cannot be sent.
            MissingPackage: a data frame needs pandas and pyarrow.
            Problem: a column is missing.
            TimedOut: it has not ended after `wait` seconds; it goes on.
            PredictionFailed: it failed or was cancelled, unless `raise_on_failure` is off.
        """
        about = {"training": self.id, "with_input": with_input}
        return predicted(
            self, rows, dataset, about, wait, key, name, raise_on_failure=raise_on_failure
        )

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
