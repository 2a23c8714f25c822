"""What hangs is told from what is busy, what waits for a CPU, and a machine that slept."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from autolearn.runtime.watchdog import (
    COMPUTING,
    LIMIT,
    LONGEST,
    Effort,
    ProcessUsage,
    Stall,
    Watchdog,
)
from tests.support.waiting import until


class Told(Effort):
    """What a process does, as the test says."""

    def __init__(self, cpu: float = 0.0, *, wants: bool = False) -> None:
        self.usage = ProcessUsage(cpu, wants)

    def look(self) -> ProcessUsage:
        return self.usage


def seconds_until_hung(effort: Effort, tick: float = 1.0) -> float:
    """After how long without progress something is taken to hang."""
    stall, now = Stall(effort, 0.0), 0.0
    stall.hangs(now, 0)
    while not stall.hangs(now := now + tick, 0):
        assert now < 1e6
    return now


def test_what_does_nothing_hangs_soon():
    assert seconds_until_hung(Told()) == LIMIT


def test_what_computes_has_its_seconds_of_cpu_however_long_they_take():
    assert seconds_until_hung(Told(1.0, wants=True)) == COMPUTING
    assert seconds_until_hung(Told(0.25, wants=True)) == 40
    assert seconds_until_hung(Told(0.5)) == 2 * COMPUTING


def test_what_waits_for_a_cpu_or_a_disk_has_a_minute():
    assert seconds_until_hung(Told(wants=True)) == LONGEST


def test_after_a_pause_of_the_whole_machine_everything_has_time_to_get_on():
    stall = Stall(Told(), 0.0)
    stall.hangs(0.0, 0)
    assert not stall.hangs(1.0, 0)
    assert not stall.hangs(1e6, 0), "a laptop was closed for a week"
    assert not stall.hangs(1e6 + 1, 0)
    assert stall.idle == 4
    assert not stall.hangs(1e6 + 2, 1), "it goes on"
    assert stall.idle == 0


@pytest.fixture
def sleeper() -> Iterator[int]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        process.kill()


def test_what_a_stopped_process_does_is_nothing(sleeper: int):
    os.kill(sleeper, signal.SIGSTOP)
    effort = Effort(sleeper)
    effort.look()
    until(lambda: effort.look() == ProcessUsage(0.0, wants=False))


def test_who_computes_is_seen_to():
    stopping = threading.Event()

    def spin() -> None:
        while not stopping.is_set():
            sum(range(1000))

    thread = threading.Thread(target=spin)
    thread.start()
    assert thread.native_id is not None
    effort = Effort(os.getpid(), thread.native_id)
    until(lambda: effort.look().cpu > 0)
    stopping.set()
    thread.join()


def test_where_the_system_does_not_tell_nobody_is_idle():
    assert Effort(2**30).look() == ProcessUsage(0.0, wants=True)


def test_a_loop_that_stands_is_noticed_and_one_that_goes_on_is_not(monkeypatch):
    monkeypatch.setattr("autolearn.runtime.watchdog.TICK", 0.02)
    monkeypatch.setattr("autolearn.runtime.watchdog.LIMIT", 0.2)
    told, turns = [], []

    async def story() -> None:
        dog = Watchdog(lambda: turns.append(0), told.append)
        dog.watch("the main loop", asyncio.get_running_loop())
        dog.start()
        await asyncio.sleep(0.6)
        assert not told
        assert len(turns) > 5
        time.sleep(0.6)  # noqa: ASYNC251 - this is the hang
        dog.stop()

    asyncio.run(story())
    assert told[0].startswith("the main loop hangs: no progress")


def test_the_process_ends_with_its_stacks_in_its_log():
    program = (
        "import asyncio, time\n"
        "from autolearn.runtime.watchdog import Watchdog\n"
        "async def main():\n"
        "    dog = Watchdog()\n"
        "    dog.watch('the main loop', asyncio.get_running_loop())\n"
        "    dog.start()\n"
        "    await asyncio.sleep(2.5)\n"
        "    time.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 70
    assert "the main loop hangs" in done.stderr
    assert "line 8 in main" in done.stderr
