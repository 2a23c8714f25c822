"""The time and the memory of a run, or of a reading, in a process of its own."""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple

import psutil

from autolearn.agents.executors.executor import Completed, Limits
from autolearn.agents.executors.local.executor import LocalExecutor


class MeasuredRun(NamedTuple):
    """The result of a run, its seconds, and the most memory (PSS, MiB) of its process."""

    result: Any
    seconds: float
    peak: float


async def measured(executor: LocalExecutor, kind: str, request: Any, limits: Limits) -> MeasuredRun:
    """Run once."""
    began = time.perf_counter()
    run = asyncio.create_task(executor.start(kind, request, limits).outcome())
    peak = await peak_pss(run, but=executor.server_pid)
    seconds = time.perf_counter() - began
    done = await run
    assert isinstance(done, Completed), done
    return MeasuredRun(done.result, seconds, peak)


async def peak_pss(task: asyncio.Task[Any], but: int | None = None, pause: float = 0.1) -> float:
    """Return the most memory (PSS, MiB) of a process below this one until a task is done.

    The process `but` does not count. It is looked at every `pause` seconds.
    """
    peak = 0.0
    while not task.done():
        for child in psutil.Process().children(recursive=True):
            if child.pid == but:
                continue
            try:
                peak = max(peak, child.memory_full_info().pss / 2**20)
            except psutil.Error:
                continue
        await asyncio.wait([task], timeout=pause)
    return peak
