"""How runs end before their time: limits, cancelling, killed processes, and what is left behind."""

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from autolearn.agents.executors.executor import Completed, Failed, Limits, Lost
from autolearn.agents.executors.local import fork_client
from autolearn.agents.executors.local.child import words_for
from autolearn.agents.executors.local.executor import LocalExecutor, RunningProcess
from autolearn.runtime import watchdog
from tests.support import hostile_kinds
from tests.support.run_executor import ENOUGH, Family, gone, importable, play
from tests.support.waiting import soon


def test_a_full_disk_is_named_also_where_a_library_has_wrapped_the_error() -> None:
    full, quota = OSError(errno.ENOSPC, "No space left"), OSError(errno.EDQUOT, "over quota")
    wrapped = RuntimeError("cannot write")
    wrapped.__cause__ = quota
    for error in (full, quota, wrapped):
        reason, detail = words_for(error)
        assert (reason, "the disk is full" in detail) == ("raised", True)
    assert words_for(OSError(errno.EIO, "bad")) == ("raised", "OSError: [Errno 5] bad")


@pytest.mark.long
def test_the_memory_limit() -> None:
    async def story(executor: LocalExecutor) -> None:
        run = executor.start("eat", None, Limits(time_s=30, memory_mb=200))
        outcome = await run.outcome()
        assert isinstance(outcome, Failed)
        assert outcome.reason == "memory"
        assert "its limit is 200 MiB" in outcome.detail
        assert run.pid is not None
        await gone(run.pid)

    play(story)


def test_the_time_limit_ends_a_process_that_ignores_signals() -> None:
    async def story(executor: LocalExecutor) -> None:
        started = time.monotonic()
        limits = Limits(time_s=1.5, memory_mb=4096)
        outcome = await executor.start("stay", None, limits, family := Family()).outcome()
        assert outcome == Failed("time", "it took longer than its limit of 1.5 s")
        assert time.monotonic() - started >= 1.5
        assert len(family.pids) == 3
        assert not any(map(psutil.pid_exists, family.pids)), "it has ended with all that it left"

    play(story)


def test_cancelling_kills_the_whole_family() -> None:
    async def story(executor: LocalExecutor) -> None:
        run = executor.start("stay", None, ENOUGH, family := Family())
        await family.staying.wait()
        pids = family.pids
        assert len(pids) == 3
        assert all(psutil.pid_exists(pid) for pid in pids)
        run.cancel()
        assert await run.outcome() == Failed("cancelled", "it was cancelled")
        await gone(*pids)
        run.cancel()  # harmless
        run = executor.start("abandon", None, ENOUGH, family := Family())
        await family.staying.wait()
        await gone(*family.pids)
        assert run.task is not None
        assert not run.task.done(), "what it abandons is ended, and it goes on"

    play(story)


def test_closing_ends_everything() -> None:
    async def story(executor: LocalExecutor) -> None:
        run = executor.start("stay", None, ENOUGH, family := Family())
        await family.staying.wait()
        server = executor.server_pid
        assert server is not None
        await executor.close()
        assert await run.outcome() == Failed("cancelled", "it was cancelled")
        await gone(server, *family.pids)

    play(story)


def test_an_interrupted_start_leaves_no_fork_server() -> None:
    def children() -> set[int]:
        return {one.pid for one in psutil.Process().children()}

    async def story(executor: LocalExecutor) -> None:
        before = children()
        starting = asyncio.create_task(executor.warm())
        await soon(lambda: children() > before)
        starting.cancel()
        await asyncio.wait([starting])
        assert executor.server_pid is None, "it was interrupted before it was ready"
        await asyncio.wait_for(executor.close(), 30)
        assert children() == before

    play(story)


def test_a_start_that_is_interrupted_while_the_process_begins_leaves_none(monkeypatch) -> None:
    begun, go_on, start = threading.Event(), threading.Event(), fork_client._start

    def slow_start(*given: Any) -> subprocess.Popen[bytes]:
        process = start(*given)
        begun.set()
        assert go_on.wait(30)
        return process

    monkeypatch.setattr(fork_client, "_start", slow_start)

    async def story(executor: LocalExecutor) -> None:
        before = {one.pid for one in psutil.Process().children()}
        starting = asyncio.create_task(executor.warm())
        assert await asyncio.to_thread(begun.wait, 30)
        starting.cancel()
        go_on.set()
        await asyncio.wait([starting])
        assert starting.cancelled()
        await asyncio.wait_for(executor.close(), 30)
        assert {one.pid for one in psutil.Process().children()} == before

    play(story)


