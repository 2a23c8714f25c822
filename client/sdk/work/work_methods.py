"""Runs, readers and annotations of open sessions and experiments alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from msgspec.structs import replace

from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.annotations import AnnotationMethods
from autolearn.client.sdk.handles.board import AsyncBoard, Board, compared
from autolearn.client.sdk.handles.pages import Pages, listing
from autolearn.client.sdk.handles.predictions import (
    AsyncPredictionHandle,
    PredictionHandle,
    Rows,
    predicted,
)
from autolearn.client.sdk.handles.run_methods import Data, Wait, seconds_of_wait, waiting
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.handles.runs import (
    AsyncEvaluationHandle,
    AsyncTrainingHandle,
    EvaluationHandle,
    TrainingHandle,
)
from autolearn.client.sdk.operation import Either, either, operation
from autolearn.client.sdk.paths import segment
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.experiments import ExperimentOverview, ExperimentSummary
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.runs import Evaluation, Prediction, Training
from autolearn.schemas.rest.sessions import Reader, Renamed, SessionSummary

if TYPE_CHECKING:
    import pandas as pd


D = TypeVar("D", bound=SessionSummary | ExperimentSummary | ExperimentOverview)


class WorkMethods(AnnotationMethods[D]):
    """What open sessions and experiments have in common: runs, and readers."""

    _owner: RunParent

    @property
    def id(self) -> str:
        """Its id."""
        return self._owner.id

    def _annotated_path(self) -> str:
        return path_of(self)

    @operation
    def training(self, run: str) -> Flow[Either[TrainingHandle, AsyncTrainingHandle]]:
        """Get a training by its id, or the start of it."""
        found = yield from self._owner.ask(
            lambda at: ask(Call("GET", f"{at}/trainings/{segment(run)}", Training))
        )
        return self._as_training(found)

    @operation
    def evaluation(self, run: str) -> Flow[Either[EvaluationHandle, AsyncEvaluationHandle]]:
        """Get an evaluation by its id, or the start of it."""
        found = yield from self._owner.ask(
            lambda at: ask(Call("GET", f"{at}/evaluations/{segment(run)}", Evaluation))
        )
        return self._as_evaluation(found)

    @operation
    def evaluate(
        self,
        training: str | None = None,
        metrics: Sequence[str] | None = None,
        *,
        dataset: Data | None = None,
        plots: Sequence[str] | None = None,
        positive: str | bool | int | None = None,
        time_limit: float | None = None,
        memory_limit: int | None = None,
        labels: Mapping[str, str] | None = None,
        wait: Wait = True,
        raise_on_failure: bool = True,
        key: str | None = None,
    ) -> Flow[Either[EvaluationHandle, AsyncEvaluationHandle]]:
        """Measure an artifact, by the id of its training: as its own method `evaluate` does.

        `training` need not be named where only one is completed. An experiment keeps what it keeps.

        A metric may name its class, as recall:yes does; `positive` is the class of the others.
        Named metrics must be computable; `left_out` has the reasons of others. `plots` (roc,
        importance and so on, or all) are data in `plot_data`. `wait` as in `train`.

        Raises:
            TimedOut: it has not ended after `wait` seconds; it goes on.
            EvaluationFailed: it failed or was cancelled, unless `raise_on_failure` is off.
        """
        body = {
            "training": training,
            "metrics": metrics,
            "dataset": dataset,
            "plots": plots,
            "positive": positive,
            "time_limit": time_limit,
            "memory_limit": memory_limit,
            "labels": labels,
        }
        limit = seconds_of_wait(wait)
        data = yield from self._owner.ask(
            lambda at: ask(
                waiting(Call("POST", f"{at}/evaluations", Evaluation, body=body, key=key), limit)
            )
        )
        made = self._as_evaluation(data)
        yield from ended(made, limit, raise_on_failure=raise_on_failure)
        return made

    @operation
    def prediction(self, run: str) -> Flow[Either[PredictionHandle, AsyncPredictionHandle]]:
        """Get a prediction by its id, or the start of it."""
        found = yield from self._owner.ask(
            lambda at: ask(Call("GET", f"{at}/predictions/{segment(run)}", Prediction))
        )
        return self._as_prediction(found)

    @listing
    def predictions(
        self, *, limit: int | None = None, as_of: str | None = None
    ) -> Pages[PredictionHandle, AsyncPredictionHandle]:
        """List the predictions in the order of their requests, at most `limit`."""
        call = Call("GET", f"{self._owner.path}/predictions", Page[Prediction], {"as_of": as_of})
        return Pages(call, self._as_prediction, limit)

    @operation
    def predict(
        self,
        rows: Rows | None = None,
        *,
        dataset: Data | None = None,
        training: str | None = None,
        with_input: bool = False,
        name: str | None = None,
        wait: Wait = True,
        raise_on_failure: bool = True,
        key: str | None = None,
    ) -> Flow[Either[PredictionHandle | pd.DataFrame, AsyncPredictionHandle | pd.DataFrame]]:
        """Predict `rows`, a data frame or the path of a file, or all rows of a dataset.

        A data frame gives a data frame with its index: the prediction of each row, and the
        probability of each class. A file or a dataset gives a prediction, with `to_frame` and
        `download`; so does a data frame with `wait=False`.

        Rows are read as those of the training were. `training` need not be named where only one is
        completed. The columns of role id are repeated beside the predictions, all `with_input`.
        `name` is that of the file, by default its own.
        Rows that are sent, and predictions, are kept for a day at most. `wait` as in `train`.

        Raises:
            BadArgument: not one of rows and dataset is given, or a frame cannot be sent.
            MissingPackage: a data frame needs pandas and pyarrow.
            Problem: a column is missing; or several trainings may be meant, which it lists.
            TimedOut: it has not ended after `wait` seconds; it goes on.
            PredictionFailed: it failed or was cancelled, unless `raise_on_failure` is off.
        """
        about = {"training": training, "with_input": with_input}
        return predicted(
            self, rows, dataset, about, wait, key, name, raise_on_failure=raise_on_failure
        )

    @operation
    def rename(self, title: str) -> Flow[Renamed]:
        """Give it another title."""
        renamed = yield from ask(
            Call("POST", f"{path_of(self)}/rename", Renamed, body={"title": title})
        )
        if self._data is not None:
            self._data = replace(self._data, title=renamed.title)
        return renamed

    @operation
    def compare(
        self, *, sort: str | None = None, on: str | None = None, as_of: str | None = None
    ) -> Flow[Either[Board, AsyncBoard]]:
        """Compare its trainings by their held-out rows, or `on` a dataset (NAME or NAME@VERSION).

        `sort` is a metric: the best come first.

        Raises:
            Problem: none has a value of `sort`, or there are more than 2,000 trainings.
        """
        query = {"sort": sort, "on": on, "as_of": as_of}
        return compared(self, [self.id], query, parents=[self._owner])

    @operation
    def share(self, user: str, may: Literal["read", "work"] = "read") -> Flow[Page[Reader]]:
        """Share it with a user or group/NAME, also as the experiment; return all who have a grant.

        To read, or to work in it as well: to ask for runs, and to cancel these.
        """
        body = {"user": user, "may": may}
        return ask(Call("POST", f"{path_of(self)}/share", Page[Reader], body=body))

    @operation
    def unshare(self, user: str) -> Flow[Page[Reader]]:
        """End the grant of a user or group/NAME; return the remaining ones."""
        body = {"user": user}
        return ask(Call("POST", f"{path_of(self)}/unshare", Page[Reader], body=body))

    @operation
    def leave(self) -> Flow[CommandState]:
        """Leave a session or experiment that another user has shared."""
        return ask(Call("POST", f"{path_of(self)}/leave", CommandState))

    @listing
    def readers(self) -> Pages[Reader, Reader]:
        """List the users and groups with a grant, without the owner."""
        return Pages(Call("GET", f"{path_of(self)}/readers", Page[Reader]), paged=False)

    def _as_training(self, data: Training) -> Either[TrainingHandle, AsyncTrainingHandle]:
        return either(self, TrainingHandle, AsyncTrainingHandle, self._http, self._owner, data)

    def _as_prediction(self, data: Prediction) -> Either[PredictionHandle, AsyncPredictionHandle]:
        kinds = PredictionHandle, AsyncPredictionHandle
        return either(self, *kinds, self._http, self._owner, data)

    def _as_evaluation(self, data: Evaluation) -> Either[EvaluationHandle, AsyncEvaluationHandle]:
        kinds = EvaluationHandle, AsyncEvaluationHandle
        return either(self, *kinds, self._http, self._owner, data)


def path_of(session: WorkMethods[Any]) -> str:
    """Return the path of a session, under which an experiment has its readers too."""
    return f"/v1/sessions/{segment(session.id)}"


def ended(
    run: Any,
    limit: float | None,
    then: Mapping[str, object] | None = None,
    *,
    raise_on_failure: bool,
) -> Flow[None]:
    """Wait for the end of a requested run, and of the evaluation that is to follow it."""
    if then is not None:
        run._then = then
    if limit is not None:
        yield from run._until_ended(limit, raise_on_failure=raise_on_failure)
