"""Several trainings as one object: requested together, waited for together, compared."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from autolearn.client.sdk.errors import TimedOut
from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.board import AsyncBoard, Board, compared
from autolearn.client.sdk.handles.display import printable, table_html
from autolearn.client.sdk.handles.progress import progress_bar
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.handles.runs import AsyncTrainingHandle, TrainingHandle
from autolearn.client.sdk.operation import Either, chained, operation
from autolearn.client.sdk.transport import AwaitingPart, BlockingPart
from autolearn.schemas.rest.sessions import SessionOverview

if TYPE_CHECKING:
    import httpx

T = TypeVar("T", TrainingHandle, AsyncTrainingHandle)
_STEP = 2.0
"""Seconds after which the progress is requested again."""


class GroupMethods(Generic[T]):
    """Several trainings of one session, in the order of their requests: iterate over them."""

    _http: Any
    _runs: list[T]
    _owner: RunParent
    _metrics: Sequence[str]

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[T]:
        return iter(self._runs)

    def __getitem__(self, place: int) -> T:
        return self._runs[place]

    @property
    def failed(self) -> list[T]:
        """The trainings that failed or were cancelled."""
        return [one for one in self._runs if one.status in ("failed", "cancelled")]

    @chained
    def wait(self, timeout: float | None = None, *, progress: bool = True) -> Flow[None]:
        """Wait for the end of all, and for their results; those that fail are in `failed`.

        Raises:
            TimedOut: some have not ended after `timeout` seconds; they go on.
        """
        yield from self._until_ended(math.inf if timeout is None else timeout, progress=progress)

    def _until_ended(self, limit: float, *, progress: bool) -> Flow[None]:
        until, steps = time.monotonic() + limit, 2 if self._metrics else 1
        total = len(self._runs)
        with progress_bar(f"{total} trainings", total * steps, shown=progress) as show:
            try:
                for place, run in enumerate(self._runs):
                    yield from self._step(run, until, lambda done: show(done * steps), place)
                    yield from run._follow_up()
                    show((place + 1) * steps - (1 if run._measured else 0))
                for run in self._runs:
                    for evaluation in run._measured:
                        yield from self._step(evaluation, until, lambda _: None, 0)
                show(total * steps)
            except BaseException as error:
                if not isinstance(error, Exception):  # Ctrl-C, or a task that is cancelled
                    error.add_note(f"{self._title()}: those that have not ended go on.")
                raise

    def _step(self, run: Any, until: float, show: Any, place: int) -> Flow[None]:
        """Wait for the end of one run, and show how many have ended meanwhile."""
        while run.data.ended is None:
            left = until - time.monotonic()
            if left <= 0:
                for one in self._runs:
                    if one.data.ended is None:
                        yield from one._refreshed(None)
                late = sum(one.data.ended is None for one in self._runs)
                if not late:
                    return
                raise TimedOut(
                    self,
                    f"{late} of {len(self)} trainings have not ended in time",
                    "They go on.",
                    "Their method wait() waits again, cancel() stops them.",
                )
            yield from run._refreshed(min(_STEP, left))
            if run.data.ended is None and self._owner.open:
                now = yield from ask(Call("GET", self._owner.path, SessionOverview))
                states = now.counts.get("trainings", {})
                waiting = states.get("open", 0) + states.get("started", 0)
                show(max(place, len(self) - waiting))

    @chained
    def cancel(self) -> Flow[None]:
        """Stop those that have not ended."""
        for run in self._runs:
            if run.data.ended is None:
                yield from run._cancelled()

    @operation
    def compare(
        self, *, sort: str | None = None, on: str | None = None
    ) -> Flow[Either[Board, AsyncBoard]]:
        """Compare them by their held-out rows, or `on` a dataset (NAME or NAME@VERSION).

        `sort` is a metric, by default the first one that was given: the best come first.

        Raises:
            Problem: none has a value of `sort`.
        """
        if sort is None and on is None and self._metrics and len(self.failed) < len(self):
            sort = self._metrics[0]
        return compared(
            self,
            [self._owner.id],
            {"sort": sort, "on": on},
            known=self._runs,
            parents=[self._owner],
            only={one.id for one in self._runs},
        )

    def _title(self) -> str:
        states = Counter(one.status for one in self._runs)
        many = f"{len(self)} training{'' if len(self) == 1 else 's'}"
        return f"{many}: {', '.join(f'{n} {state}' for state, n in states.items())}"

    def __repr__(self) -> str:
        return f"<{printable(self._title())}>"

    def _repr_html_(self) -> str:
        rows = [one._about() for one in self._runs]
        heads = list(dict.fromkeys(name for row in rows for name in row))
        return table_html(heads, ([row.get(head) for head in heads] for row in rows))


class TrainingGroup(GroupMethods[TrainingHandle], BlockingPart):
    """Several trainings."""

    def __init__(
        self,
        http: httpx.Client,
        owner: RunParent,
        runs: list[TrainingHandle],
        metrics: Sequence[str],
    ) -> None:
        super().__init__(http)
        self._owner, self._runs, self._metrics = owner, runs, metrics


class AsyncTrainingGroup(GroupMethods[AsyncTrainingHandle], AwaitingPart):
    """Several trainings, to await."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        owner: RunParent,
        runs: list[AsyncTrainingHandle],
        metrics: Sequence[str],
    ) -> None:
        super().__init__(http)
        self._owner, self._runs, self._metrics = owner, runs, metrics
