"""Runs work in operating-system processes of their own, from an event loop that never waits.

    executor = Executor(store="file:///var/lib/autolearn/artifacts")
    await executor.warm()
    run = executor.start("training", request, Limits(time_s=60, memory_mb=2048), print)
    match await run.outcome():
        case Completed(result): ...
        case Failed(reason, detail): ...
    await executor.close()

A run is a fork of `agents.forkserver`, which has the libraries loaded and enforces the limits. This
module is light: it imports nothing that learns, and neither does what it imports.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from autolearn.agents.results import RESULTS

__all__ = ["Completed", "Executor", "Failed", "Limits", "Outcome", "Running"]

Word = dict[str, Any]
Channel = tuple[asyncio.StreamReader, asyncio.StreamWriter]

MAX_LINE = 16 << 20
STRAGGLING_SECONDS = 1.0
CLOSING_SECONDS = 5.0

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "LOKY_MAX_CPU_COUNT",
    ),
    "1",
)


class Limits(NamedTuple):
    """What a run may use: seconds on the clock, and MiB of resident memory.

    The libraries, which all runs share, count as about 200 MiB of it.
    """

    time_s: float
    memory_mb: int


class Completed(NamedTuple):
    """The run gave a result, of the type that `agents.results.RESULTS` names for its kind."""

    result: Any


class Failed(NamedTuple):
    """The run ended without one.

    `reason` is raised, memory, time, crashed, input, or cancelled (by `Running.cancel`).
    """

    reason: str
    detail: str


Outcome = Completed | Failed


CANCELLED = Failed("cancelled", "it was cancelled")


@dataclass(frozen=True)
class Ended:
    """How a run's process ended."""

    status: int
    cause: str | None
    peak: int


class Running:
    """One run that was started. Its outcome comes even when nobody awaits it."""

    def __init__(self, number: int, limits: Limits) -> None:
        self.number = number
        self.limits = limits
        self.pid: int | None = None
        self.peak_bytes = 0
        self.cancelled = False
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[Outcome] | None = None
        self._kill: Callable[[], None] | None = None

    async def outcome(self) -> Outcome:
        """Wait for the end. Cancelling the wait does not cancel the run."""
        if self.task is None:
            raise RuntimeError("the run was not started")
        return await asyncio.shield(self.task)

    def cancel(self) -> None:
        """Kill the process and all of its children, now. Harmless after the end."""
        self.cancelled = True
        if self._kill is not None:
            self._kill()

    def arm(self, kill: Callable[[], None]) -> None:
        """Say how the process is killed, now that there is one."""
        self._kill = kill
        if self.cancelled:
            kill()


