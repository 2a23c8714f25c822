"""The local executor: its contract, what its processes are, and how they crash."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autolearn.agents.executors.executor import Completed, Failed
from autolearn.agents.executors.local.executor import LocalExecutor
from autolearn.testing import ExecutorContract, executor_kinds
from tests.support.run_executor import ENOUGH, gone, importable, play
from tests.support.waiting import soon


class TestLocalExecutor(ExecutorContract):
    """The local executor keeps the contract."""

    @pytest.fixture
    def make_executor(self) -> Callable[[], LocalExecutor]:
        name, results = executor_kinds.__name__, executor_kinds.RESULTS
        return lambda: LocalExecutor("memory://executor", name, results)


def test_what_kind_of_process_it_is() -> None:
    async def story(executor: LocalExecutor) -> None:
        signal.signal(signal.SIGTERM, nothing_happens)
        outcome = await executor.start("facts", None, ENOUGH).outcome()
        assert isinstance(outcome, Completed)
        found = outcome.result
        assert found["pid"] != os.getpid()
        assert found["parent"] == executor.server_pid
        assert found["leader"]
        assert found["store"] == "RunFiles", "it has no address of the store"
        assert found["secrets"] == []
        assert (found["threads"], found["seed"]) == ("1", "0")
        assert found["term"], "the agent's signal handlers must not be inherited"
        assert found["main"] == "autolearn.agents.executors.local.fork_server", (
            "the agent's program runs once"
        )
        assert found["descriptors"] <= 5  # standard ones, the channel, the one that lists them
        await gone(found["pid"])
        scratch = Path(found["scratch"])
        await soon(lambda: not scratch.exists())

    before = signal.getsignal(signal.SIGTERM)
    try:
        play(story)
    finally:
        signal.signal(signal.SIGTERM, before)


def nothing_happens(*_: object) -> None:
    """Handle a signal."""


FAILURES: list[tuple[str, Any, str, str]] = [
    ("die", "segfault", "crashed", "SIGSEGV"),
    ("die", "abort", "crashed", "SIGABRT"),
    ("die", "signal", "crashed", "ended by 40"),
    ("garbage", "\x80\x81 {{{\n", "crashed", "not a result"),
    ("garbage", '{"result": 7}\n', "crashed", "not a result"),
    ("garbage", '{"failed": {"reason": 5}}\n', "crashed", "not a result"),
    ("garbage", '{"failed": {"reason": "raised"}}\n', "crashed", "not a result"),
    ("garbage", '{"failed": {"reason": "no", "detail": ""}}\n', "crashed", "not a result"),
    ("garbage", "[1]\n", "crashed", "not a result"),
    ("garbage", '{"result": {"x": ' + "[" * 99 + "]" * 99 + "}}\n", "crashed", "not a result"),
    ("garbage", '{"result": ' + "[" * 100_000 + "\n", "crashed", "not a result"),
    ("garbage", "", "crashed", "exit code 0"),
]


def test_crashes_have_a_reason_and_the_executor_goes_on() -> None:
    async def story(executor: LocalExecutor) -> None:
        for kind, request, reason, words in FAILURES:
            outcome = await executor.start(kind, request, ENOUGH).outcome()
            assert isinstance(outcome, Failed)
            assert (outcome.reason, words in outcome.detail) == (reason, True), outcome
        echo = {"phases": [], "answer": {}}
        assert await executor.start("echo", echo, ENOUGH).outcome() == Completed({})

    play(story)


def test_a_module_that_cannot_be_loaded(capfd: pytest.CaptureFixture[str]) -> None:
    async def story() -> None:
        executor = LocalExecutor("memory://x", preload="tests.agents.no_such_module")
        with pytest.raises(RuntimeError, match="ended while it was loading"):
            await executor.warm()
        with pytest.raises(RuntimeError):
            await executor.start("echo", None, ENOUGH).outcome()
        await executor.close()

    with importable():
        asyncio.run(story())
    assert "no_such_module" in capfd.readouterr().err


def test_the_loop_goes_on_while_runs_are_waited_for(tmp_path: Path) -> None:
    """They wait for a file that only the loop can make."""

    async def story(executor: LocalExecutor) -> None:
        runs = [executor.start("patience", str(tmp_path / "go"), ENOUGH) for _ in range(4)]
        await soon(lambda: all(run.pid is not None for run in runs))
        (tmp_path / "go").touch()
        assert [await run.outcome() for run in runs] == [Completed({})] * 4

    play(story)
