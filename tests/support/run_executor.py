"""An executor of hostile kinds of work, and what is asked of the processes that it starts."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from autolearn.agents.executors.executor import Limits
from autolearn.agents.executors.local.executor import LocalExecutor
from tests.support import hostile_kinds
from tests.support.waiting import soon

ENOUGH = Limits(time_s=30, memory_mb=4096)
Story = Callable[[LocalExecutor], Coroutine[Any, Any, None]]


@contextmanager
def importable() -> Iterator[None]:
    """Let the fork server import the tests."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    try:
        yield
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def play(story: Story, store: str = "memory://executor", grace: float = 10.0) -> None:
    """Tell a story with an executor of hostile kinds."""

    async def told() -> None:
        kinds, results = "tests.support.hostile_kinds", hostile_kinds.RESULTS
        executor = LocalExecutor(store, kinds, results, grace=grace)
        try:
            await story(executor)
        finally:
            await executor.close()

    with importable():
        asyncio.run(told())


async def gone(*pids: int) -> None:
    """Wait until processes have ended (at most ten seconds)."""
    await soon(lambda: not any(psutil.pid_exists(pid) and not zombie(pid) for pid in pids))


def zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Family:
    """The processes of a `stay`: a callback for its phase, and their ids once it has come."""

    def __init__(self) -> None:
        self.pids: list[int] = []
        self.staying = asyncio.Event()

    def __call__(self, phase: str) -> None:
        self.pids = [int(pid) for pid in phase.split()]
        self.staying.set()
