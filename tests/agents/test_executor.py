"""Runs in processes of their own: limits, cancelling, crashes, and what is left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from autolearn.agents.announcing import offers
from autolearn.agents.executor import Completed, Executor, Failed, Limits
from autolearn.agents.results import EvaluationResult, TrainingResult
from autolearn.agents.training import train
from autolearn.artifacts.store import ArtifactStore
from autolearn.schemas.commands import RegisterDataset, RegisterEstimator, RegisterMetric
from tests.agents import hostile
from tests.agents.runs import evaluation, nothing, training
from tests.waiting import soon

ENOUGH = Limits(time_s=30, memory_mb=4096)
Story = Callable[[Executor], Coroutine[Any, Any, None]]


@contextmanager
def importable() -> Iterator[None]:
    """Let the fork server import the tests."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    try:
        yield
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def play(story: Story, store: str = "memory://executor") -> None:
    """Tell a story with an executor of hostile kinds."""

    async def told() -> None:
        executor = Executor(store, preload="tests.agents.hostile", results=hostile.RESULTS)
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


def test_phases_and_result() -> None:
    async def story(executor: Executor) -> None:
        phases: list[str] = []
        request = {"phases": ["a", "b"], "answer": {"x": [1, None, "é"]}}
        run = executor.start("echo", request, ENOUGH, phases.append)
        assert await run.outcome() == Completed({"x": [1, None, "é"]})
        assert await run.outcome() == Completed({"x": [1, None, "é"]})
        assert phases == ["a", "b"]

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
        assert found["store"] == "memory://executor"
        assert (found["threads"], found["seed"]) == ("1", "0")
        assert found["term"], "the agent's signal handlers must not be inherited"
        assert found["main"] == "autolearn.agents.forkserver", "the agent's program runs once"
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
    ("wrong", "value", "raised", "ValueError: no such thing"),
    ("wrong", "input", "input", "bad. Be good."),
    ("wrong", "memory", "memory", "not enough memory"),
    ("leave", "segfault", "crashed", "SIGSEGV"),
    ("leave", "abort", "crashed", "SIGABRT"),
    ("leave", "exit", "crashed", "exit code 3"),
    ("garbage", "\x80\x81 {{{\n", "crashed", "not a result"),
    ("garbage", '{"result": 7}\n', "crashed", "not a result"),
    ("garbage", '{"failed": {"reason": 5}}\n', "crashed", "not a result"),
    ("garbage", "[1]\n", "crashed", "not a result"),
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


@pytest.mark.parametrize("kind", ["eat", "eat_in_a_child"])
def test_the_memory_limit(kind: str) -> None:
    async def story(executor: Executor) -> None:
        run = executor.start(kind, None, Limits(time_s=30, memory_mb=200))
        outcome = await run.outcome()
        assert isinstance(outcome, Failed)
        assert outcome.reason == "memory"
        assert "its limit is 200 MiB" in outcome.detail
        assert run.pid is not None
        await gone(run.pid)

    play(story)


def test_the_time_limit_ends_a_process_that_ignores_signals(tmp_path: Path) -> None:
    async def story(executor: Executor) -> None:
        started = time.monotonic()
        limits = Limits(time_s=1.5, memory_mb=4096)
        outcome = await executor.start("stay", str(tmp_path), limits).outcome()
        assert outcome == Failed("time", "it took longer than its limit of 1.5 s")
        assert 1.5 <= time.monotonic() - started < 6
        await gone(*family(tmp_path))

    play(story)


def family(folder: Path) -> list[int]:
    """The processes of a `stay`."""
    return [int(file.name.removeprefix("pid-")) for file in folder.glob("pid-*")]


def test_cancelling_kills_the_whole_family(tmp_path: Path) -> None:
    async def story(executor: Executor) -> None:
        staying = asyncio.Event()
        run = executor.start("stay", str(tmp_path), ENOUGH, lambda _: staying.set())
        await staying.wait()
        pids = family(tmp_path)
        assert len(pids) == 3
        assert all(psutil.pid_exists(pid) for pid in pids)
        run.cancel()
        assert await run.outcome() == Failed("cancelled", "it was cancelled")
        await gone(*pids)
        run.cancel()  # harmless

    play(story)


def test_cancelling_before_there_is_a_process() -> None:
    async def story(executor: Executor) -> None:
        run = executor.start("echo", {"phases": [], "answer": {}}, ENOUGH)
        run.cancel()
        assert await run.outcome() == Failed("cancelled", "it was cancelled")

    play(story)


def test_cancelling_the_wait_does_not_cancel_the_run() -> None:
    async def story(executor: Executor) -> None:
        run = executor.start("echo", {"phases": [], "answer": {"x": 1}}, ENOUGH)
        waiting = asyncio.ensure_future(run.outcome())
        await asyncio.sleep(0)
        waiting.cancel()
        assert await run.outcome() == Completed({"x": 1})

    play(story)


