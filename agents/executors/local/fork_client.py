"""The agent's side of the fork server (`fork_server`): start it, talk to it, end it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from autolearn.runtime.child_process import bare_environment, python_command
from autolearn.runtime.watchdog import LIMIT, TICK, Effort, Stall

_CLOSING_SECONDS = 5.0
logger = structlog.get_logger(__name__)

_ONE_THREAD = dict.fromkeys(
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


class ForkServer:
    """The agent's side of a fork server."""

    def __init__(
        self,
        heard: Callable[[dict[str, Any]], None],
        lost: Callable[[], None],
        spawn_task: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._heard, self._lost, self._spawn = heard, lost, spawn_task
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._unread = b""
        loop = asyncio.get_running_loop()
        self._loading: asyncio.Future[int] = loop.create_future()
        self._ready: asyncio.Future[int] = loop.create_future()
        self._speaking = asyncio.Lock()
        self.pid: int | None = None
        self._asked = self._answered = 0

    async def start(self, preload: str, folder: Path, *, network: bool = False) -> None:
        """Start the process in a folder, and wait until it is ready. Raises RuntimeError."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._control = ours
        with theirs:
            start = asyncio.to_thread(_start, theirs.fileno(), preload, folder, network)
            starting = asyncio.ensure_future(start)
            try:
                self._process = await asyncio.shield(starting)
            except asyncio.CancelledError:
                self._process = await starting  # it begins all the same, and `close` must end it
                raise
        asyncio.get_running_loop().add_reader(ours, self._read)
        self._spawn(self._watch())
        self.pid = await self._ready

    async def _watch(self) -> None:
        """Kill the process when it makes no progress: it answers no ping."""
        loop = asyncio.get_running_loop()
        pid = await self._loading
        stall = Stall(Effort(pid, pid), loop.time())
        while self._control is not None:
            if self._ready.done() and self._asked == self._answered:
                self._asked += 1
                await self.say({"ping": self._asked})
            await asyncio.sleep(TICK)
            heard = self._answered if self._ready.done() else -1
            if stall.hangs(loop.time(), heard) and (heard >= 0 or stall.idle >= LIMIT):
                self.put_down(f"it hangs: {stall.words()}")

    def put_down(self, why: str) -> None:
        """Kill the process, which does not work; the end of its socket does the rest.

        Its parent lives on for a moment, and ends the remaining runs.
        """
        if self._loading.done() and self._control is not None:
            logger.error("the fork server is killed", pid=self._loading.result(), why=why)
            self._kill()

    def _kill(self) -> None:
        if self._loading.done() and not self._loading.cancelled():
            with suppress(ProcessLookupError):
                os.kill(self._loading.result(), signal.SIGKILL)

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
        """Close the socket, which ends the fork server; wait for it."""
        self._hang_up()
        if self._process is not None:
            await asyncio.to_thread(_finish, self._process, self._kill)

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
            if "loading" in message:
                self._loading.set_result(message["loading"])
            elif "ready" in message:
                self._ready.set_result(message["ready"])
            elif "pong" in message:
                self._answered = message["pong"]
            else:
                self._heard(message)

    def _end(self) -> None:
        self._hang_up()
        if not self._ready.done():
            self._ready.set_exception(RuntimeError("the fork server ended while it was loading"))
        else:
            self._lost()
        if self._process is not None:
            self._spawn(asyncio.to_thread(_finish, self._process, self._kill))

    def _hang_up(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None
            self._loading.cancel()


_SERVER_ENVIRONMENT = {
    **_ONE_THREAD,
    "PYTHONHASHSEED": "0",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # no thread may run in a forked process
}


def _start(descriptor: int, preload: str, folder: Path, network: bool) -> subprocess.Popen[bytes]:
    """Start a fork server in a session of its own, so that only the agent receives Ctrl-C."""
    arguments = [str(descriptor), preload, *(["network"] if network else [])]
    return subprocess.Popen(
        python_command("autolearn.agents.executors.local.fork_server", *arguments),
        env={**bare_environment(), **_SERVER_ENVIRONMENT},
        cwd=folder,
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def _finish(process: subprocess.Popen[bytes], kill_server: Callable[[], None]) -> None:
    """Wait for a fork server that was asked to end, and for the process behind it.

    A server that does not end is killed, and then the process that ends its runs.
    """
    for kill in (kill_server, process.kill):
        try:
            process.wait(_CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            kill()
        else:
            return
    process.wait()
