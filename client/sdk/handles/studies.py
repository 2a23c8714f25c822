"""Studies as objects: wait for them, and get their best trial and all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autolearn.client.sdk.errors import BadArgument, StudyFailed
from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.pages import Pages, listing
from autolearn.client.sdk.handles.run_methods import SHORT_ID, RunMethods
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.handles.runs import AsyncTrainingHandle, TrainingHandle
from autolearn.client.sdk.operation import Either, either, operation
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.transport import AwaitingPart, BlockingPart
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.runs import Study, Training

if TYPE_CHECKING:
    import httpx


class StudyMethods(RunMethods[Study]):
    """A study. Once it is completed, `score` is that of the best trial over its folds.

    `second` and `defaults` compare it with the next one, and with the defaults; `held_out` has the
    metrics of the best on the held-out rows, which choose nothing.
    """

    _kind, _type, _failed = "study", Study, StudyFailed
    _fields = frozenset(Study.__struct_fields__) - {"best", "trials"}

    @operation
    def best(self) -> Flow[Either[TrainingHandle, AsyncTrainingHandle]]:
        """Get the best trial: a training, fitted on all training rows.

        Raises:
            BadArgument: the study is not completed.
        """
        run = self.data.best
        if not run:
            raise BadArgument(f"{self._name()} has no best trial: it is {self._state()}.")
        found = yield from self._owner.ask(
            lambda at: ask(Call("GET", f"{at}/trainings/{segment(run)}", Training))
        )
        return self._as_training(found)

    @listing
    def trials(self, *, limit: int | None = None) -> Pages[TrainingHandle, AsyncTrainingHandle]:
        """List the trials in the order of their requests, at most `limit`."""
        call = Call("GET", f"{self._owner.path}/trainings", Page[Training], {"study": self.id})
        return Pages(call, self._as_training, limit)

    def _as_training(self, data: Training) -> Either[TrainingHandle, AsyncTrainingHandle]:
        return either(self, TrainingHandle, AsyncTrainingHandle, self._http, self._owner, data)

    def _name(self) -> str:
        names = [one.estimator for one in self.data.candidates]
        what = names[0] if len(names) == 1 else f"{len(names)} estimators"
        return f"Study {self.id[:SHORT_ID]} of {what} on {self.data.dataset.name}"

    def _title(self) -> str:
        score = self.data.score
        best = "" if score is None else f", best {self.data.metric} {score:.4g}"
        return f"{self._name()}: {self._state()}{best}"

    def _about(self) -> dict[str, object]:
        one = self.data
        given = ", ".join(f"{name}={value!r}" for name, value in one.hyperparameters.items())
        return {
            "study": self.id[:SHORT_ID],
            "dataset": one.dataset.name,
            "status": self._state(),
            "reason": one.reason,
            "best trial": one.best[:SHORT_ID],
            "estimator": one.estimator,
            "hyperparameters": given,
            f"{one.metric} (folds)": one.score,
            **{f"{name} (held out)": value for name, value in one.held_out.items()},
        }


class StudyHandle(StudyMethods, BlockingPart):
    """A study."""

    def __init__(self, http: httpx.Client, owner: RunParent, data: Study) -> None:
        super().__init__(http)
        self._begin(owner, data)


class AsyncStudyHandle(StudyMethods, AwaitingPart):
    """A study, to await."""

    def __init__(self, http: httpx.AsyncClient, owner: RunParent, data: Study) -> None:
        super().__init__(http)
        self._begin(owner, data)
