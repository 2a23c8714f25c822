"""The whole system on one machine: the processes of `autolearn up`, watched and stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from autolearn.client.sdk.access import credentials
from autolearn.eventlog.embedded.errors import PORT_TAKEN
from autolearn.eventlog.embedded.probe import HOST, HeldPorts, require_port
from autolearn.eventlog.log import START_TIMEOUT
from autolearn.runtime.child_process import child_environment, python_command
from autolearn.runtime.home import RunningSystem, home_of, lock_system
from autolearn.runtime.process import child
from autolearn.runtime.state_folders import cut_off
from autolearn.runtime.watchdog import TICK, Effort, Stall
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.settings import Settings, serve_port, variables_of
from autolearn.security.broker_secret import announced, secret_of

_READY_TIMEOUT = START_TIMEOUT
"""Seconds within which every process must report that it is ready; a long log takes its time."""
_PATIENCE = 20.0
"""Seconds after which a process that is not ready yet is reported."""
PORT_ATTEMPTS = 3
"""Starts with other ports, when another process takes the drawn one."""
_STOP_TIMEOUT = 20.0
"""Seconds that a process has to stop by itself."""
LOADING = 45.0
"""Seconds for which a process may be silent before its first beat: a command for the master key has
30."""
_STACKS = 1.5
"""Seconds that a process has to write its stacks before it is killed."""
_LARGEST_LOG = 16 * 1024 * 1024
"""Bytes after which a process's log file is rotated at its next start."""


class CannotStart(AutoLearnError):
    """A process of the system ended, or was not ready in time."""

    title = "AutoLearn could not be started"


class PortLost(CannotStart):
    """Another process took the port that was drawn for Kafka."""


class Part(NamedTuple):
    """One process of the system. It prints `ready …` once it is; a tool prints its result."""

    name: str
    arguments: tuple[str, ...]
    beats: Literal["always", "when ready", "never"] = "always"
    """Whether it prints a beat every second."""


_FIRST_USER = Part("first user", ("autolearn.operations.first_user", "--with-parent"), "never")
_AGENTS = Part(
    "agents", ("autolearn.agents", "--with-parent", "decide", "dispatch", "supervise", "monitor")
)
_WORKERS = Part("workers", ("autolearn.agents", "--with-parent", "work"))
_API = Part("api", ("autolearn.api", "--with-parent"))
_SERVE = Part("serve", ("autolearn.api.serving", "--with-parent"))


class _Heard:
    """The number of beats of a process."""

    beats = 0
    ready = False


