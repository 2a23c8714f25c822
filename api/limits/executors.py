"""Executors of blocking work, one for each purpose, so that none waits for another.

Only they use threads, apart from the process's own start, stop and rebuild. docs/pressure.md has
this table for operators.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import NamedTuple, TypeVar

from autolearn.api.http.problems import Problem, too_many
from autolearn.schemas.bounds import UPLOADS, share
from autolearn.schemas.settings import LimitSettings

T = TypeVar("T")

_READERS = min(4, max(2, os.cpu_count() or 1))
"""Threads that decrypt and encode at a time. Beyond the number of cores they would only compete
with the event loop for Python's lock, and delay cheap requests."""

ASKER: ContextVar[str] = ContextVar("asker", default="")
"""The user of the present task, "" without authentication."""


class Bound(NamedTuple):
    """The bounds of one executor.

    `threads` calls run at a time, `waiting` wait. One user may have `share` calls, running and
    waiting together, and all threads but one. Without authentication (""), or before it, there is
    no share.
    """

    threads: int
    waiting: int
    share: int


class ThreadLane:
    """Runs calls in threads of its own. Users take turns, whatever their number of calls.

    Everything here runs on the event loop, the calls aside.
    """

    def __init__(self, purpose: str, bound: Bound) -> None:
        self.purpose, self.bound = purpose, bound
        self.pool = ThreadPoolExecutor(bound.threads, purpose.replace(" ", "-"))
        self.running: Counter[str] = Counter()
        self.queues: dict[str, deque[asyncio.Future[None]]] = {}
        """What waits, by user; the user whose turn is next comes first."""

    async def run(self, call: Callable[[], T]) -> T:
        """Run a call in a thread and return its result. A started call runs to its end.

        Raises:
            Problem: too much waits already (429).
        """
        user, loop = ASKER.get(), asyncio.get_running_loop()
        await self._turn(user)

        def end(_: object) -> None:
            with suppress(RuntimeError):  # the process has ended meanwhile
                loop.call_soon_threadsafe(self._release, user)

        future = self.pool.submit(contextvars.copy_context().run, call)
        future.add_done_callback(end)
        return await asyncio.wrap_future(future)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, as a call does, for work outside the threads.

        Raises:
            Problem: too much waits already (429).
        """
        user = ASKER.get()
        await self._turn(user)
        try:
            yield
        finally:
            self._release(user)

    def close(self) -> None:
        """Wait for the running calls (blocks)."""
        self.pool.shutdown(cancel_futures=True)

    async def _turn(self, user: str) -> None:
        if not self.queues and self._may_run(user):
            self.running[user] += 1
            return
        waiting = sum(map(len, self.queues.values()))
        mine = self.running[user] + len(self.queues.get(user, ()))
        if user and mine >= self.bound.share:
            raise self._too_many(f"{mine} of your requests", self.bound.share)
        if waiting >= self.bound.waiting:
            raise self._too_many(f"{waiting} requests", self.bound.waiting)
        turn = asyncio.get_running_loop().create_future()
        self.queues.setdefault(user, deque()).append(turn)
        self._begin()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._forget(user, turn)
            else:
                self._release(user)
            raise

    def _may_run(self, user: str) -> bool:
        threads = self.bound.threads
        most = max(1, threads - 1) if user else threads
        return self.running.total() < threads and self.running[user] < most

    def _begin(self) -> None:
        for user in list(self.queues):
            if self._may_run(user):
                queue = self.queues.pop(user)
                turn = queue.popleft()
                if not turn.done():  # else the waiting request has just gone away
                    turn.set_result(None)
                    self.running[user] += 1
                if queue:
                    self.queues[user] = queue  # behind all others

    def _release(self, user: str) -> None:
        self.running[user] -= 1
        if not self.running[user]:
            del self.running[user]
        self._begin()

    def _forget(self, user: str, turn: asyncio.Future[None]) -> None:
        queue = self.queues.get(user, deque())
        with suppress(ValueError):
            queue.remove(turn)
        if not queue:
            self.queues.pop(user, None)

    def _too_many(self, who: str, bound: int) -> Problem:
        return too_many(
            f"{who} wait or are worked on here ({self.purpose}), and {bound} may: that is a fixed "
            "bound of each process. Nothing was done: try again when others are answered, or ask "
            "another process."
        )


class Executors:
    """The executors of one API process, by purpose."""

    def __init__(self, limits: LimitSettings) -> None:
        many = limits.max_followers
        self.lists = ThreadLane("read models", Bound(_READERS, limits.max_waiting, 100))
        """Reads rows of the read models, decrypts and encodes them."""
        self.log = ThreadLane("pages of the log", Bound(_READERS, 100, 10))
        """Reads records for one answer: events, diffs, the past."""
        self.brokers = ThreadLane("brokers", Bound(4, limits.max_waiting, limits.max_waiting))
        """Asks brokers where the log ends: short, and once for all who ask at the same time."""
        self.catching_up = ThreadLane("followers that catch up", Bound(4, many, many))
        """Reads records for clients that follow and are far behind."""
        self.followers = ThreadLane("followers", Bound(2, many, many))
        """Decrypts events for clients that follow."""
        self.tail = ThreadLane("the newest events", Bound(1, 4, 4))
        """Reads the newest events once for all who follow."""
        self.artifacts = ThreadLane("artifacts", Bound(4, limits.max_waiting, 100))
        """Fetches files of trained models."""
        self.uploads = ThreadLane("uploads", Bound(4, limits.max_waiting, 100))
        """Writes what comes in to the disk, and puts it into the artifact store."""
        self.examining = ThreadLane("files to examine", Bound(4, UPLOADS, share(UPLOADS)))
        """Examines files, and exports models, each in a process of its own, which takes memory."""
        self.reading = ThreadLane("files to read", Bound(4, UPLOADS, share(UPLOADS)))
        """Reads stored files for people who look at them, each in a process of its own."""
        self.needed = ThreadLane("datasets to delete", Bound(1, 20, 5))
        """Looks through all experiments for a dataset, one at a time."""
        self.lineage = ThreadLane("lineage", Bound(1, 40, 5))
        """Looks through all runs and versions for what was made of what, one at a time."""
        self.inference = ThreadLane("predictions", Bound(2, limits.max_waiting, 100))
        """Loads models, and answers rows."""
        self.passwords = ThreadLane("passwords", Bound(2, 48, 50))
        """Hashes passwords."""
        self.operators = ThreadLane("questions of operators", Bound(2, 20, 10))
        """Reads dead letters, digests and the behaviour log, and looks at the installation."""

    def close(self) -> None:
        """Wait for the running calls (blocks)."""
        for executor in vars(self).values():
            executor.close()
