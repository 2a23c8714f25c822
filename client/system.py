"""The whole system on one machine: the processes of `autolearn up`, watched and stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec

from autolearn.eventlog.process import Running, home_of, lock
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.settings import Settings

__all__ = ["CannotStart", "System", "state_folders"]

READY_TIMEOUT = 60.0
"""Seconds within which every process must say that it is ready."""
STOP_TIMEOUT = 20.0
"""Seconds that a process has to stop by itself."""
LARGEST_LOG = 16 * 1024 * 1024
"""Bytes after which a process's log file is put aside at its next start."""


class CannotStart(AutoLearnError):
    """A process of the system ended, or was not ready in time."""

    title = "AutoLearn could not be started"


class Part(NamedTuple):
    """One process of the system. It prints `ready …` once it is."""

    name: str
    arguments: tuple[str, ...]


AGENTS = Part("agents", ("autolearn.agents", "--with-parent", "decide", "dispatch", "supervise"))
WORKERS = Part("workers", ("autolearn.agents", "--with-parent", "train", "evaluate"))
API = Part("api", ("autolearn.api", "--with-parent"))


class System:
    """Kafka (unless the settings name brokers), agents, workers and API, on one home.

    `told` hears what happens, a sentence each. A process that ends by itself is started again.
    After `start`, `url` says where the API is and `kafka` where the brokers are.
    """

    def __init__(self, settings: Settings, told: Callable[[str], None] = lambda _: None) -> None:
        self.settings, self.told = settings, told
        self.home = home_of(settings)
        self.url = self.kafka = ""
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.watching: list[asyncio.Task[None]] = []
        self.held = ExitStack()
        self.stopping = False

    async def start(self) -> None:
        """Start everything, and return when commands are answered.

        Raises:
            AlreadyRunning: this home is in use.
            CannotStart: a process ended or was not ready in time; the words of its log are in it.
        """
        self.held.enter_context(lock(self.home / "up.lock", "`autolearn up`"))
        try:
            parts = [AGENTS, WORKERS, API]
            if self.settings.kafka:
                self.kafka = self.settings.kafka
            else:
                port = free_port()
                self.kafka = f"127.0.0.1:{port}"
                folder = str(self.home / "kafka")
                run = ("run", "--with-parent", "--folder", folder, "--port", str(port))
                parts.insert(0, Part("kafka", ("autolearn.eventlog.embedded", *run)))
            said = await asyncio.gather(*(self.launch(part) for part in parts))
            self.url = said[-1]
            up = Running(os.getpid(), self.url, self.kafka)
            (self.home / "up.json").write_bytes(msgspec.json.encode(up))
        except BaseException:
            await self.stop()
            raise
        for part in parts:
            self.watching.append(asyncio.create_task(self.watch(part)))

    async def launch(self, part: Part) -> str:
        """Start a process, wait until it is ready, and return what it says of itself."""
        log = self.home / "logs" / f"{part.name}.log"
        log.parent.mkdir(exist_ok=True)
        if log.exists() and log.stat().st_size > LARGEST_LOG:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            start = output.tell()
            process = self.processes[part.name] = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *part.arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                env=self.environment(),
                start_new_session=True,
            )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                while line := (await process.stdout.readline()).decode():
                    if line.startswith("ready"):
                        return line.removeprefix("ready").strip()
            status = await process.wait()
            why = f"The process {part.name} ended with status {status} before it was ready."
        except TimeoutError:
            why = f"The process {part.name} was not ready within {READY_TIMEOUT:g} s."
        words = log.read_bytes()[start:].decode(errors="replace").splitlines()[-15:]
        raise CannotStart(
            "\n  ".join([why, *words]),
            advice=f"Its whole log is {log}. Mend the cause, start again.",
        )

    def environment(self) -> Mapping[str, str]:
        """Return the environment of the processes: ours, with home and brokers spelled out."""
        return {
            **os.environ,
            "AUTOLEARN_HOME": str(self.home),
            "AUTOLEARN_KAFKA": self.kafka,
            "AUTOLEARN_API_HOST": self.settings.api_host,
            "AUTOLEARN_API_PORT": str(self.settings.api_port),
            "PYTHONUNBUFFERED": "1",
        }

    async def watch(self, part: Part) -> None:
        """Start a process again whenever it ends by itself, at longer and longer intervals."""
        pause = 0.5
        while True:
            started = time.monotonic()
            status = await self.processes[part.name].wait()
            if self.stopping:
                return
            pause = 0.5 if time.monotonic() - started > 60 else min(30.0, pause * 2)
            self.told(f"{part.name} ended with status {status}; it is started again.")
            try:
                await self.launch(part)
            except CannotStart as error:
                self.told(error.diagnostics())
                await asyncio.sleep(pause)
            else:
                self.told(f"{part.name} is ready again.")

    async def stop(self) -> None:
        """Stop everything: work first, the API, then Kafka."""
        self.stopping = True
        for names in (("workers", "api"), ("agents",), ("kafka",)):
            await asyncio.gather(*(self.end(name) for name in names if name in self.processes))
        for task in self.watching:
            task.cancel()
        await asyncio.gather(*self.watching, return_exceptions=True)
        (self.home / "up.json").unlink(missing_ok=True)
        self.held.close()

    async def end(self, name: str) -> None:
        """Ask one process to stop; kill it if it does not."""
        process = self.processes[name]
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), STOP_TIMEOUT)
            except TimeoutError:
                self.told(f"{name} did not stop within {STOP_TIMEOUT:g} s; it is killed.")
                process.kill()
                await process.wait()

    async def __aenter__(self) -> System:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def state_folders(home: Path) -> list[Path]:
    """Return every RocksDB folder of a home: what may be deleted, and is rebuilt from the log."""
    return sorted({current.parent for current in (home / "state").glob("**/CURRENT")})
