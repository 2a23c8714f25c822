"""Detects processes that hang, as opposed to busy ones, and ends them.

It watches progress, not life: an event loop that runs callbacks, a thread that counts its turns, a
process that answers. Without progress for LIMIT seconds it hangs, if meanwhile it neither computes
nor waits for a CPU or a disk. A computing one has COMPUTING seconds of CPU time, however long a
busy machine takes to give them; after LONGEST seconds it hangs in any case.

All seconds are those of the watcher's own life: it looks every second, and a longer pause between
two looks (a machine that slept, or is overloaded) counts as two at most. So no process is ended for
a fault of the whole machine.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import resource
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

LIMIT = 6.0
COMPUTING = 10.0
LONGEST = 60.0
TICK = 1.0
_SHARE = 0.1
"""The share of a CPU from which a process computes."""
_TICKS = os.sysconf("SC_CLK_TCK")


class ProcessUsage(NamedTuple):
    """The work of a process or thread since the last look: CPU seconds, and pending work."""

    cpu: float
    wants: bool


class Effort:
    """The work of a process; or of its thread `thread`, by the system's id.

    Without /proc, everything seems to want a CPU.
    """

    def __init__(self, pid: int, thread: int | None = None) -> None:
        threads = Path(f"/proc/{pid}/task")
        self.place = threads if thread is None else threads / str(thread)
        self.cpu = 0.0

    def look(self) -> ProcessUsage:
        """Return the work since the last look."""
        try:
            found = [self.place] if self.place.name != "task" else list(self.place.iterdir())
            stats = [stat for one in found if (stat := _stat_of(one)) is not None]
        except OSError:
            stats = []
        if not stats:
            return ProcessUsage(0.0, wants=True)
        cpu = sum(used for _, used in stats)
        before, self.cpu = self.cpu, cpu
        return ProcessUsage(max(0.0, cpu - before), any(state in "RD" for state, _ in stats))


def _stat_of(thread: Path) -> tuple[str, float] | None:
    try:
        fields = (thread / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], (int(fields[11]) + int(fields[12])) / _TICKS


class Stall:
    """The time without progress. `longest_look` bounds the time of one look."""

    def __init__(self, effort: Effort, now: float, longest_look: float = 2 * TICK) -> None:
        self.effort, self.longest_look = effort, longest_look
        self.at, self.progress = now, object()
        self.idle = self.computed = self.total = 0.0

    def hangs(self, now: float, progress: object) -> bool:
        """Return whether it hangs; `progress` is a value that changes with each progress."""
        lived, self.at = min(now - self.at, self.longest_look), now
        used = self.effort.look()
        if progress != self.progress:
            self.progress = progress
            self.idle = self.computed = self.total = 0.0
            return False
        self.total += lived
        if used.wants or used.cpu > _SHARE * lived:
            self.computed += used.cpu
        else:
            self.idle += lived
        return self.idle >= LIMIT or self.computed >= COMPUTING or self.total >= LONGEST

    def words(self) -> str:
        """Describe the stall."""
        return f"no progress for {self.total:.0f} s, {self.computed:.0f} s of them computing"


class _Watched:
    """A loop or thread: `turns` counts its turns, `thread` is the system's id for it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.turns = 0
        self.thread: int | None = None
        self.stall: Stall | None = None

    def turn(self) -> None:
        """Count a turn (in its thread)."""
        self.turns += 1
        self.thread = threading.get_native_id()


class Watchdog:
    """Ends this process when an event loop of it stands still, from a thread of its own.

    It writes the stacks of all threads to standard error, and exits with code 70. `on_turn` is
    called in the first watched loop, every second in which that goes on.
    """

    def __init__(
        self,
        on_turn: Callable[[], object] = lambda: None,
        end: Callable[[str], None] = lambda why: _end_hung(why),
    ) -> None:
        self.on_turn, self.end = on_turn, end
        self.loops: dict[asyncio.AbstractEventLoop, _Watched] = {}
        self.asked: set[str] = set()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, name="watchdog", daemon=True)

    def watch(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        """Watch an event loop, until it is closed."""
        self.loops = {**self.loops, loop: _Watched(name)}

    def start(self) -> None:
        """Start the thread. The stacks are written at SIGABRT as well, for a watching parent."""
        faulthandler.enable()
        # Memory may hold secrets: it is not written to a file.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        self.thread.start()

    def stop(self) -> None:
        """Stop the thread: the process ends in order."""
        self.stopped.set()

    def run(self) -> None:
        """Look every second (in the thread)."""
        while not self.stopped.wait(TICK):
            for number, (loop, watched) in enumerate(self.loops.items()):
                self.look(loop, watched, first=number == 0)

    def look(self, loop: asyncio.AbstractEventLoop, watched: _Watched, *, first: bool) -> None:
        """Check one loop, and schedule its next turn."""
        asked = watched.turns

        def turn() -> None:
            if watched.turns == asked:  # of many that waited, one counts
                watched.turn()
                if first:
                    self.on_turn()

        try:
            loop.call_soon_threadsafe(turn)
        except RuntimeError:
            self.loops = {one: at for one, at in self.loops.items() if one is not loop}
            return
        if watched.thread is None:
            return  # it has not begun
        if watched.stall is None:
            effort = Effort(os.getpid(), watched.thread)
            watched.stall = Stall(effort, time.monotonic())
        if watched.stall.hangs(time.monotonic(), watched.turns):
            self.end(f"{watched.name} hangs: {watched.stall.words()}")


def teller() -> Callable[[], None]:
    """Return the function that sends a beat to the parent every second, for `Watchdog`.

    Standard input is a socket then, whose other end the parent reads; otherwise it does nothing.
    """
    if not stat.S_ISSOCK(os.fstat(0).st_mode):
        return lambda: None
    parent = socket.socket(fileno=os.dup(0))

    def tell() -> None:
        with suppress(OSError):  # it does not read, or has ended: which ends this process as well
            parent.send(b".", socket.MSG_DONTWAIT)

    return tell


def _end_hung(why: str) -> NoReturn:
    """End this process at once, with the stacks of its threads on standard error."""
    with suppress(Exception):  # the hanging thread may hold the lock of the logs' stream
        os.write(2, f"{why}; the stacks of all threads:\n".encode())
        faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr, all_threads=True)
    os._exit(70)
