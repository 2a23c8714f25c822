"""Reading a file in a process of its own, because the file may be hostile.

    python -m autolearn.artifacts.datasets.sandbox < question.json

reads a `ProfileJob` or a `LookJob` from standard input, limits its own memory and processor time,
keeps nothing but the file itself (`runtime.sandbox`), and writes a `SandboxResult` as a line of
JSON. `profile_apart`, `rows_apart` and `summary_apart` do all of that for an asyncio program.
Light: nothing that reads files is imported before the limits are set.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

import msgspec
from msgspec.structs import replace

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.runtime.child_process import bare_environment, python_command
from autolearn.runtime.sandbox import confine, give_way, harden
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.datasets.look import ColumnSummary, TableRows
from autolearn.schemas.datasets.read_options import ReadHints, ReadOptions


class ProfileJob(msgspec.Struct, frozen=True, tag="profile"):
    """The arguments of `profile`, and the limits (MiB, processor seconds).

    Without a `format` it is detected by the first bytes. The hints do not count in another format
    than `hints_for`, if one is named. A file with columns `wanted` has a header.
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
    wanted: tuple[str, ...] = ()
    hints_for: str = ""
    memory_mb: int = 2048
    cpu_s: int = 120


class LookJob(msgspec.Struct, frozen=True, tag="look"):
    """A look at a file that is read as `options` say: at a `column`, or at its first rows.

    The first `limit` rows have all columns, or those that are named.
    """

    path: str
    options: ReadOptions | None
    limit: int = 0
    columns: tuple[str, ...] = ()
    column: str | None = None
    memory_mb: int = 2048
    cpu_s: int = 120


class SandboxResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of these."""

    spec: DatasetSpec | None = None
    rows: TableRows | None = None
    summary: ColumnSummary | None = None
    refused: tuple[str, ...] = ()


async def profile_apart(question: ProfileJob) -> DatasetSpec:
    """Profile a file without risk to this process, and without blocking its loop.

    Raises DatasetRefused; also when the file exceeds the limits of memory or time.
    """
    found = (await _answered(question)).spec
    if found is None:
        raise DatasetRefused(_too_much(question))
    return found


async def rows_apart(question: LookJob) -> TableRows:
    """Return the first rows of a file, as `profile_apart` does. Raises DatasetRefused."""
    found = (await _answered(question)).rows
    if found is None:
        raise DatasetRefused(_too_much(question))
    return found


async def summary_apart(question: LookJob) -> ColumnSummary:
    """Return the summary of a column, as `profile_apart` does. Raises DatasetRefused."""
    found = (await _answered(question)).summary
    if found is None:
        raise DatasetRefused(_too_much(question))
    return found


async def _answered(question: ProfileJob | LookJob) -> SandboxResult:
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
        answer = msgspec.json.decode(written, type=SandboxResult)
    except (TimeoutError, msgspec.DecodeError):
        raise DatasetRefused(_too_much(question)) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if answer.refused:
        raise DatasetRefused(answer.refused)
    return answer


def _too_much(question: ProfileJob | LookJob) -> str:
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
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=ProfileJob | LookJob)
    sys.meta_path.insert(0, _WithoutPandas)
    _limit(resource.RLIMIT_AS, question.memory_mb << 20)
    _limit(resource.RLIMIT_CPU, question.cpu_s)
    harden()
    confine([Path(question.path)], [])
    try:
        answer = _answer(question)
    except DatasetRefused as refused:
        answer = SandboxResult(refused=refused.sentences)
    except MemoryError:
        answer = SandboxResult(refused=(_too_much(question),))
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")


def _answer(question: ProfileJob | LookJob) -> SandboxResult:
    if isinstance(question, ProfileJob):
        return SandboxResult(spec=_examined(question))
    from autolearn.artifacts.datasets.look import first_rows, summary

    path, options = Path(question.path), question.options
    if question.column is not None:
        return SandboxResult(summary=summary(path, options, question.column))
    return SandboxResult(rows=first_rows(path, options, question.limit, question.columns))


def _examined(question: ProfileJob) -> DatasetSpec:
    """Profile the file."""
    from autolearn.artifacts.datasets.profile import profile
    from autolearn.artifacts.datasets.table import format_of

    path = Path(question.path)
    form = question.format or format_of(path)
    hints = question.hints if question.hints_for in ("", form) else ReadHints()
    if question.wanted and hints.header is None and form in ("csv", "excel"):
        hints = replace(hints, header=True)
    return profile(
        path,
        name=question.name,
        format=form,
        version=question.version,
        bytes=question.bytes,
        target=question.target,
        origin=question.origin,
        summary=question.summary,
        sensitive=question.sensitive,
        hints=hints,
        before=question.before,
        accepted=question.accepted,
        wanted=question.wanted,
    )


def _limit(what: int, most: int) -> None:
    """Lower a limit of this process for good."""
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
