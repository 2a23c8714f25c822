"""What `autolearn up` does with a process that hangs: while it works, and while it starts."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from autolearn.client.local.system import CannotStart, Part, System
from autolearn.runtime.child_process import python_command
from tests.support.settings import settings_of


def part(*arguments: str) -> Part:
    return Part("agents", ("tests.client.local.hanging_part", *arguments))


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.setattr("autolearn.runtime.watchdog.LIMIT", 2.0)
    monkeypatch.setattr("autolearn.client.local.system.LOADING", 2.0)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    return System(settings_of(home=str(tmp_path)), print)


async def restarted(system: System, one: Part) -> float:
    """Start a process and watch it until there is another one; return the seconds."""
    await system.launch(one)
    pid, began = system.processes["agents"].pid, time.monotonic()
    watching = asyncio.create_task(system.watch(one))
    if "--stands" not in one.arguments:
        os.kill(pid, signal.SIGSTOP)
    async with asyncio.timeout(60):
        while system.processes["agents"].pid == pid:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.05)
    took = time.monotonic() - began
    watching.cancel()
    await system.stop()
    return took


@pytest.mark.parametrize("how", [(), ("--stands",)], ids=["stopped", "stands"])
def test_a_process_that_hangs_is_killed_and_started_again(system: System, how: tuple[str, ...]):
    assert asyncio.run(restarted(system, part(*how))) < 15
    log = (system.home / "logs" / "agents.log").read_text()
    assert "Fatal Python error: Aborted" in log
    # A stopped process may be between two calls, where it has no line to show.
    assert "hanging_part.py" in log or not how


def test_a_process_ends_with_a_parent_that_was_killed_before_it_had_heard_everything():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            python_command("tests.client.local.hanging_part"),
            stdin=theirs,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline() == b"ready\n"
        assert select.select([ours], [], [], 10)[0]  # something that nobody reads
    try:
        assert process.wait(10) == -signal.SIGTERM
    finally:
        process.kill()
        process.wait()


def test_a_start_that_hangs_does_not_wait_for_its_time_limit(system: System):
    async def story() -> None:
        with pytest.raises(CannotStart, match="ended with status -6 before it was ready"):
            await system.launch(part("--mute"))
        await system.stop()

    began = time.monotonic()
    asyncio.run(story())
    assert time.monotonic() - began < 15
