"""Runs work in operating-system processes of their own, from an event loop that never waits.

    executor = LocalExecutor(store="file:///var/lib/autolearn/artifacts")
    await executor.warm()
    run = executor.start("training", request, Limits(time_s=60, memory_mb=2048), print)
    match await run.outcome():
        case Completed(result): ...
        case Failed(reason, detail): ...
    await executor.close()

A run is a fork of `fork_server`, which has the libraries loaded and enforces the limits. When
that process ends or hangs, so that it enforces nothing, it is killed with all its runs, which are
`Lost`, and started again. This module is light: it imports nothing that learns, and neither does
what it imports.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import structlog

from autolearn.agents.executors.executor import CANCELLED, Completed, Failed, Limits, Lost, Outcome
from autolearn.agents.executors.local.child import Job
from autolearn.agents.executors.local.child import words_for as words_of
from autolearn.agents.executors.local.fork_client import ForkServer
from autolearn.agents.executors.local.run_folder import RunFolder
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.results import RESULTS
from autolearn.schemas.bounds import cut
from autolearn.schemas.codec import is_too_deep
from autolearn.schemas.workers.cluster import DaskSettings

logger = structlog.get_logger(__name__)
Word = dict[str, Any]
Channel = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_MAX_LINE = 16 << 20
_STRAGGLING_SECONDS = 1.0
"""Seconds for which the channel of an ended process is still read: it may have a child."""
_KILLING_SECONDS = 1.0
"""That the fork server has to kill a run that is cancelled, before it is done without it."""
_STORING_SECONDS = 60.0
"""Seconds that a result may take into the store, also when the run has used all of its time."""
_SCRATCH = "autolearn-runs-"


class Why(msgspec.Struct):
    """The reasons that a run may report: others are not for it to give."""

    reason: Literal["raised", "memory", "input", "pruned", "lost"]
    detail: str


@dataclass(frozen=True)
class _ProcessEnd:
    """The end of a run's process. `lost`: the fork server ended, and the run's end is unknown."""

    status: int
    cause: str | None
    peak: int
    lost: bool = False


class RunningProcess:
    """A run in a process of its own (`StartedRun`)."""

    def __init__(self, number: int, limits: Limits) -> None:
        self.number = number
        self.limits = limits
        self.pid: int | None = None
        self.peak_bytes = 0
        self.cancelled = False
        self.ended: asyncio.Future[_ProcessEnd] = asyncio.get_running_loop().create_future()
        self.given_up = asyncio.Event()
        """It was cancelled, and the fork server has not said that it ended."""
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

    def give_up(self) -> None:
        """Kill the process and its group without the fork server's help, if it has not ended.

        The id is the process's own until the fork server reports its end.
        """
        if not self.ended.done():
            self.given_up.set()
            if self.pid is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)

    def arm(self, kill: Callable[[], None]) -> None:
        """Set the function that kills the process, once there is one."""
        self._kill = kill
        if self.cancelled:
            kill()


class LocalExecutor:
    """Starts runs, each in a process of its own on this machine (`Executor`).

    `preload` is the module that the fork server imports; its KINDS are the kinds of work, and
    `results` names the type of each kind's result. `note` is a file of this process alone that
    names its folder of temporary files, so that the next process deletes what a killed one has
    left. `grace` seconds after the time limit of a run that goes on, the fork server is killed.
    With `network` its runs may connect to others. One without has another one for such runs, which
    is made for the first of them: what a fork server may not, no run of it may.
    """

    def __init__(
        self,
        store: str,
        preload: str = "autolearn.agents.executors.local.preload",
        results: Mapping[str, Any] = RESULTS,
        note: Path | None = None,
        grace: float = 10.0,
        *,
        network: bool = False,
    ) -> None:
        self._url, self._note, self._grace = store, note, grace
        self._network = network
        self._connected: LocalExecutor | None = None
        self._preload = preload
        self._results = results
        self._runs: dict[int, RunningProcess] = {}
        self._count = 0
        self._server: ForkServer | None = None
        self._starting = asyncio.Lock()
        self._scratch: Path | None = None
        self._clearing: set[asyncio.Task[None]] = set()
        self._closed = False

    async def warm(self) -> None:
        """Start the fork server and wait until it has loaded everything (about two seconds).

        Raises:
            RuntimeError: it ended while loading; its words are on standard error.
        """
        async with self._starting:
            if self._server is None and not self._closed:
                if self._scratch is None:
                    self._scratch = await asyncio.to_thread(_scratch_folder, self._note)
                server = ForkServer(self._heard, self._lost, self._spawn)
                try:
                    await server.start(self._preload, self._scratch, network=self._network)
                except asyncio.CancelledError:
                    await server.close()
                    raise
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
        key: bytes = b"",
        input_keys: Mapping[str, bytes] = {},
        network: bool = False,
        cluster: DaskSettings | None = None,
    ) -> RunningProcess:
        """Start a run at once, as `Executor.start` says."""
        if (network or cluster) and not self._network:
            return self._other().start(
                kind, request, limits, on_phase, key, input_keys, cluster=cluster
            )
        self._count += 1
        run = RunningProcess(self._count, limits)
        self._runs[run.number] = run
        run.task = asyncio.get_running_loop().create_task(
            self._work(run, kind, request, on_phase, key, input_keys, cluster)
        )
        return run

    def _other(self) -> LocalExecutor:
        """Return the executor of runs with a network."""
        if self._connected is None:
            note = self._note and self._note.with_name(f"{self._note.name}-network")
            self._connected = LocalExecutor(
                self._url, self._preload, self._results, note, self._grace, network=True
            )
        return self._connected

    async def close(self) -> None:
        """Kill what runs, and end the fork server."""
        self._closed = True
        if not self._network:
            await self._other().close()  # nothing starts in one that is closed
        async with self._starting:  # one that is just starting is ended as well
            server, self._server = self._server, None
        for run in list(self._runs.values()):
            run.cancel()
        if server is not None:
            await server.close()
        self._lost()
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*self._clearing, return_exceptions=True)
        if self._scratch is not None:
            await asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True)
            self._scratch = None

    async def _work(
        self,
        run: RunningProcess,
        kind: str,
        request: Any,
        on_phase: Callable[[str], None],
        key: bytes,
        input_keys: Mapping[str, bytes],
        cluster: DaskSettings | None,
    ) -> Outcome:
        folder: RunFolder | None = None
        started = False
        try:
            await self.warm()
            server, scratch = self._server, self._scratch
            if server is None or scratch is None:
                return CANCELLED
            began = asyncio.get_running_loop().time()
            store = await asyncio.to_thread(ArtifactStore, self._url, key or None)
            folder = RunFolder(scratch / str(run.number), store, input_keys)
            encoded = msgspec.json.encode(request)
            readable = await _within(run.limits.time_s, folder.fetch, kind, encoded)
            if run.cancelled:
                return CANCELLED
            if isinstance(readable, Failed):
                return readable
            asked = msgspec.Raw(encoded)
            job = Job(kind, str(folder.path), tuple(readable), asked, self._network, cluster)
            left = began + run.limits.time_s - asyncio.get_running_loop().time()
            started = True
            outcome = await self._run(server, run, job, on_phase, max(left, 0.0))
            if not isinstance(outcome, Completed):
                return outcome
            left = began + run.limits.time_s - asyncio.get_running_loop().time()
            kept = await _within(max(left, _STORING_SECONDS), folder.keep, outcome.result)
            return kept if isinstance(kept, Failed) else Completed(kept)
        finally:
            self._spawn(self._clear(run, folder, started=started))

    async def _run(
        self,
        server: ForkServer,
        run: RunningProcess,
        job: Job,
        on_phase: Callable[[str], None],
        seconds: float,
    ) -> Outcome:
        """Have the job done, and return its outcome once the process has ended."""
        ours, theirs = socket.socketpair()
        with theirs:
            message = {"start": run.number, "seconds": seconds, "mebibytes": run.limits.memory_mb}
            await server.say(message, theirs)
        run.arm(lambda: self._end(run, server))
        late = asyncio.get_running_loop().call_later(
            seconds + self._grace,
            lambda: server.put_down(f"it has not ended run {run.number} at its time limit"),
        )
        run.ended.add_done_callback(lambda _: late.cancel())
        channel = await asyncio.open_connection(sock=ours, limit=_MAX_LINE)
        listening = asyncio.create_task(_converse(channel, msgspec.json.encode(job), on_phase))
        given_up = asyncio.ensure_future(run.given_up.wait())
        try:
            end: list[asyncio.Future[Any]] = [run.ended, given_up]
            await asyncio.wait([listening, *end], return_when=asyncio.FIRST_COMPLETED)
            told = self._told(run, job, listening.result()) if listening.done() else None
            if told is not None:
                server.kill(run.number)  # it has nothing more to do, and what it left must stay so
            await asyncio.wait(end, return_when=asyncio.FIRST_COMPLETED)
            if not run.ended.done():
                return CANCELLED
            ended = run.ended.result()
            run.peak_bytes = ended.peak
            if told is not None:
                return told
            # it ended in some other way; a grandchild that got away may keep the channel open
            await asyncio.wait([listening], timeout=_STRAGGLING_SECONDS)
            said = listening.result() if listening.done() else None
            return self._told(run, job, said) or self._ended(run, ended, said)
        finally:
            listening.cancel()
            given_up.cancel()

    async def _clear(self, run: RunningProcess, folder: RunFolder | None, *, started: bool) -> None:
        """Once the process has ended, if there was one, forget the run and delete its files."""
        if started:
            await run.ended
        self._runs.pop(run.number, None)
        if folder is not None:
            await asyncio.to_thread(shutil.rmtree, folder.path, ignore_errors=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._clearing.add(task)
        task.add_done_callback(self._clearing.discard)

    def _told(self, run: RunningProcess, job: Job, said: Word | None) -> Outcome | None:
        with contextlib.suppress(msgspec.ValidationError):
            if said is not None and "result" in said:
                return Completed(msgspec.convert(said["result"], self._results[job.kind]))
            if said is not None and "failed" in said and not run.cancelled:
                why = msgspec.convert(said["failed"], Why)
                if why.reason == "lost":  # only of a cluster: a run may not say it of itself
                    return Lost(why.detail) if job.cluster else Failed("raised", why.detail)
                return Failed(why.reason, why.detail)
        return None

    def _ended(self, run: RunningProcess, ended: _ProcessEnd, said: Word | None) -> Outcome:
        """Return the outcome of a process that has not reported one."""
        if run.cancelled:
            return CANCELLED
        if ended.lost:
            return Lost("the process that enforces the limits was lost")
        if ended.cause == "time":
            return Failed("time", f"it took longer than its limit of {run.limits.time_s:g} s")
        if ended.cause == "memory":
            used, limit = ended.peak >> 20, run.limits.memory_mb
            return Failed("memory", f"it used {used} MiB of memory; its limit is {limit} MiB")
        return Failed("crashed", _words_for(ended.status, said))

    def _heard(self, message: dict[str, Any]) -> None:
        run = self._runs.get(message.get("ended", message.get("started", 0)))
        if run is None:
            return
        if "started" in message:
            run.pid = message["pid"]
        elif not run.ended.done():
            run.ended.set_result(_ProcessEnd(message["status"], message["cause"], message["peak"]))

    def _end(self, run: RunningProcess, server: ForkServer) -> None:
        server.kill(run.number)
        asyncio.get_running_loop().call_later(_KILLING_SECONDS, run.give_up)

    def _lost(self) -> None:
        """The fork server has ended, and with it every run."""
        self._server = None
        for run in self._runs.values():
            run.give_up()  # its children may have survived
            if not run.ended.done():
                run.ended.set_result(_ProcessEnd(signal.SIGKILL, None, 0, lost=True))
        if not self._closed:
            self._spawn(self._again())

    async def _again(self) -> None:
        """Start another fork server; if that fails, the next run tries again."""
        try:
            await self.warm()
        except RuntimeError:
            logger.exception("there is no fork server")


async def _within(seconds: float, call: Callable[..., Any], *arguments: Any) -> Any:
    """Run a store operation in a thread, and return its result, or a Failed."""
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(call, *arguments)
    except TimeoutError:
        return Failed("time", f"the artifact store has not done its part within {seconds:.3g} s")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the run's end
        return Failed(*words_of(error))


async def _converse(channel: Channel, job: bytes, on_phase: Callable[[str], None]) -> Word | None:
    """Send the job, receive phases, and return the first other message.

    Return None when the channel closes before, and {} for garbage, or for JSON that is nested
    deeper than a command may be.
    """
    reader, writer = channel
    try:
        writer.write(job)
        writer.write_eof()
        while line := await reader.readline():
            message = msgspec.json.decode(line, type=Word)
            if not isinstance(phase := message.get("phase"), str):
                return {} if is_too_deep(line) else message
            on_phase(cut(phase))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    except ConnectionError:
        return None
    finally:
        writer.close()
    return None


def _scratch_folder(note: Path | None) -> Path:
    """Return a new folder for temporary files, noted in `note`; delete the one noted before."""
    if note is not None and note.exists():
        before = Path(note.read_text())
        if before.name.startswith(_SCRATCH):
            shutil.rmtree(before, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=_SCRATCH))
    if note is not None:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(str(made))
    return made


def _words_for(status: int, said: Word | None) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        named = number in set(signal.Signals)  # most of the real-time ones are not
        return f"its process was ended by {signal.Signals(number).name if named else number}"
    if said is not None:
        return "its process wrote something that is not a result"
    return f"its process ended without a result (exit code {os.waitstatus_to_exitcode(status)})"