def test_closing_ends_everything(tmp_path: Path) -> None:
    async def story(executor: Executor) -> None:
        staying = asyncio.Event()
        run = executor.start("stay", str(tmp_path), ENOUGH, lambda _: staying.set())
        await staying.wait()
        server = executor.server_pid
        assert server is not None
        await executor.close()
        assert await run.outcome() == Failed("cancelled", "it was cancelled")
        await gone(server, *family(tmp_path))

    play(story)


def test_runs_die_with_the_agent_even_if_it_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from autolearn.agents.executor import Executor, Limits\n"
        "async def main():\n"
        "    executor = Executor('memory://x', preload='tests.agents.hostile')\n"
        "    await executor.warm()\n"
        "    show = lambda _: print(executor.server_pid, flush=True)\n"
        "    await executor.start('stay', sys.argv[1], Limits(60, 4096), show).outcome()\n"
        "asyncio.run(main())\n"
    )
    with importable():
        agent = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE
        )
    with agent:
        assert agent.stdout is not None
        server = int(agent.stdout.readline())
        agent.kill()
    asyncio.run(gone(server, *family(tmp_path)))
    assert len(family(tmp_path)) == 3


def test_a_fork_server_that_is_killed_is_started_again(tmp_path: Path) -> None:
    async def story(executor: Executor) -> None:
        staying = asyncio.Event()
        run = executor.start("stay", str(tmp_path), ENOUGH, lambda _: staying.set())
        await staying.wait()
        first = executor.server_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        outcome = await run.outcome()
        assert isinstance(outcome, Failed)
        assert outcome.reason == "crashed"
        assert run.pid is not None
        await gone(run.pid)
        echo = {"phases": [], "answer": {}}
        assert await executor.start("echo", echo, ENOUGH).outcome() == Completed({})
        assert executor.server_pid != first
        for pid in family(tmp_path):  # a daemon of a daemon has nobody left to end it
            if psutil.pid_exists(pid) and not zombie(pid):
                os.kill(pid, signal.SIGKILL)

    play(story)


def test_a_spare_process_that_is_killed_is_replaced() -> None:
    async def story(executor: Executor) -> None:
        await executor.warm()
        assert executor.server_pid is not None
        server = psutil.Process(executor.server_pid)
        for _ in range(3):
            await soon(lambda: len(server.children()) == 1)
            spares = server.children()
            spares[0].kill()
            await soon(lambda dead=spares[0].pid: [one.pid for one in server.children()] != [dead])
            echo = {"phases": [], "answer": {}}
            assert await executor.start("echo", echo, ENOUGH).outcome() == Completed({})

    play(story)


@pytest.mark.parametrize("end", ["return", "die"])
def test_what_a_run_leaves_behind_is_removed(end: str) -> None:
    async def story(executor: Executor) -> None:
        run = executor.start("litter", end, ENOUGH)
        outcome = await run.outcome()
        if end == "return":
            assert isinstance(outcome, Completed)
            folder = Path(outcome.result).parent
            await soon(lambda: not folder.exists())
        else:
            assert outcome == Failed("crashed", "its process ended without a result (exit code 1)")
        assert executor.server_pid is not None
        server = psutil.Process(executor.server_pid)
        await soon(lambda: len(server.children(recursive=True)) <= 1)  # the spare

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


def test_light_modules_import_nothing_that_learns() -> None:
    program = (
        "import sys\n"
        "import autolearn.agents.announcing\n"
        "import autolearn.artifacts.profile, autolearn.artifacts.store\n"
        "heavy = {'sklearn', 'pandas', 'numpy', 'pyarrow', 'skops', 'scipy'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr


def test_the_real_thing(tmp_path: Path) -> None:
    """A training and an evaluation, and everything on offer, through the real fork server."""
    store = ArtifactStore((tmp_path / "store").as_uri())

    async def story() -> None:
        executor = Executor(store.url)
        try:
            await executor.warm()
            assert executor.server_pid is not None
            assert psutil.Process(executor.server_pid).num_threads() == 1
            request = training(store)
            phases: list[str] = []
            outcome = await executor.start("training", request, ENOUGH, phases.append).outcome()
            assert isinstance(outcome, Completed)
            assert isinstance(outcome.result, TrainingResult)
            assert phases == ["reading", "fitting", "storing"]
            assert outcome.result.model == train(request, store, nothing).model
            asked = evaluation(outcome.result.model.digest, ("accuracy",), request.dataset)
            scored = await executor.start("evaluation", asked, ENOUGH).outcome()
            assert isinstance(scored, Completed)
            assert isinstance(scored.result, EvaluationResult)
            assert scored.result.metrics["accuracy"] > 0.9
            refused = await executor.start(
                "training", training(store, target="x"), ENOUGH
            ).outcome()
            assert isinstance(refused, Failed)
            assert refused.reason == "input"
            assert "no column 'x'" in refused.detail

            found = await offers(executor)
            kinds = [type(command) for command in found]
            assert kinds.count(RegisterEstimator) == 10
            assert kinds.count(RegisterMetric) == 11
            assert kinds.count(RegisterDataset) == 6
            assert found.problems == ()
            assert all(
                store.exists(command.spec.version)
                for command in found
                if isinstance(command, RegisterDataset)
            )
        finally:
            await executor.close()

    asyncio.run(story())
