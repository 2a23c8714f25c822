"""Profiling a file in a process of its own, because the file may be hostile.

    python -m autolearn.artifacts.datasets.sandbox < question.json

reads a `ProfileJob` from standard input, limits its own memory and processor time, keeps nothing
but the file itself (`runtime.sandbox`), and writes a line of JSON: {"spec": DatasetSpec} or
{"refused":
[sentence, ...]}. `profile_apart` does all of that for an asyncio program. Light: nothing that reads
files is imported before the limits are set.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

import msgspec

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.runtime.child_process import bare_environment, python_command
from autolearn.runtime.sandbox import confine, give_way, harden
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.datasets.read_options import ReadHints


class ProfileJob(msgspec.Struct, frozen=True):
    """The arguments of `profile`, and the limits (MiB, processor seconds).

    Without a `format` it is detected by the first bytes.
    """

    path: str
    name: str
    version: str
    bytes: int
    format: str | None = None
    target: str | None = None
    origin: str = "uploaded"
    summary: str = ""
    sensitive: tuple[str, ...] = ()
    hints: ReadHints = ReadHints()
    before: dict[str, str] = {}
    accepted: bool = False
    memory_mb: int = 2048
    cpu_s: int = 120


class ProfileResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """Either of the two."""

    spec: DatasetSpec | None = None
    refused: tuple[str, ...] = ()


async def profile_apart(question: ProfileJob) -> DatasetSpec:
    """Profile a file without risk to this process, and without blocking its loop.

    Raises DatasetRefused; also when the file exceeds the limits of memory or time.
    """
    process = await asyncio.create_subprocess_exec(
        *python_command("autolearn.artifacts.datasets.sandbox"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**bare_environment(), "ARROW_DEFAULT_MEMORY_POOL": "jemalloc", "OMP_NUM_THREADS": "1"},
    )
    give_way(process.pid)  # before it loads its libraries, which takes a second
    try:
        async with asyncio.timeout(question.cpu_s * 2):
            written, _ = await process.communicate(msgspec.json.encode(question))
        answer = msgspec.json.decode(written, type=ProfileResult)
    except (TimeoutError, msgspec.DecodeError):
        raise DatasetRefused(_too_much(question)) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if answer.spec is None:
        raise DatasetRefused(answer.refused or _too_much(question))
    return answer.spec


def _too_much(question: ProfileJob) -> str:
    return (
        f"Reading the file takes more than {question.memory_mb} MiB of memory or "
        f"{question.cpu_s} s of processor time, or crashes the reader: send fewer columns, or "
        "Parquet in smaller row groups."
    )


class _WithoutPandas:
    """Lets Arrow do without pandas, which it would import for every list."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """Report that there is no pandas. Raises ModuleNotFoundError."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def main() -> None:
    """Answer the question on standard input."""
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=ProfileJob)
    sys.meta_path.insert(0, _WithoutPandas)
    _limit(resource.RLIMIT_AS, question.memory_mb << 20)
    _limit(resource.RLIMIT_CPU, question.cpu_s)
    harden()
    confine([Path(question.path)], [])
    try:
        answer = ProfileResult(spec=_examined(question))
    except DatasetRefused as refused:
        answer = ProfileResult(refused=refused.sentences)
    except MemoryError:
        answer = ProfileResult(refused=(_too_much(question),))
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")


def _examined(question: ProfileJob) -> DatasetSpec:
    """Profile the file."""
    from autolearn.artifacts.datasets.profile import profile
    from autolearn.artifacts.datasets.table import format_of

    path = Path(question.path)
    return profile(
        path,
        name=question.name,
        format=question.format or format_of(path),
        version=question.version,
        bytes=question.bytes,
        target=question.target,
        origin=question.origin,
        summary=question.summary,
        sensitive=question.sensitive,
        hints=question.hints,
        before=question.before,
        accepted=question.accepted,
    )


def _limit(what: int, most: int) -> None:
    """Lower a limit of this process for good."""
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