class System:
    """Kafka (unless the settings name brokers), agents, workers and API, on one home.

    `told` receives what happens, a sentence each. A process that ends by itself is restarted, and
    one that hangs is killed. After `start`, `url` is that of the API and `kafka` the brokers'
    address.
    """

    def __init__(self, settings: Settings, told: Callable[[str], None] = lambda _: None) -> None:
        self.settings, self.told = settings, told
        self.home = home_of(settings)
        self.url = self.kafka = ""
        self.api_port, self.ports = settings.api.port, HeldPorts()
        self.serve_port = serve_port(settings)
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.lines: dict[str, socket.socket] = {}
        """To each process: it ends when this end is closed, and tells here that it goes on."""
        self.tasks: set[asyncio.Task[None]] = set()
        self.held = ExitStack()

    async def start(self) -> None:
        """Start everything, and return when commands are answered.

        Raises:
            AlreadyRunning: this home is in use.
            CannotStart: a process ended or was not ready in time; the message has its log lines.
            Or a restore into this home is incomplete.
            SettingsError: the API's port is taken.
        """
        self.held.enter_context(lock_system(self.home))
        if words := cut_off(self.home):
            self.held.close()
            raise CannotStart(
                f"A restore on {self.home} was cut off: its content is incomplete.",
                advice=f"Run `autolearn restore {words}` again; it goes on where it stopped.",
            )
        self.told(f"AutoLearn {version('autolearn')} starts on {self.home}")
        try:
            require_port(self.settings.api.host, self.settings.api.port)
            require_port(self.settings.api.host, self.serve_port)
            self._make_master_key()
            parts = await self._launch_everything()
            up = RunningSystem(os.getpid(), self.url, self.kafka)
            (self.home / "up.json").write_bytes(msgspec.json.encode(up))
        except BaseException:
            await self.stop()
            raise
        for part in parts:
            self.go_on(self.watch(part))

    async def _launch_everything(self) -> list[Part]:
        """Launch every process, with other ports if one was lost; return the lasting ones."""
        for attempt in range(1, PORT_ATTEMPTS + 1):
            parts = [*self.brokers(), _AGENTS, _WORKERS, _SERVE, _API]
            once = [_FIRST_USER] if self._needs_user() else []
            try:
                said = await self._launch_all([*parts, *once])
                break
            except PortLost:
                if attempt == PORT_ATTEMPTS:
                    raise
                self.told("  another program has taken Kafka's port; once more with another")
                await self._end_all()
        self.url = said[len(parts) - 1]
        if once:
            self._keep_user(said[-1])
        return parts

    def brokers(self) -> list[Part]:
        """Draw all free ports at once; return the embedded broker if it runs."""
        embedded, any_api = not self.settings.kafka.brokers, self.settings.api.port == 0
        # Elsewhere a port cannot be held until the API listens: it takes a free one itself.
        drawn_api = any_api and self.settings.api.host == HOST and sys.platform == "linux"
        drawn_serve = serve_port(self.settings) == 0
        self.ports = HeldPorts(*[0] * (embedded + drawn_api + drawn_serve))
        numbers = list(self.ports.numbers)
        if drawn_serve:
            self.serve_port = numbers.pop()
        self.api_port = numbers.pop() if drawn_api else self.settings.api.port
        if not embedded:
            self.kafka = self.settings.kafka.brokers
            return []
        (port,) = numbers
        self.kafka = f"{HOST}:{port}"
        self.ports.lend()
        secret_of(self.home)  # made now if there is none; a fault is reported now
        self.held.enter_context(announced(self.home, [self.kafka]))
        where = ("--folder", str(self.home / "kafka"), "--port", str(port))
        run = ("run", "--with-parent", *where, "--secret-of", str(self.home))
        return [Part("kafka", ("autolearn.eventlog.embedded", *run), "when ready")]

    # Requirements

    def _make_master_key(self) -> None:
        from autolearn.security.master_keys import make_key_file

        if made := make_key_file(self.settings.encryption, self.home):
            self.told(f"  made the master key: {made}; keep a copy elsewhere")

    # The first user

    @property
    def _has_user(self) -> Path:
        return self.home / "has-user"

    @property
    def token(self) -> str:
        """The stored token of this system, else AUTOLEARN_TOKEN, "" without one."""
        place = credentials.place_of_home(self.home)
        kept = credentials.read().get(place) or credentials.find(place)
        return kept.token if kept is not None else ""

    def _needs_user(self) -> bool:
        known = self._has_user.exists() and self._has_user.read_text() == self.which_log()
        return self.settings.identity.auth == "tokens" and not known

    def which_log(self) -> str:
        """Return the id of the log, which differs for each log of this home."""
        return f"{self.settings.kafka.brokers or 'embedded'} {self.settings.kafka.topic_prefix}\n"

    def _keep_user(self, said: str) -> None:
        """Store the token of the first user, if one was made, for the command line."""
        made = msgspec.json.decode(said, type=dict[str, dict[str, str]])["result"]
        if made:
            place = credentials.place_of_home(self.home)
            file = credentials.keep(place, made["user"], made["token"])
            self.told(f"  made the first sysadmin, {made['user']!r}; the token is in {file}")
        self._has_user.write_text(self.which_log())

    async def _launch_all(self, parts: list[Part]) -> list[str]:
        """Start processes at the same time; when one cannot start, abandon the others."""
        launches = [asyncio.create_task(self.launch(part)) for part in parts]
        try:
            return await asyncio.gather(*launches)
        finally:
            for launch in launches:
                launch.cancel()
            await asyncio.gather(*launches, return_exceptions=True)

    async def launch(self, part: Part) -> str:
        """Start a process, wait until it is ready, and return its ready line."""
        began = time.monotonic()
        log = self.home / "logs" / f"{part.name}.log"
        log.parent.mkdir(exist_ok=True)
        if log.exists() and log.stat().st_size > _LARGEST_LOG:
            log.replace(log.with_suffix(".log.1"))
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        if (before := self.lines.pop(part.name, None)) is not None:
            before.close()
        self.lines[part.name] = ours
        with log.open("ab") as output, theirs:
            start = output.tell()
            process = self.processes[part.name] = await asyncio.create_subprocess_exec(
                *python_command(*part.arguments),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                env=self.environment(),
                cwd=self.home,
                start_new_session=True,
            )
        assert process.stdout is not None
        waiting, heard = self.go_on(self._mention(part, log)), _Heard()
        self.go_on(_listen(ours, heard))
        if part.beats != "never":
            self.go_on(self.guard(part, process, heard))
        try:
            async with asyncio.timeout(_READY_TIMEOUT):
                while line := (await process.stdout.readline()).decode(errors="replace"):
                    if line.startswith(("ready", '{"result"')):
                        heard.ready = True
                        self.told(f"  {part.name:8} ready after {time.monotonic() - began:.1f} s")
                        self.go_on(_drain(process.stdout, log))
                        return line.removeprefix("ready").strip()
            status = await process.wait()
            why = f"The process {part.name} ended with status {status} before it was ready."
        except TimeoutError:
            await self.end(part.name)
            why = f"The process {part.name} was not ready within {_READY_TIMEOUT:g} s."
        finally:
            waiting.cancel()
        with log.open("rb") as output:
            output.seek(start)
            words = output.read().decode(errors="replace").splitlines()[-15:]
        lost = part.name == "kafka" and process.returncode == PORT_TAKEN
        raise (PortLost if lost else CannotStart)(
            "\n  ".join([why, *words]), advice=f"Its whole log is {log}."
        )

    async def guard(self, part: Part, process: asyncio.subprocess.Process, heard: _Heard) -> None:
        """Kill a process that makes no progress; its log then has its stacks.

        Before its first beat it loads, which may take any time on a busy machine.
        """
        stall = Stall(Effort(process.pid), time.monotonic())
        while process.returncode is None:
            await asyncio.sleep(TICK)
            hangs = stall.hangs(time.monotonic(), heard.beats)
            loads = part.beats == "when ready" and not heard.ready
            if hangs and not loads and (heard.beats or stall.idle >= LOADING):
                self.told(f"  {part.name:8} hangs ({stall.words()}); it is killed")
                await _put_down(process)

    async def _mention(self, part: Part, log: Path) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(_PATIENCE)
            self.told(
                f"  {part.name:8} is still starting ({time.monotonic() - began:.0f} s): {log}"
            )

    def environment(self) -> Mapping[str, str]:
        """Return the environment of the processes: ours, with every setting spelled out.

        A restarted API keeps its port, also if the first one was a free one.
        """
        port = urlsplit(self.url).port if self.url else self.api_port
        settings = replace(
            self.settings,
            home=str(self.home),
            kafka=replace(self.settings.kafka, brokers=self.kafka),
            api=replace(self.settings.api, port=port),
            serving=replace(self.settings.serving, port=self.serve_port),
            workers=replace(self.settings.workers, idle_exit=0.0, drain=0.0),
        )
        # The user who starts the system may have a token; its processes need none.
        ours = {name: value for name, value in os.environ.items() if name != "AUTOLEARN_TOKEN"}
        return {**child_environment(ours), **variables_of(settings), "PYTHONUNBUFFERED": "1"}

    def go_on(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run a task beside everything else, until it is done or the system stops."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def watch(self, part: Part) -> None:
        """Restart a process whenever it ends by itself, at longer and longer intervals."""
        pause = 0.0
        while True:
            began = time.monotonic()
            status = await self.processes[part.name].wait()
            pause = 0.0 if time.monotonic() - began > 60 else min(30.0, 2 * pause + 0.5)
            self.told(f"  {part.name:8} ended with status {status}; it is started again")
            await asyncio.sleep(pause)
            try:
                await self.launch(part)
            except CannotStart as error:
                self.told(f"  {error.detail.splitlines()[0]} {error.advice}")
            except OSError as error:  # such as a full disk, or no memory for another process
                self.told(f"  {part.name:8} cannot be started now: {error}")

    async def stop(self) -> None:
        """Stop everything: work first, the API, then Kafka."""
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._end_all()
        (self.home / "up.json").unlink(missing_ok=True)
        self.ports.release()
        self.held.close()

    async def _end_all(self) -> None:
        for names in (("workers", "api", "serve", "first user"), ("agents",), ("kafka",)):
            await asyncio.gather(*(self.end(name) for name in names if name in self.processes))

    async def end(self, name: str) -> None:
        """Ask one process to stop; kill it and its children if it does not."""
        process = self.processes[name]
        if process.returncode is not None:
            self.lines[name].close()
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _STOP_TIMEOUT)
        except TimeoutError:
            self.told(f"  {name:8} did not stop within {_STOP_TIMEOUT:g} s; it is killed")
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        self.lines[name].close()

    async def __aenter__(self) -> System:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


