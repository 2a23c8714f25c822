"""What happens inside a run's own process: read the job, work, tell.

The agent writes one `Job` on the channel and closes its side. The child answers with lines of JSON:
any number of {"phase": ...}, then {"result": ...} or {"failed": {"reason": ..., "detail": ...}}.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from autolearn.agents.faults import InputError
from autolearn.artifacts.refusals import DatasetRefused
from autolearn.artifacts.store import ArtifactStore
from autolearn.schemas.errors import AutoLearnError

__all__ = ["Job", "Kind", "work"]

Kind = Callable[[bytes, ArtifactStore, Callable[[str], None]], Any]
"""A kind of work: (request as JSON, store, report of phases) -> a result that JSON can hold."""


class Job(msgspec.Struct, frozen=True):
    """What to do. `store` is the artifact store's URL, `scratch` a folder for temporary files.

    `key` is what models are encrypted with, `data_key` what the dataset is; empty for nothing. They
    come over the channel: they are neither on a disk nor among the arguments of a process.
    """

    kind: str
    store: str
    scratch: str
    request: msgspec.Raw
    key: bytes = b""
    data_key: bytes = b""


def work(channel: socket.socket, kinds: Mapping[str, Kind]) -> None:
    """Do the job that comes over the channel, and tell how it ended."""

    def tell(**words: Any) -> None:
        channel.sendall(msgspec.json.encode(words) + b"\n")

    job = msgspec.json.decode(received(channel), type=Job)
    Path(job.scratch).mkdir(mode=0o700)
    tempfile.tempdir = job.scratch
    try:
        result = kinds[job.kind](
            bytes(job.request),
            ArtifactStore(job.store, job.key or None, job.data_key or None),
            lambda phase: tell(phase=phase),
        )
        tell(result=result)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the run's end
        reason, detail = words_for(error)
        tell(failed={"reason": reason, "detail": detail})


def received(channel: socket.socket) -> bytes:
    """Return everything that the other side writes."""
    parts = []
    while part := channel.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def words_for(error: BaseException) -> tuple[str, str]:
    """Return the reason (a code of `commands.FailRun`) and the words for an error."""
    if isinstance(error, MemoryError):
        return "memory", "there was not enough memory for an allocation"
    if isinstance(error, AutoLearnError):
        known = isinstance(error, InputError | DatasetRefused)
        detail = f"{error.detail}. {error.advice}" if error.advice else error.detail
        return "input" if known else "raised", detail
    return "raised", f"{type(error).__name__}: {error}"[:4000]