class Executor:
    """Starts runs, each in a process of its own; as many at once as are started.

    `preload` is the module that the fork server imports; its KINDS are the kinds of work, and
    `results` names the type of each kind's result. All methods belong to one event loop.
    """

    def __init__(
        self,
        store: str,
        preload: str = "autolearn.agents.preload",
        results: Mapping[str, Any] = RESULTS,
    ) -> None:
        self._store = store
        self._preload = preload
        self._results = results
        self._runs: dict[int, Running] = {}
        self._count = 0
        self._server: Server | None = None
        self._starting = asyncio.Lock()
        self._scratch: Path | None = None
        self._clearing: set[asyncio.Task[None]] = set()

    async def warm(self) -> None:
        """Start the fork server and wait until it has loaded everything (about two seconds).

        Raises:
            RuntimeError: it ended while loading; its words are on standard error.
        """
        async with self._starting:
            if self._server is None:
                if self._scratch is None:
                    made = await asyncio.to_thread(tempfile.mkdtemp, prefix="autolearn-runs-")
                    self._scratch = Path(made)
                server = Server(self._heard, self._lost, self._spawn)
                await server.start(self._preload)
                self._server = server

    @property
    def server_pid(self) -> int | None:
        """The fork server's process id, while it runs."""
        return None if self._server is None else self._server.pid

    def start(
        self,
        kind: str,
        request: Any,
        limits: Limits,
        on_phase: Callable[[str], None] = lambda _: None,
    ) -> Running:
        """Start a run at once. `on_phase` is called in the loop with each phase's name."""
        self._count += 1
        run = Running(self._count, limits)
        self._runs[run.number] = run
        run.task = asyncio.get_running_loop().create_task(self._work(run, kind, request, on_phase))
        return run

    async def close(self) -> None:
        """Kill what runs, and end the fork server."""
        server, self._server = self._server, None
        for run in list(self._runs.values()):
            run.cancel()
        if server is not None:
            await server.close()
        self._lost()
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        await asyncio.gather(*tasks, *self._clearing, return_exceptions=True)
        if self._scratch is not None:
            await asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True)
            self._scratch = None

    async def _work(
        self, run: Running, kind: str, request: Any, on_phase: Callable[[str], None]
    ) -> Outcome:
        try:
            await self.warm()
            server, scratch = self._server, self._scratch
            if run.cancelled or server is None or scratch is None:
                self._runs.pop(run.number, None)
                return CANCELLED
            folder = scratch / str(run.number)
            job = {
                "kind": kind,
                "store": self._store,
                "scratch": str(folder),
                "request": msgspec.Raw(msgspec.json.encode(request)),
            }
            ours, theirs = socket.socketpair()
            with theirs:
                message = {
                    "start": run.number,
                    "seconds": run.limits.time_s,
                    "mebibytes": run.limits.memory_mb,
                }
                await server.say(message, theirs)
            run.arm(lambda: server.kill(run.number))
            channel = await asyncio.open_connection(sock=ours, limit=MAX_LINE)
            listening = asyncio.create_task(converse(channel, msgspec.json.encode(job), on_phase))
            self._spawn(self._clear(run, listening, folder))
            either: list[asyncio.Future[Any]] = [listening, run.ended]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if listening.done() and (outcome := self._told(run, kind, listening.result())):
                return outcome
            # it ended in some other way; a grandchild that got away may keep the channel open
            await run.ended
            await asyncio.wait([listening], timeout=STRAGGLING_SECONDS)
            said = listening.result() if listening.done() else None
            return self._told(run, kind, said) or self._ended(run, run.ended.result(), said)
        except BaseException:
            self._runs.pop(run.number, None)
            raise

    async def _clear(
        self, run: Running, listening: asyncio.Task[Word | None], folder: Path
    ) -> None:
        """Once the process has ended, remove what it left."""
        await run.ended
        self._runs.pop(run.number, None)
        run.peak_bytes = run.ended.result().peak
        await asyncio.wait([listening], timeout=STRAGGLING_SECONDS)
        listening.cancel()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._clearing.add(task)
        task.add_done_callback(self._clearing.discard)

    def _told(self, run: Running, kind: str, said: Word | None) -> Outcome | None:
        """Return the outcome that the process itself has told, if it makes sense."""
        with contextlib.suppress(msgspec.ValidationError):
            if said is not None and "result" in said:
                return Completed(msgspec.convert(said["result"], self._results[kind]))
            if said is not None and "failed" in said and not run.cancelled:
                return Failed(
                    **msgspec.convert(said["failed"], dict[Literal["reason", "detail"], str])
                )
        return None

    def _ended(self, run: Running, ended: Ended, said: Word | None) -> Outcome:
        """Return the outcome of a process that has not told one."""
        if run.cancelled:
            return CANCELLED
        if ended.cause == "time":
            return Failed("time", f"it took longer than its limit of {run.limits.time_s:g} s")
        if ended.cause == "memory":
            used, limit = ended.peak >> 20, run.limits.memory_mb
            return Failed("memory", f"it used {used} MiB of memory; its limit is {limit} MiB")
        return Failed("crashed", words_for(ended.status, said))

    def _heard(self, message: dict[str, Any]) -> None:
        """Take a word of the fork server."""
        run = self._runs.get(message.get("ended", message.get("started", 0)))
        if run is None:
            return
        if "started" in message:
            run.pid = message["pid"]
        elif not run.ended.done():
            run.ended.set_result(Ended(message["status"], message["cause"], message["peak"]))

    def _lost(self) -> None:
        """The fork server has ended, and with it every run."""
        self._server = None
        for run in self._runs.values():
            if not run.ended.done():
                run.ended.set_result(Ended(signal.SIGKILL, None, 0))