async def _listen(line: socket.socket, heard: _Heard) -> None:
    while words := await asyncio.get_running_loop().sock_recv(line, 4096):
        heard.beats += len(words)


async def _put_down(process: asyncio.subprocess.Process) -> None:
    """Kill a process and its group; before that it writes the stacks of its threads to its log."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGABRT)
        os.kill(process.pid, signal.SIGCONT)  # a stopped one takes the signal before it
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _STACKS)
        os.killpg(process.pid, signal.SIGKILL)


async def _drain(output: asyncio.StreamReader, log: Path) -> None:
    """Append a process's output after its first line to its log file."""
    while words := await output.read(1 << 16):
        with log.open("ab") as file:
            file.write(words)


def install_kafka() -> None:
    """Fetch Kafka on first use, with a progress bar on standard error.

    Raises:
        CannotStart: it could not be fetched.
    """
    how = child("autolearn.eventlog.embedded", "install")
    status = subprocess.run(
        how.command, env=how.environment, cwd=how.folder, check=False
    ).returncode
    if status in (130, -signal.SIGINT):
        raise KeyboardInterrupt
    if status:
        raise CannotStart(
            "Apache Kafka could not be installed: the words above say why.",
            advice="With AUTOLEARN_KAFKA=host:port,… your own brokers are used instead.",
        )
