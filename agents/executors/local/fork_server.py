"""The process from which every run is forked: libraries loaded once, one thread, no secrets.

It is hardened (`runtime.sandbox`) before it loads anything, and so is every run: no network, unless
it is started with the word `network`, for runs that connect to others.

    python -m autolearn.agents.executors.local.fork_server <descriptor> <module> [network]

imports <module>, whose `KINDS` are the kinds of work, and then obeys the socket <descriptor>, on
which each line is a JSON object:

    in   {"start": 7, "seconds": 60.0, "mebibytes": 2048}   with one descriptor, the run's channel
    in   {"kill": 7}
    in   {"ping": 3}
    out  {"loading": pid}
    out  {"ready": pid}
    out  {"pong": 3}
    out  {"started": 7, "pid": pid}
    out  {"ended": 7, "status": wait status, "cause": "time" | "memory" | null, "peak": bytes}

Why not multiprocessing's fork server: its children import the parent's main program again before
they work (the whole command line, here), starting one blocks the caller, and it neither limits nor
kills. This one forks, enforces the limits every 50 ms even when the agent is busy, and kills whole
families: each run leads a session and a process group of its own, and what it or its children
abandon comes to this process (PR_SET_CHILD_SUBREAPER), where it is ended at once, also while the
run goes on: nothing would count its memory. A run has ended when nothing of it is left. When the
socket closes, because the agent has ended in whatever way, all runs are killed; and they die with
this process (PR_SET_PDEATHSIG). What survives even that, when the server itself is killed, comes to
the process that the agent started: it forks the server before anything is loaded, and does nothing
but wait for its end.

One process is forked ahead of time, so that a run need not wait for it; while a core is free, it
goes through the module's `warming()` (a generator; a job that comes interrupts it between steps),
so that the first touch of shared pages, which copies them, is not on a run's clock either. That
takes more of a processor than it saves the run, so it waits while others are in want of one.

Memory is the resident set of the run and its children, the shared pages of the preloaded libraries
included. RLIMIT_AS would count address space that numeric libraries only reserve.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

from autolearn.runtime.sandbox import harden, readable_paths

_POLL_SECONDS = 0.05
_CORES = os.cpu_count() or 1
_ENDING_SECONDS = 3.0
"""Seconds within which the rest of one run, or of all, must end."""
_CLEARING_SECONDS = 0.002
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class _Run:
    """One forked process and its limits."""

    number: int
    pid: int
    deadline: float
    limit: int
    cause: str | None = None
    peak: int = 0
    ended: float | None = None


def main(descriptor: int, preload: str, *, network: bool = False) -> None:
    """Serve until the socket closes, in a child of this process."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    if server := os.fork():
        os.close(descriptor)
        sys.exit(_end_after(server))
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    _say(control, {"loading": os.getpid()})
    harden(network=network)
    gc.disable()  # what is loaded stays: looking through it again and again is in vain
    module = importlib.import_module(preload)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    readable_paths()  # looked up once for all runs
    gc.collect()
    gc.freeze()  # collections in the children must not touch, and so copy, these pages
    gc.enable()
    ForkServer(control, module).serve()


