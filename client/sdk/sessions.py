"""Sessions and experiments, for both clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from msgspec.structs import replace

from autolearn.client.sdk.errors import BadArgument, Problem
from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.again import evaluation_again, settings_again
from autolearn.client.sdk.handles.annotations import AnnotationMethods
from autolearn.client.sdk.handles.board import AsyncBoard, Board, compared
from autolearn.client.sdk.handles.grid import Candidate, Grid, expanded
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
    every,
    require_metrics,
)
from autolearn.client.sdk.handles.studies import AsyncStudyHandle, StudyHandle
from autolearn.client.sdk.handles.training_group import AsyncTrainingGroup, TrainingGroup
from autolearn.client.sdk.operation import Either, begun, chained, either, operation
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.transport import AwaitingPart, BlockingPart
from autolearn.schemas.catalog import BASELINES
from autolearn.schemas.rest.catalog import CatalogEstimator, Dataset
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.experiments import (
    DeletedExperiment,
    ExperimentOverview,
    ExperimentPage,
    ExperimentSummary,
)
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.runs import Evaluation, Prediction, Study, Training
from autolearn.schemas.rest.sessions import (
    Discarded,
    Reader,
    Renamed,
    SessionOverview,
    SessionSummary,
)
from autolearn.schemas.stream_kinds import KINDS
from autolearn.schemas.values import ColumnRole, RunStatus

if TYPE_CHECKING:
    import httpx
    import pandas as pd


class SessionWithRuns(SessionOverview, kw_only=True, frozen=True):
    """An open session with all its runs."""

    trainings: list[Training] = []
    evaluations: list[Evaluation] = []
    predictions: list[Prediction] = []
    studies: list[Study] = []

    def __repr__(self) -> str:
        return f"<Session {self.id[:8]} {self.title!r} with its runs{_counted(self)}>"


class ExperimentWithRuns(ExperimentOverview, kw_only=True, frozen=True):
    """An experiment with all its runs: those with a number beyond `sequence` came since."""

    trainings: list[Training] = []
    evaluations: list[Evaluation] = []
    predictions: list[Prediction] = []

    def __repr__(self) -> str:
        return f"<Experiment {self.id[:8]} {self.title!r} with its runs{_counted(self)}>"


_Kept = ExperimentSummary | ExperimentOverview
D = TypeVar("D", bound=SessionSummary | ExperimentSummary | ExperimentOverview)


class WorkMethods(AnnotationMethods[D]):
    """What open sessions and experiments have in common: runs, and readers."""

    _owner: RunParent

    @property
    def id(self) -> str:
        """Its id."""
        return self._owner.id

    def _annotated_path(self) -> str:
        return _at(self)

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
        }
        limit = seconds_of_wait(wait)
        data = yield from self._owner.ask(
            lambda at: ask(
                waiting(Call("POST", f"{at}/evaluations", Evaluation, body=body, key=key), limit)
            )
        )
        made = self._as_evaluation(data)
        yield from _ended(made, limit, raise_on_failure=raise_on_failure)
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
            Call("POST", f"{_at(self)}/rename", Renamed, body={"title": title})
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
        return ask(Call("POST", f"{_at(self)}/share", Page[Reader], body=body))

    @operation
    def unshare(self, user: str) -> Flow[Page[Reader]]:
        """End the grant of a user or group/NAME; return the remaining ones."""
        body = {"user": user}
        return ask(Call("POST", f"{_at(self)}/unshare", Page[Reader], body=body))

    @operation
    def leave(self) -> Flow[CommandState]:
        """Leave a session or experiment that another user has shared."""
        return ask(Call("POST", f"{_at(self)}/leave", CommandState))

    @listing
    def readers(self) -> Pages[Reader, Reader]:
        """List the users and groups with a grant, without the owner."""
        return Pages(Call("GET", f"{_at(self)}/readers", Page[Reader]), paged=False)

    def _as_training(self, data: Training) -> Either[TrainingHandle, AsyncTrainingHandle]:
        return either(self, TrainingHandle, AsyncTrainingHandle, self._http, self._owner, data)

    def _as_prediction(self, data: Prediction) -> Either[PredictionHandle, AsyncPredictionHandle]:
        kinds = PredictionHandle, AsyncPredictionHandle
        return either(self, *kinds, self._http, self._owner, data)

    def _as_evaluation(self, data: Evaluation) -> Either[EvaluationHandle, AsyncEvaluationHandle]:
        kinds = EvaluationHandle, AsyncEvaluationHandle
        return either(self, *kinds, self._http, self._owner, data)


class OneSession(WorkMethods[SessionSummary]):
    """A session. It stays open until it is committed, discarded, or expires."""

    _fields = frozenset(SessionOverview.__struct_fields__)

    def _title(self) -> str:
        title = "(confidential)" if self.data.withheld else repr(self.data.title)
        ended = ", committed" if self._owner.kind == "experiment" else ""
        return f"Session {self.id[:8]} {title}{_counted(self.data)}{ended}"

    def _about(self) -> dict[str, object]:
        one = self.data
        return {
            "session": one.id[:8],
            "title": "(confidential)" if one.withheld else one.title,
            "tags": ", ".join(one.tags),
            "owner": one.actor,
            "created": one.created,
            "updated": one.updated,
            "runs": _counted(one).strip(", "),
        }

    @chained
    def refresh(self) -> Flow[None]:
        """Get its present state."""
        self._data = yield from ask(Call("GET", _at(self), SessionOverview))
        self._owner.id = self._data.id

    @operation
    def content(self, *, as_of: str | None = None) -> Flow[SessionWithRuns]:
        """Return the session with all its runs and their progress; or its state at a point.

        A point is a position's token or a time, RFC 3339 with a zone, here and elsewhere. All runs
        may take many requests: `trainings` and `evaluations` fetch them as they are needed.
        """
        return _whole(Call("GET", _at(self), SessionWithRuns, {"as_of": as_of}))

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
        seed: int | None = None,
        time_limit: float | None = None,
        memory_limit: int | None = None,
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
        "stratify": bool, "by": random|time|group|column, "column": name, "folds": number}; the
        folds of a cross-validation are scored by `fold_metrics`, by default by `metrics`. The
        `preprocessing` is {"impute": "mean", "columns": {"age": {"scale": "none"}}, …}, with the
        names of docs/preprocessing.md.

        `calibrate` ("sigmoid" or "isotonic") makes probabilities what they say; the `threshold` is
        a probability, as 0.3 or "0.3:yes", or chosen by a metric, as "f1:yes".

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
            "seed": seed,
            "time_limit": time_limit,
            "memory_limit": memory_limit,
        }
        limit = seconds_of_wait(wait)
        call = Call("POST", f"{_at(self)}/trainings", Training, body=body, key=key)
        made = self._as_training((yield from ask(waiting(call, limit))))
        then = None if metrics is None else {"metrics": metrics, "positive": positive}
        yield from _ended(made, limit, then, raise_on_failure=raise_on_failure)
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
        train = vars(OneSession)["train"].flow
        data = recorded.dataset.name if dataset is None else dataset
        made: Any = yield from begun(
            train, self, recorded.estimator, data, wait=False, key=key, **settings
        )
        then, limit = evaluation_again(evaluations, recorded.id), seconds_of_wait(wait)
        yield from _ended(made, limit, then, raise_on_failure=raise_on_failure)
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
            Problem: one is refused; those before it are cancelled.
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
        train = vars(OneSession)["train"].flow
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
        }
        limit = seconds_of_wait(wait)
        call = Call("POST", f"{_at(self)}/studies", Study, body=body, key=key)
        made = self._as_study((yield from ask(waiting(call, limit))))
        yield from _ended(made, limit, raise_on_failure=raise_on_failure)
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
        return Pages(Call("GET", f"{_at(self)}/studies", Page[Study], query), self._as_study, limit)

    def _as_study(self, data: Study) -> Either[StudyHandle, AsyncStudyHandle]:
        return either(self, StudyHandle, AsyncStudyHandle, self._http, self._owner, data)

    @listing
    def trainings(
        self, *, status: RunStatus | None = None, limit: int | None = None, as_of: str | None = None
    ) -> Pages[TrainingHandle, AsyncTrainingHandle]:
        """List the trainings in the order of their requests, at most `limit`."""
        query = {"status": status, "as_of": as_of}
        call = Call("GET", f"{self._owner.path}/trainings", Page[Training], query)
        return Pages(call, self._as_training, limit)

    @listing
    def evaluations(
        self, *, status: RunStatus | None = None, limit: int | None = None, as_of: str | None = None
    ) -> Pages[EvaluationHandle, AsyncEvaluationHandle]:
        """List the evaluations in the order of their requests, at most `limit`."""
        query = {"status": status, "as_of": as_of}
        call = Call("GET", f"{self._owner.path}/evaluations", Page[Evaluation], query)
        return Pages(call, self._as_evaluation, limit)

    @operation
    def commit(
        self,
        keep: Sequence[str | TrainingHandle | AsyncTrainingHandle] | None = None,
        *,
        note: str | None = None,
    ) -> Flow[Either[ExperimentHandle, AsyncExperimentHandle]]:
        """Commit the session as an experiment: all completed trainings, or only those to `keep`.

        A `note` is added before.
        """
        if note is not None:
            yield from self._annotate("note", {"note": note})
        named = None if keep is None else [one if isinstance(one, str) else one.id for one in keep]
        call = Call("POST", f"{_at(self)}/commit", ExperimentOverview, body={"trainings": named})
        kept = yield from ask(call)
        self._owner.commit()
        kinds = ExperimentHandle, AsyncExperimentHandle
        return either(self, *kinds, self._http, self._owner, kept)

    @operation
    def keep(self) -> Flow[SessionSummary]:
        """Keep the expiring session."""
        return ask(Call("POST", f"{_at(self)}/keep", SessionSummary))

    @operation
    def discard(self) -> Flow[Discarded]:
        """End the session and keep nothing of it."""
        discarded = yield from ask(Call("POST", f"{_at(self)}/discard", Discarded))
        self._owner.open = False
        return discarded

    def _leave_open(self, error: BaseException | None) -> None:
        """Say which session stays open when a `with` block ends by an error."""
        if error is not None and self._owner.open:
            name = f"Session {self.id[:8]} {self.data.title!r}"
            error.add_note(f"{name} stays open: session(id={self.id!r}) returns to it.")


class ExperimentMethods(WorkMethods[_Kept]):
    """An experiment: a committed session, with the runs that it keeps."""

    _fields = frozenset(ExperimentOverview.__struct_fields__)

    def _title(self) -> str:
        title = "(confidential)" if self.data.withheld else repr(self.data.title)
        return f"Experiment {self.id[:8]} {title}{_counted(self.data)}"

    def _about(self) -> dict[str, object]:
        one = self.data
        return {
            "experiment": one.id[:8],
            "title": "(confidential)" if one.withheld else one.title,
            "tags": ", ".join(one.tags),
            "owner": one.actor,
            "committed": one.committed,
            "runs": _counted(one).strip(", "),
            "data": ", ".join(ref.name for ref in one.training_data),
        }

    @chained
    def refresh(self) -> Flow[None]:
        """Get its present state."""
        self._data = yield from ask(Call("GET", self._owner.path, ExperimentOverview))
        self._owner.id = self._data.id

    @operation
    def content(self, *, as_of: str | None = None) -> Flow[ExperimentWithRuns]:
        """Return the experiment with all its runs, which may take many requests."""
        return _whole(Call("GET", self._owner.path, ExperimentWithRuns, {"as_of": as_of}))

    @listing
    def trainings(
        self, *, limit: int | None = None, as_of: str | None = None
    ) -> Pages[TrainingHandle, AsyncTrainingHandle]:
        """List the trainings that it keeps, in the order of their requests, at most `limit`."""
        path = f"{self._owner.path}/trainings"
        return Pages(Call("GET", path, Page[Training], {"as_of": as_of}), self._as_training, limit)

    @listing
    def evaluations(
        self, *, limit: int | None = None, as_of: str | None = None
    ) -> Pages[EvaluationHandle, AsyncEvaluationHandle]:
        """List the evaluations, also those since the commit, at most `limit`."""
        call = Call("GET", f"{self._owner.path}/evaluations", Page[Evaluation], {"as_of": as_of})
        return Pages(call, self._as_evaluation, limit)

    @operation
    def delete(self) -> Flow[DeletedExperiment]:
        """Delete the experiment: none of it can be read any more."""
        return ask(Call("POST", f"{self._owner.path}/delete", DeletedExperiment))


class SessionHandle(OneSession, BlockingPart):
    """An open session. At the end of a `with` block it stays open, as after an error."""

    def __init__(self, http: httpx.Client, owner: RunParent, data: SessionSummary | None) -> None:
        super().__init__(http)
        self._owner, self._data = owner, data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave_open(error)


class AsyncSessionHandle(OneSession, AwaitingPart):
    """An open session, to await."""

    def __init__(
        self, http: httpx.AsyncClient, owner: RunParent, data: SessionSummary | None
    ) -> None:
        super().__init__(http)
        self._owner, self._data = owner, data

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave_open(error)


class ExperimentHandle(ExperimentMethods, BlockingPart):
    """An experiment."""

    def __init__(self, http: httpx.Client, owner: RunParent, data: _Kept | None) -> None:
        super().__init__(http)
        self._owner, self._data = owner, data


class AsyncExperimentHandle(ExperimentMethods, AwaitingPart):
    """An experiment, to await."""

    def __init__(self, http: httpx.AsyncClient, owner: RunParent, data: _Kept | None) -> None:
        super().__init__(http)
        self._owner, self._data = owner, data


class SessionOpener:
    """Sessions, as the client opens them."""

    _http: Any

    @operation
    def session(
        self,
        title: str = "",
        *,
        id: str | None = None,  # noqa: A002 - the word for it
        expires: float | None = None,
    ) -> Flow[Either[SessionHandle, AsyncSessionHandle]]:
        """Open a session of this title; with `id` return to one, by its id or the start of it.

        It expires when it is unused for `expires` days, 0: never; None: the system's default. In a
        `with` block an error names the session, which stays open.

        Raises:
            BadArgument: the title is an id.
        """
        if id is not None:
            found = yield from ask(Call("GET", f"/v1/sessions/{segment(id)}", SessionOverview))
            return _session(self, RunParent(found.id), found)
        if KINDS["session"].fits(title):
            raise BadArgument(f"{title} is an id.", advice=f"session(id={title!r}) returns to it.")
        return (yield from _opened(self, title, expires))


class Sessions:
    """The open sessions."""

    _http: Any

    @operation
    def open(
        self, title: str = "", *, expires: float | None = None, key: str | None = None
    ) -> Flow[Either[SessionHandle, AsyncSessionHandle]]:
        """Open a session. `key` makes a repetition by another process safe.

        It expires when it is unused for `expires` days, 0: never; None: the system's default.
        """
        return _opened(self, title, expires, key)

    @listing
    def list(
        self, *, limit: int | None = None, as_of: str | None = None, shared: bool = False
    ) -> Pages[SessionHandle, AsyncSessionHandle]:
        """List the open sessions, newest first, at most `limit`; or those others have `shared`."""
        query = {"as_of": as_of, "shared": shared or None}
        call = Call("GET", "/v1/sessions", Page[SessionSummary], query)
        return Pages(call, lambda one: _session(self, RunParent(one.id), one), limit)


class Experiments:
    """The committed sessions."""

    _http: Any

    @listing
    def list(
        self,
        *,
        where: str | None = None,
        estimator: str | None = None,
        dataset: str | None = None,
        tag: str | Sequence[str] | None = None,
        owner: str | None = None,
        since: str | None = None,
        grep: str | None = None,
        limit: int | None = None,
        as_of: str | None = None,
        shared: bool = False,
    ) -> Pages[ExperimentHandle, AsyncExperimentHandle]:
        """List the experiments, the newest commit first, at most `limit`; or the `shared` ones.

        Those found have a training of the `estimator` for which all conditions of `where` hold,
        such as "f1 > 0.8 and fit_seconds < 10": `matches` has its id. Names are those of the
        columns of a comparison: f1, f1:yes, "f1 (folds)" and "cost (logged)" in double quotes. They
        were trained on the `dataset` (NAME or NAME@VERSION), have every `tag`, are of the `owner`
        ("me"), were committed `since` a time (RFC 3339, or "7d"), and have each word of `grep` in
        the title, a note or a tag.

        Raises:
            Problem: the conditions or the time cannot be used.
        """
        query = {
            "where": where,
            "estimator": estimator,
            "dataset": dataset,
            "tag": [tag] if isinstance(tag, str) else tag,
            "owner": owner,
            "since": since,
            "grep": grep,
            "as_of": as_of,
            "shared": shared or None,
        }
        call = Call("GET", "/v1/experiments", ExperimentPage, query)
        return Pages(call, lambda one: _experiment(self, one), limit)

    @operation
    def get(self, experiment: str) -> Flow[Either[ExperimentHandle, AsyncExperimentHandle]]:
        """Get an experiment by its id, or the start of it."""
        path = f"/v1/experiments/{segment(experiment)}"
        return _experiment(self, (yield from ask(Call("GET", path, ExperimentOverview))))


def _opened(
    client: Any, title: str, expires: float | None, key: str | None = None
) -> Flow[Either[SessionHandle, AsyncSessionHandle]]:
    """Open a session."""
    body = {"title": title} if expires is None else {"title": title, "expires": expires}
    data = yield from ask(Call("POST", "/v1/sessions", SessionOverview, body=body, key=key))
    return _session(client, RunParent(data.id), data)


def _session(
    client: Any, owner: RunParent, data: SessionSummary
) -> Either[SessionHandle, AsyncSessionHandle]:
    """Return a session as an object."""
    return either(client, SessionHandle, AsyncSessionHandle, client._http, owner, data)


def _experiment(client: Any, data: _Kept) -> Either[ExperimentHandle, AsyncExperimentHandle]:
    owner = RunParent(data.id, "experiment")
    return either(client, ExperimentHandle, AsyncExperimentHandle, client._http, owner, data)


def _at(session: WorkMethods[Any]) -> str:
    """Return the path of a session, under which an experiment has its readers too."""
    return f"/v1/sessions/{segment(session.id)}"


def _ended(
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


def _all_ended(group: Any, limit: float | None, *, progress: bool) -> Flow[None]:
    """Wait for the ends of several trainings, if that is wanted."""
    if limit is not None:
        yield from group._until_ended(limit, progress=progress)


def _counted(one: Any) -> str:
    """Return the numbers of runs in words, where they are known."""
    numbers = {kind: sum(states.values()) for kind, states in getattr(one, "counts", {}).items()}
    if not numbers.get("studies"):
        numbers.pop("studies", None)
    one_of = {"studies": "study"}
    return "".join(
        f", {many} {one_of.get(kind, kind[:-1]) if many == 1 else kind}"
        for kind, many in numbers.items()
    )


W = TypeVar("W", SessionWithRuns, ExperimentWithRuns)
_NO_QUERY: Mapping[str, object] = MappingProxyType({})


def _whole(call: Call[W]) -> Flow[W]:
    """Return a session or experiment with all its runs, unless they are withheld."""
    found = yield from ask(call)
    if found.withheld:
        return found
    trainings = yield from every(f"{call.path}/trainings", Page[Training], call.query)
    evaluations = yield from every(f"{call.path}/evaluations", Page[Evaluation], call.query)
    found = replace(found, trainings=trainings, evaluations=evaluations)
    if isinstance(found, SessionWithRuns) and found.counts.get("studies"):
        studies = yield from every(f"{call.path}/studies", Page[Study], call.query)
        found = replace(found, studies=studies)
    since = getattr(found, "since_commit", {})
    if not (found.counts.get("predictions") or since.get("predictions")):
        return found
    predictions = yield from every(f"{call.path}/predictions", Page[Prediction], call.query)
    return replace(found, predictions=predictions)
