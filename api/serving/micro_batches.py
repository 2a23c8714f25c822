"""Answers requests to scikit-learn together: those that came while the ones before were answered.

A call of scikit-learn takes about as long for twenty rows as for one. Nobody waits for others to
come: a request to a model that is idle is answered at once. An answer has the same bits as alone:
`OnlineModel.together` says what may be computed so.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from msgspec import Struct, field

from autolearn.api.http.problems import too_many
from autolearn.api.limits.executors import ASKER, ThreadLane
from autolearn.api.serving.asked_models import AskedModel
from autolearn.api.serving.rows import GivenRows, unfit
from autolearn.schemas.bounds import ONLINE_ROWS

if TYPE_CHECKING:  # scikit-learn is imported with the first model
    from autolearn.ml.prediction.online import Answered, OnlineModel

_TOGETHER = 64
"""Requests that one call answers at most. They have ONLINE_ROWS rows together, or there is one."""
_SHORT = 0.002
"""Seconds that a call may take on the event loop: asking a thread would take longer."""


class _Waiting(NamedTuple):
    """A request that waits for its answer."""

    given: GivenRows
    answer: asyncio.Future[Answered]


class _Queue(Struct):
    """What waits for a model, and what its last call has cost: seconds of a processor, and rows."""

    seconds: float
    rows: int = 1
    waiting: deque[_Waiting] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


class MicroBatches:
    """Everything here runs on the event loop, calls that take long aside.

    One call of a model runs at a time. As many requests may wait, in all and of one user, as for
    the threads of `lane`.
    """

    def __init__(self, lane: ThreadLane) -> None:
        self.lane = lane
        self.queues: WeakKeyDictionary[OnlineModel, _Queue] = WeakKeyDictionary()
        self.users: Counter[str] = Counter()
        """The requests that wait or are answered, by user."""

    async def answer(self, given: GivenRows, asked: AskedModel) -> Answered:
        """Answer the rows of a request.

        Raises:
            Problem: they do not fit (422), or too many requests wait (429).
        """
        from autolearn.ml.errors import InputError

        user, bound = asked.who.name, self.lane.bound
        if self.users.total() >= bound.waiting or (user and self.users[user] >= bound.share):
            raise too_many(
                f"{self.users[user]} of your requests and {self.users.total()} in all wait for "
                f"models here, and {bound.share} and {bound.waiting} may: that is a fixed bound of "
                "each process. Nothing was done: try again, or ask another process."
            )
        model = asked.loaded.model
        queue = self.queues.get(model)
        if queue is None:
            queue = self.queues[model] = _Queue(0.0 if model.plan is not None else 1.0)
        one = _Waiting(given, asyncio.get_running_loop().create_future())
        queue.waiting.append(one)
        self.users[user] += 1
        try:
            if queue.task is None:
                queue.task = asyncio.create_task(self._work(model, queue))
            return await one.answer
        except InputError as error:
            raise unfit(error, asked.model) from None
        finally:
            self.users[user] -= 1
            if not self.users[user]:
                del self.users[user]

    async def _work(self, model: OnlineModel, queue: _Queue) -> None:
        """Answer what waits for a model, then what came meanwhile, until nothing does."""
        ASKER.set("")  # the requests of a batch are of several users
        while some := _taken(queue):
            given = [one.given for one in some]
            rows = sum(one.rows for one in given)
            compute = partial(_computed, model, given)
            try:
                if queue.seconds * max(1, rows / queue.rows) <= _SHORT:
                    found, seconds = compute()
                else:
                    found, seconds = await self.lane.run(compute)
                queue.seconds, queue.rows = seconds, rows
            except Exception as error:  # noqa: BLE001 - such as that no thread was to be had
                found = [error] * len(some)
            for one, answer in zip(some, found, strict=True):
                if one.answer.done():  # the client has gone away
                    continue
                if isinstance(answer, Exception):
                    one.answer.set_exception(answer)
                else:
                    one.answer.set_result(answer)
            await asyncio.sleep(0)  # the loop goes on with what came meanwhile
        queue.task = None


def _taken(queue: _Queue) -> list[_Waiting]:
    """Take the requests of the next call from a queue."""
    found, rows = list[_Waiting](), 0
    while queue.waiting and len(found) < _TOGETHER:
        one = queue.waiting[0]
        if found and rows + one.given.rows > ONLINE_ROWS:
            break
        queue.waiting.popleft()
        if not one.answer.done():
            found.append(one)
            rows += one.given.rows
    return found


def _computed(
    model: OnlineModel, given: Sequence[GivenRows]
) -> tuple[list[Answered | Exception], float]:
    """Return the answer or the error of each request, and the seconds of the processor."""
    started = time.thread_time()
    requests = [(one.columns, one.rows) for one in given]
    found: list[Answered | Exception] = []
    try:
        found += model.answer_together(requests)
    except Exception:  # noqa: BLE001 - each request is to have its own
        for one in requests:
            try:
                found += model.answer_together([one])
            except Exception as error:  # noqa: BLE001 - its request raises it
                found.append(error)
    return found, time.thread_time() - started
