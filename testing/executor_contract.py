"""What every executor promises: its contract suite.

class TestMyExecutor(ExecutorContract):
    @pytest.fixture
    def make_executor(self) -> Callable[[], Executor]:
        return lambda: MyExecutor("autolearn.testing.executor_kinds")
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from autolearn.agents.executors.executor import (
    CANCELLED,
    Completed,
    Executor,
    Failed,
    Limits,
    StartedRun,
)
from autolearn.schemas.bounds import cut

_ENOUGH = Limits(time_s=30, memory_mb=4096)
_EMPTY: dict[str, Any] = {"phases": [], "answer": {}}
Make = Callable[[], Executor]


def _play(make: Make, story: Callable[[Executor], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario with an executor, and close it."""

    async def told() -> None:
        executor = make()
        try:
            await story(executor)
        finally:
            await executor.close()

    asyncio.run(told())


async def _idling(executor: Executor, limits: Limits = _ENOUGH) -> StartedRun:
    """Start a run that never ends, and wait until it is at work."""
    at_work = asyncio.Event()
    run = executor.start("idle", None, limits, lambda _: at_work.set())
    await asyncio.wait_for(at_work.wait(), _ENOUGH.time_s)
    return run


class ExecutorContract:
    """The tests that every executor passes.

    A subclass provides the fixture `make_executor`, which makes one with the kinds of work of
    `executor_kinds`.
    """

    def test_phases_and_result(self, make_executor: Make) -> None:
        async def story(executor: Executor) -> None:
            phases: list[str] = []
            long = "c" * 1_000_000
            request = {"phases": ["a", "b", long], "answer": {"x": [1, None, "é"]}}
            run = executor.start("echo", request, _ENOUGH, phases.append)
            assert await run.outcome() == Completed({"x": [1, None, "é"]})
            assert await run.outcome() == Completed({"x": [1, None, "é"]})
            assert phases == ["a", "b", cut(long)], "a heartbeat says it"

        _play(make_executor, story)

    def test_large_requests_and_results(self, make_executor: Make) -> None:
        async def story(executor: Executor) -> None:
            request = {"phases": [], "answer": {"x": "y" * 3_000_000}}
            run = executor.start("echo", request, _ENOUGH)
            assert await run.outcome() == Completed(request["answer"])

        _play(make_executor, story)

    def test_failures_have_a_reason_and_the_executor_goes_on(self, make_executor: Make) -> None:
        failures = [
            ("wrong", "value", "raised", "no such thing"),
            ("wrong", "input", "input", "bad. Be good."),
            ("wrong", "memory", "memory", "not enough memory"),
            ("leave", None, "crashed", "exit code 3"),
            ("unknown", None, "raised", "KeyError"),
        ]

        async def story(executor: Executor) -> None:
            for kind, request, reason, words in failures:
                outcome = await executor.start(kind, request, _ENOUGH).outcome()
                assert isinstance(outcome, Failed)
                assert (outcome.reason, words in outcome.detail) == (reason, True), outcome
            assert await executor.start("echo", _EMPTY, _ENOUGH).outcome() == Completed({})

        _play(make_executor, story)

    def test_the_time_limit(self, make_executor: Make) -> None:
        async def story(executor: Executor) -> None:
            began = time.monotonic()
            run = executor.start("idle", None, Limits(time_s=1.5, memory_mb=4096))
            outcome = await run.outcome()
            assert outcome == Failed("time", "it took longer than its limit of 1.5 s")
            assert time.monotonic() - began >= 1.5

        _play(make_executor, story)

    def test_the_memory_limit_holds_for_all_that_a_run_starts(self, make_executor: Make) -> None:
        async def story(executor: Executor) -> None:
            run = executor.start("eat_in_a_child", None, Limits(time_s=30, memory_mb=200))
            outcome = await run.outcome()
            assert isinstance(outcome, Failed)
            assert (outcome.reason, "its limit is 200 MiB" in outcome.detail) == ("memory", True)

        _play(make_executor, story)

    def test_cancelling(self, make_executor: Make) -> None:
        async def story(executor: Executor) -> None:
            run = await _idling(executor)
            run.cancel()
            assert await run.outcome() == CANCELLED
            run.cancel()  # harmless
            run = executor.start("echo", _EMPTY, _ENOUGH)
            run.cancel()  # before it has begun
            assert await run.outcome() == CANCELLED

        _play(make_executor, story)

    def test_cancelling_the_wait_does_not_cancel_the_run(self, make_executor: Make) -> None:
        async def story(executor: Executor) -> None:
            run = executor.start("echo", {"phases": [], "answer": {"x": 1}}, _ENOUGH)
            waiting = asyncio.ensure_future(run.outcome())
            await asyncio.sleep(0)
            waiting.cancel()
            assert await run.outcome() == Completed({"x": 1})

        _play(make_executor, story)

    def test_closing_cancels_what_runs(self, make_executor: Make) -> None:
        async def story(executor: Executor) -> None:
            await executor.warm()
            run = await _idling(executor)
            await executor.close()
            assert await run.outcome() == CANCELLED

        _play(make_executor, story)

    def test_many_at_once(self, make_executor: Make) -> None:
        async def story(executor: Executor) -> None:
            runs = [
                executor.start("echo", {"phases": ["x"] * 5, "answer": {"n": number}}, _ENOUGH)
                for number in range(40)
            ]
            outcomes = [await run.outcome() for run in runs]
            assert outcomes == [Completed({"n": number}) for number in range(40)]

        _play(make_executor, story)
