"""Runs in processes of their own: what they are, what they answer, and many of them at once."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from autolearn.agents.executors.executor import Completed, Failed
from autolearn.agents.executors.local.executor import Executor
from autolearn.schemas.bounds import cut
from tests.support.run_executor import ENOUGH, gone, importable, play
from tests.support.waiting import soon


def test_phases_and_result() -> None:
    async def story(executor: Executor) -> None:
        phases: list[str] = []
        long = "c" * 1_000_000
        request = {"phases": ["a", "b", long], "answer": {"x": [1, None, "é"]}}
        run = executor.start("echo", request, ENOUGH, phases.append)
        assert await run.outcome() == Completed({"x": [1, None, "é"]})
        assert await run.outcome() == Completed({"x": [1, None, "é"]})
        assert phases == ["a", "b", cut(long)], "a heartbeat says it"

    play(story)


def test_large_requests_and_results() -> None:
    async def story(executor: Executor) -> None:
        request = {"phases": [], "answer": {"x": "y" * 3_000_000}}
        assert await executor.start("echo", request, ENOUGH).outcome() == Completed(
            request["answer"]
        )

    play(story)


def test_what_kind_of_process_it_is() -> None:
    async def story(executor: Executor) -> None:
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
    ("wrong", "value", "raised", "no such thing"),
    ("wrong", "input", "input", "bad. Be good."),
    ("wrong", "memory", "memory", "not enough memory"),
    ("leave", "segfault", "crashed", "SIGSEGV"),
    ("leave", "abort", "crashed", "SIGABRT"),
    ("leave", "signal", "crashed", "ended by 40"),
    ("leave", "exit", "crashed", "exit code 3"),
    ("garbage", "\x80\x81 {{{\n", "crashed", "not a result"),
    ("garbage", '{"result": 7}\n', "crashed", "not a result"),
    ("garbage", '{"failed": {"reason": 5}}\n', "crashed", "not a result"),
    ("garbage", '{"failed": {"reason": "raised"}}\n', "crashed", "not a result"),
    ("garbage", '{"failed": {"reason": "no", "detail": ""}}\n', "crashed", "not a result"),
    ("garbage", "[1]\n", "crashed", "not a result"),
    ("garbage", '{"result": {"x": ' + "[" * 99 + "]" * 99 + "}}\n", "crashed", "not a result"),
    ("garbage", '{"result": ' + "[" * 100_000 + "\n", "crashed", "not a result"),
    ("garbage", "", "crashed", "exit code 0"),
    ("unknown", None, "raised", "KeyError"),
]


def test_failures_have_a_reason_and_the_executor_goes_on() -> None:
    async def story(executor: Executor) -> None:
        for kind, request, reason, words in FAILURES:
            outcome = await executor.start(kind, request, ENOUGH).outcome()
            assert isinstance(outcome, Failed)
            assert (outcome.reason, words in outcome.detail) == (reason, True), outcome
        echo = {"phases": [], "answer": {}}
        assert await executor.start("echo", echo, ENOUGH).outcome() == Completed({})

    play(story)


def test_a_module_that_cannot_be_loaded(capfd: pytest.CaptureFixture[str]) -> None:
    async def story() -> None:
        executor = Executor("memory://x", preload="tests.agents.no_such_module")
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

    async def story(executor: Executor) -> None:
        runs = [executor.start("patience", str(tmp_path / "go"), ENOUGH) for _ in range(4)]
        await soon(lambda: all(run.pid is not None for run in runs))
        (tmp_path / "go").touch()
        assert [await run.outcome() for run in runs] == [Completed({})] * 4

    play(story)


def test_many_at_once() -> None:
    async def story(executor: Executor) -> None:
        runs = [
            executor.start("echo", {"phases": ["x"] * 5, "answer": {"n": number}}, ENOUGH)
            for number in range(40)
        ]
        outcomes = [await run.outcome() for run in runs]
        assert outcomes == [Completed({"n": number}) for number in range(40)]

    play(story)