def _end_after(server: int) -> int:
    """Wait for the end of the server, end its remaining runs, and return its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _, status = os.waitpid(server, 0)
    _end_children()
    return os.waitstatus_to_exitcode(status) & 0xFF


def _end_children() -> None:
    """Kill the children of this process and all their descendants."""
    last = time.monotonic() + _ENDING_SECONDS
    while (living := _children_of(os.getpid())) and time.monotonic() < last:
        for pid in living:
            _kill(pid)
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.005)


@dataclass
class _Spare:
    """A process that waits for a job: b"w" on its socket lets it warm up, b"j" brings a channel."""

    pid: int
    socket: socket.socket
    warming: bool = False


class ForkServer:
    """Starts, watches and ends runs."""

    def __init__(self, control: socket.socket, module: ModuleType) -> None:
        self._control = control
        self._module = module
        self._runs: dict[int, _Run] = {}
        self._channels: list[int] = []
        self._spare: _Spare | None = None
        self._unread = b""
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)

    def serve(self) -> None:
        """Obey until the socket closes; then kill every run."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._woken.fileno(), warn_on_full_buffer=False)
        self._say({"ready": os.getpid()})
        open_ = True
        while open_:
            self._provide()
            ended = any(run.ended is not None for run in self._runs.values())
            timeout = _CLEARING_SECONDS if ended else _POLL_SECONDS if self._runs else None
            ready, _, _ = select.select([self._control, self._wake], [], [], timeout)
            if self._wake in ready:
                self._wake.recv(4096)
            if self._control in ready:
                open_ = self._obey()
            self._enforce()
            self._reap()
        _end_children()

    def _obey(self) -> bool:
        """Carry out a request; return False when the agent is gone."""
        try:
            data, channels, _, _ = socket.recv_fds(self._control, 65_536, 32)
        except ConnectionError:
            return False
        self._channels += channels
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "start" in message:
                self._start(message)
            elif "ping" in message:
                self._say({"pong": message["ping"]})
            elif (run := self._runs.get(message["kill"])) is not None:
                _kill(run.pid)
        return bool(data)

    def _start(self, message: dict[str, Any]) -> None:
        channel = self._channels.pop(0)
        try:
            pid = self._hand_over(channel)
        finally:
            os.close(channel)
        deadline = time.monotonic() + message["seconds"]
        run = _Run(message["start"], pid, deadline, message["mebibytes"] << 20)
        self._runs[run.number] = run
        self._say({"started": run.number, "pid": pid})

    def _hand_over(self, channel: int) -> int:
        """Give a channel to the spare process, or to a new one, and return its id."""
        while True:
            spare = self._spare or self._fork()
            self._spare = None
            with spare.socket:
                try:
                    socket.send_fds(spare.socket, [b"j"], [channel])
                except ConnectionError:  # it was killed
                    continue
                return spare.pid

    def _provide(self) -> None:
        """Keep a process ready for the next job, and let it warm up while a core is free."""
        if self._spare is None:
            self._spare = self._fork()
        if len(self._runs) < _CORES and not self._spare.warming:
            self._spare.warming = True
            with contextlib.suppress(ConnectionError):
                self._spare.socket.send(b"w")

    def _fork(self) -> _Spare:
        ours, theirs = socket.socketpair()
        server = os.getpid()
        pid = os.fork()
        if not pid:
            ours.close()
            self._become_run(theirs, server)
        theirs.close()
        return _Spare(pid, ours)

    def _become_run(self, orders: socket.socket, server: int) -> None:
        """In the child: forget everything of the server, wait, work, and never return."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != server:
                return
            for inherited in (self._control, self._wake, self._woken):
                inherited.close()
            os.dup2(2, 1)
            channel = self._await_job(orders)
            orders.close()
            if channel is not None:
                importlib.import_module("autolearn.agents.executors.local.child").work(
                    channel, self._module.KINDS
                )
            code = 0
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(code)

    def _await_job(self, orders: socket.socket) -> socket.socket | None:
        """In the child: warm up on request, and return the channel of the next job."""
        while True:
            data, channels, _, _ = socket.recv_fds(orders, 1, 1)
            if data == b"j":
                return socket.socket(fileno=channels[0])
            if not data:
                return None
            for _ in chain((None,), getattr(self._module, "warming", tuple)()):
                while not (come := select.select([orders], [], [], 0)[0]) and cores_are_taken():
                    select.select([orders], [], [], _POLL_SECONDS)
                if come:
                    break

    def _enforce(self) -> None:
        now = time.monotonic()
        for run in self._runs.values():
            resident = _resident_bytes(run.pid)
            run.peak = max(run.peak, resident)
            if run.cause is None and (resident > run.limit or now > run.deadline):
                run.cause = "memory" if resident > run.limit else "time"
                _kill(run.pid)

    def _reap(self) -> None:
        """Report the ended runs, after ending their remaining processes."""
        now = time.monotonic()
        for run in self._runs.values():
            if run.ended is None and _has_ended(run.pid):
                run.ended = now
                _kill(run.pid)  # its group; the number is ours until it is reaped
        if self._spare is not None and _has_ended(self._spare.pid):
            os.waitpid(self._spare.pid, 0)
            self._spare.socket.close()
            self._spare = None
        clear = not self._end_orphans()
        for run in list(self._runs.values()):
            if run.ended is not None and (clear or now - run.ended > _ENDING_SECONDS):
                _, status = os.waitpid(run.pid, 0)
                del self._runs[run.number]
                end = {"status": status, "cause": run.cause, "peak": run.peak}
                self._say({"ended": run.number, **end})

    def _end_orphans(self) -> bool:
        """Kill and reap processes without a run; return whether there were any."""
        known = {run.pid for run in self._runs.values()}
        if self._spare is not None:
            known.add(self._spare.pid)
        orphans = [pid for pid in _children_of(os.getpid()) if pid not in known]
        for pid in orphans:
            _kill(pid)
            os.waitpid(pid, os.WNOHANG)
        return bool(orphans)

    def _say(self, message: dict[str, Any]) -> None:
        _say(self._control, message)


def _say(control: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(ConnectionError):
        control.sendall(json.dumps(message).encode() + b"\n")


def _kill(pid: int) -> None:
    """End a process and its group, whatever they do with signals."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _resident_bytes(pid: int) -> int:
    """Return the resident memory of a process and its descendants; 0 when it has ended."""
    try:
        own = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0
    return own + sum(_resident_bytes(child) for child in _children_of(pid))


def _children_of(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def cores_are_taken() -> bool:
    """Return whether other processes want every core now; False without such information."""
    try:
        running = Path("/proc/loadavg").read_text().split()[3]
    except (OSError, IndexError):
        return False
    return int(running.partition("/")[0]) > _CORES


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], network="network" in sys.argv[3:])
