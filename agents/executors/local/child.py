"""What happens inside a run's own process: read the job, work, tell.

The agent writes one `Job` on the channel and closes its side. The child answers with lines of JSON:
any number of {"phase": ...}, then {"result": ...} or {"failed": {"reason": ..., "detail": ...}}.
"""

from __future__ import annotations

import errno
import socket
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from autolearn.agents.executors.executor import FailureReason
from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.store.run_files import RunFiles
from autolearn.ml.errors import InputError, Interrupted, Pruned
from autolearn.ml.library_messages import sentence
from autolearn.ml.task_kind import Kind
from autolearn.runtime.disk_usage import FULL, is_full
from autolearn.runtime.sandbox import confine
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.workers.cluster import DaskSettings

_REFUSED = (
    ". A run has no network, reads its own files and those of Python, and writes to its temporary "
    "folder only (docs/security.md)"
)


class Job(msgspec.Struct, frozen=True):
    """A job. `folder` is the run's own; `readable` are paths elsewhere that it may read.

    With `network` it may connect to others, if the fork server may; with a `cluster` it may have
    its rows worked on there.
    """

    kind: str
    folder: str
    readable: tuple[str, ...]
    request: msgspec.Raw
    network: bool = False
    cluster: DaskSettings | None = None


def work(channel: socket.socket, kinds: Mapping[str, Kind]) -> None:
    """Do the job of the channel, and report its end."""
    from autolearn.ml.cluster import offered  # the agent, which needs the rest, has no Arrow

    def tell(**words: Any) -> None:
        channel.sendall(msgspec.json.encode(words) + b"\n")

    job = msgspec.json.decode(_received(channel), type=Job)
    folder = Path(job.folder)
    tempfile.tempdir = str(folder / "tmp")
    try:
        readable = [*map(Path, job.readable), folder / "in"]
        readable += [Path(job.cluster.tls)] if job.cluster and job.cluster.tls else []
        confine(readable, [folder / "out", folder / "tmp"], network=job.network)
        with offered(job.cluster):
            result = kinds[job.kind](
                bytes(job.request), RunFiles(folder), lambda phase: tell(phase=phase)
            )
        tell(result=result)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the run's end
        reason, detail = words_for(error)
        tell(failed={"reason": reason, "detail": detail})


def _received(channel: socket.socket) -> bytes:
    parts = []
    while part := channel.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def words_for(error: BaseException) -> tuple[FailureReason, str]:
    """Return the reason (a code of `commands.FailRun`) and the message for an error."""
    if isinstance(error, MemoryError):
        return "memory", "there was not enough memory for an allocation"
    if isinstance(error, Interrupted):
        return "lost", f"{error.detail}. {error.advice}"
    if isinstance(error, Pruned):
        return "pruned", error.detail
    if isinstance(error, AutoLearnError):
        known = isinstance(error, InputError | DatasetRefused)
        detail = f"{error.detail}. {error.advice}" if error.advice else error.detail
        return "input" if known else "raised", detail
    if _is_caused(error, is_full):
        return "raised", FULL
    told = sentence(str(error))[:4000]
    if not told or not isinstance(error, ValueError):  # its message alone is for people
        told = f"{type(error).__name__}: {told}"
    return "raised", told + (_REFUSED if _is_caused(error, _is_refused) else "")


def _is_refused(error: BaseException) -> bool:
    """Return whether the sandbox has refused a call."""
    return isinstance(error, OSError) and error.errno in (errno.EPERM, errno.EACCES)


def _is_caused(error: BaseException | None, by: Callable[[BaseException], bool]) -> bool:
    """Return whether an error, or what caused it, is one of a kind."""
    while error is not None:
        if by(error):
            return True
        error = error.__cause__ or error.__context__
    return False