class Server:
    """The agent's side of a fork server."""

    def __init__(
        self,
        heard: Callable[[Word], None],
        lost: Callable[[], None],
        spawn_task: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._heard, self._lost, self._spawn = heard, lost, spawn_task
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._unread = b""
        self._ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._speaking = asyncio.Lock()
        self.pid: int | None = None

    async def start(self, preload: str) -> None:
        """Start the process and wait until it is ready. Raises RuntimeError."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            self._process = await asyncio.to_thread(spawn, theirs.fileno(), preload)
        self._control = ours
        asyncio.get_running_loop().add_reader(ours, self._read)
        self.pid = await self._ready

    async def say(self, message: dict[str, Any], channel: socket.socket | None = None) -> None:
        """Send a message, with a descriptor if need be."""
        line = json.dumps(message).encode() + b"\n"
        descriptors = [] if channel is None else [channel.fileno()]
        async with self._speaking:
            while self._control is not None:
                try:
                    socket.send_fds(self._control, [line], descriptors)
                except BlockingIOError:
                    await asyncio.sleep(0.001)
                except ConnectionError:
                    return
                else:
                    return

    def kill(self, number: int) -> None:
        """Have a run killed."""
        task = asyncio.get_running_loop().create_task(self.say({"kill": number}))
        task.add_done_callback(lambda done: done.exception())

    async def close(self) -> None:
        """Close the socket, on which the fork server ends; wait for it."""
        self._hang_up()
        if self._process is not None:
            await asyncio.to_thread(finish, self._process)

    def _read(self) -> None:
        try:
            data = b"" if self._control is None else self._control.recv(65_536)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._end()
            return
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "ready" in message:
                self._ready.set_result(message["ready"])
            else:
                self._heard(message)

    def _end(self) -> None:
        self._hang_up()
        if not self._ready.done():
            self._ready.set_exception(RuntimeError("the fork server ended while it was loading"))
        else:
            self._lost()
        if self._process is not None:
            self._spawn(asyncio.to_thread(finish, self._process))

    def _hang_up(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None


SERVER_ENVIRONMENT = {
    **ONE_THREAD,
    "PYTHONHASHSEED": "0",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # no thread may run in what is forked
}


def spawn(descriptor: int, preload: str) -> subprocess.Popen[bytes]:
    """Start a fork server in a session of its own, so that a Ctrl-C is the agent's business."""
    command = [sys.executable, "-m", "autolearn.agents.forkserver", str(descriptor), preload]
    return subprocess.Popen(
        command,
        env={**os.environ, **SERVER_ENVIRONMENT},
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for a fork server that has been told to end; kill it when it does not."""
    try:
        process.wait(CLOSING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def converse(channel: Channel, job: bytes, on_phase: Callable[[str], None]) -> Word | None:
    """Send the job, hear phases, and return the first message that is none.

    Returns None when the channel closes before, and {} when there is garbage on it.
    """
    reader, writer = channel
    try:
        writer.write(job)
        writer.write_eof()
        while line := await reader.readline():
            message = msgspec.json.decode(line, type=Word)
            if not isinstance(phase := message.get("phase"), str):
                return message
            on_phase(phase)
    except (msgspec.DecodeError, ValueError):
        return {}
    except ConnectionError:
        return None
    finally:
        writer.close()
    return None


def words_for(status: int, said: Word | None) -> str:
    """Return what is known about a process that ended without a result."""
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return f"its process was ended by {name}"
    if said is not None:
        return "its process wrote something that is not a result"
    return f"its process ended without a result (exit code {os.waitstatus_to_exitcode(status)})"