def test_runs_die_with_the_agent_even_if_it_is_killed() -> None:
    program = (
        "import asyncio\n"
        "from autolearn.agents.executors.local.executor import LocalExecutor, Limits\n"
        "async def main():\n"
        "    executor = LocalExecutor('memory://x', preload='tests.support.hostile_kinds')\n"
        "    await executor.warm()\n"
        "    show = lambda pids: print(executor.server_pid, pids, flush=True)\n"
        "    await executor.start('stay', None, Limits(60, 4096), show).outcome()\n"
        "asyncio.run(main())\n"
    )
    with importable():
        agent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    with agent:
        assert agent.stdout is not None
        server, *pids = map(int, agent.stdout.readline().split())
        agent.kill()
        assert len(pids) == 3
    asyncio.run(gone(server, *pids))


def test_a_fork_server_that_is_killed_is_started_again() -> None:
    async def story(executor: LocalExecutor) -> None:
        run = executor.start("stay", None, ENOUGH, family := Family())
        await family.staying.wait()
        first = executor.server_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert isinstance(await run.outcome(), Lost)
        await gone(*family.pids)
        echo = {"phases": [], "answer": {}}
        assert await executor.start("echo", echo, ENOUGH).outcome() == Completed({})
        assert executor.server_pid != first

    play(story)


async def stopped(
    executor: LocalExecutor, limits: Limits = ENOUGH
) -> tuple[RunningProcess, Family]:
    """A run whose fork server is stopped, when it is at work, and its processes."""
    run = executor.start("stay", None, limits, family := Family())
    await family.staying.wait()
    assert executor.server_pid is not None
    os.kill(executor.server_pid, signal.SIGSTOP)
    return run, family


def test_a_fork_server_that_hangs_is_killed_and_its_runs_are_lost() -> None:
    async def story(executor: LocalExecutor) -> None:
        run, family = await stopped(executor)
        first, began = executor.server_pid, time.monotonic()
        assert isinstance(await run.outcome(), Lost)
        await soon(lambda: executor.server_pid not in (first, None))
        assert time.monotonic() - began < 15
        echo = {"phases": [], "answer": {}}
        assert await executor.start("echo", echo, ENOUGH).outcome() == Completed({})
        await gone(*family.pids)

    play(story)


def test_cancelling_works_while_the_fork_server_hangs() -> None:
    async def story(executor: LocalExecutor) -> None:
        run, family = await stopped(executor)
        run.cancel()
        began = time.monotonic()
        assert await run.outcome() == Failed("cancelled", "it was cancelled")
        assert time.monotonic() - began < 5
        assert run.pid is not None
        await gone(run.pid)
        await executor.close()
        await gone(*family.pids)

    play(story)


def test_a_fork_server_that_enforces_no_limit_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "LIMIT", 60.0)

    async def story(executor: LocalExecutor) -> None:
        run, _ = await stopped(executor, Limits(time_s=2, memory_mb=4096))
        assert isinstance(await run.outcome(), Lost)

    play(story, grace=0.2)


def test_a_spare_process_that_is_killed_is_replaced() -> None:
    async def story(executor: LocalExecutor) -> None:
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
    async def story(executor: LocalExecutor) -> None:
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


def test_what_a_killed_process_has_left_is_deleted_by_the_next_one(tmp_path: Path) -> None:
    note = tmp_path / "state" / "scratch"

    async def story() -> Path:
        executor = LocalExecutor(
            "memory://executor", "tests.support.hostile_kinds", hostile_kinds.RESULTS, note
        )
        try:
            await executor.warm()
            folder = Path(note.read_text())
            (folder / "model.skops").write_text("in clear")
            return folder
        finally:
            executor._scratch = None  # as if it were killed: nothing is cleared up
            await executor.close()

    with importable():
        left = asyncio.run(story())
        assert (left / "model.skops").exists()
        later = asyncio.run(story())
    assert not left.exists()
    shutil.rmtree(later)
