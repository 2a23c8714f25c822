"""Sessions and experiments, for both clients."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from msgspec.structs import replace

from autolearn.client.sdk.errors import BadArgument
from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.pages import Pages, listing
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.handles.runs import (
    AsyncEvaluationHandle,
    AsyncTrainingHandle,
    EvaluationHandle,
    TrainingHandle,
    every,
)
from autolearn.client.sdk.handles.titles import experiment_called
from autolearn.client.sdk.operation import Either, chained, either, operation
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.transport import AwaitingPart, BlockingPart
from autolearn.client.sdk.work.train import TrainMethods
from autolearn.client.sdk.work.tune import TuneMethods
from autolearn.client.sdk.work.work_methods import WorkMethods, path_of
from autolearn.schemas.rest.experiments import (
    DeletedExperiment,
    ExperimentOverview,
    ExperimentPage,
    ExperimentSummary,
)
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.runs import Evaluation, Prediction, Study, Training
from autolearn.schemas.rest.sessions import Discarded, SessionOverview, SessionSummary
from autolearn.schemas.stream_kinds import KINDS
from autolearn.schemas.values import RunStatus

if TYPE_CHECKING:
    import httpx


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


_START = re.compile(r"[0-9a-f-]{1,36}")
_Kept = ExperimentSummary | ExperimentOverview


class OneSession(TrainMethods, TuneMethods):
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
        self._data = yield from ask(Call("GET", path_of(self), SessionOverview))
        self._owner.id = self._data.id

    @operation
    def content(self, *, as_of: str | None = None) -> Flow[SessionWithRuns]:
        """Return the session with all its runs and their progress; or its state at a point.

        A point is a position's token or a time, RFC 3339 with a zone, here and elsewhere. All runs
        may take many requests: `trainings` and `evaluations` fetch them as they are needed.
        """
        return _whole(Call("GET", path_of(self), SessionWithRuns, {"as_of": as_of}))

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
        call = Call(
            "POST", f"{path_of(self)}/commit", ExperimentOverview, body={"trainings": named}
        )
        kept = yield from ask(call)
        self._owner.commit()
        kinds = ExperimentHandle, AsyncExperimentHandle
        return either(self, *kinds, self._http, self._owner, kept)

    @operation
    def keep(self) -> Flow[SessionSummary]:
        """Keep the expiring session."""
        return ask(Call("POST", f"{path_of(self)}/keep", SessionSummary))

    @operation
    def discard(self) -> Flow[Discarded]:
        """End the session and keep nothing of it."""
        discarded = yield from ask(Call("POST", f"{path_of(self)}/discard", Discarded))
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
        """Get an experiment by its id or its title, or the start of either.

        Raises:
            BadArgument: none of yours is called so, or several are.
        """
        if not _START.fullmatch(experiment.lower()):
            experiment = yield from experiment_called(experiment)
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
