"""Profiling a file in a process of its own, because the file may be hostile.

    python -m autolearn.artifacts.datasets.sandbox < question.json

reads a `ProfileJob` from standard input, limits its own memory and processor time, keeps nothing
but the file itself (`runtime.sandbox`), and writes a `ProfileResult` as a line of JSON.
`profile_apart` does all of that for an asyncio program. Light: nothing that reads files is imported
before the limits are set.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from autolearn.artifacts.datasets.errors import DatasetRefused, ExpectationsFailed
from autolearn.runtime.child_process import bare_environment, python_command
from autolearn.runtime.sandbox import confine, give_way, harden
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.datasets.read_options import ReadHints
from autolearn.schemas.datasets.rules import Expectations, RuleOutcome

Answer = TypeVar("Answer")
_MOST_FAILED = 20
"""Hard rules that a refusal names."""


class ProfileJob(msgspec.Struct, frozen=True):
    """The arguments of `profile`, and the limits (MiB, processor seconds).

    Without a `format` it is detected by the first bytes. The hints do not count in another format
    than `hints_for`, if one is named. A file with columns `wanted` has a header. It is checked by
    the `expectations` at the time `now`, in seconds since 1970.
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
    expectations: Expectations = Expectations()
    now: float = 0.0
    memory_mb: int = 2048
    cpu_s: int = 120


class ProfileResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of these; `failed` are hard rules that the file breaks."""

    spec: DatasetSpec | None = None
    refused: tuple[str, ...] = ()
    failed: tuple[RuleOutcome, ...] = ()


async def profile_apart(question: ProfileJob) -> DatasetSpec:
    """Profile a file without risk to this process, and without blocking its loop.

    Raises DatasetRefused; also when the file exceeds the limits of memory or time. Raises
    ExpectationsFailed for a file that breaks hard rules.
    """
    module, seconds = "autolearn.artifacts.datasets.sandbox", question.cpu_s * 2
    answer = await answer_apart(module, question, ProfileResult, seconds)
    if answer is not None and answer.failed:
        raise ExpectationsFailed(answer.failed)
    if answer is None or answer.spec is None:
        raise DatasetRefused((answer and answer.refused) or _too_much(question))
    return answer.spec


async def answer_apart(
    module: str, job: msgspec.Struct, kind: type[Answer], seconds: float
) -> Answer | None:
    """Give a module a job in a process of its own, and return its answer, of a kind.

    It reads the job as JSON from standard input, limits itself, and writes the answer. None: it has
    crashed, or took longer than so many seconds.
    """
    process = await start_reader(module)
    try:
        async with asyncio.timeout(seconds):
            written, _ = await process.communicate(msgspec.json.encode(job))
        return msgspec.json.decode(written, type=kind)
    except (TimeoutError, msgspec.DecodeError):
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def start_reader(module: str) -> asyncio.subprocess.Process:
    """Start a process that reads a file and calls `confine_reader` first, with pipes to it."""
    process = await asyncio.create_subprocess_exec(
        *python_command(module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**bare_environment(), "ARROW_DEFAULT_MEMORY_POOL": "jemalloc", "OMP_NUM_THREADS": "1"},
    )
    give_way(process.pid)  # before it loads its libraries, which takes a second
    return process


def confine_reader(
    files: Sequence[Path], memory_mb: int, cpu_s: int, *, pandas: bool = False
) -> None:
    """Limit this process to reading `files`, to so much memory and processor time.

    Without `pandas` Arrow does without it: it would import it for every list.
    """
    if not pandas:
        sys.meta_path.insert(0, _WithoutPandas)
    limit_process(memory_mb, cpu_s)
    harden()
    confine(files, [])


def limit_process(memory_mb: int, cpu_s: int) -> None:
    """Limit this process to so much memory (MiB) and processor time (seconds)."""
    _limit(resource.RLIMIT_AS, memory_mb << 20)
    _limit(resource.RLIMIT_CPU, cpu_s)


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
    path, pandas = Path(question.path), bool(question.expectations.rules and question.hints.zone)
    confine_reader([path], question.memory_mb, question.cpu_s, pandas=pandas)
    try:
        answer = ProfileResult(spec=_examined(question))
    except ExpectationsFailed as failed:
        answer = ProfileResult(failed=failed.outcomes)
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
    form = question.format or format_of(path)
    hints = question.hints if question.hints_for in ("", form) else ReadHints()
    if question.wanted and hints.header is None and form in ("csv", "excel"):
        hints = replace(hints, header=True)
    spec = profile(
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
    return _as_expected(path, spec, question) if question.expectations.rules else spec


def _as_expected(path: Path, spec: DatasetSpec, question: ProfileJob) -> DatasetSpec:
    """Return a specification with the findings of soft rules that the file breaks.

    Raises ExpectationsFailed for hard ones.
    """
    from autolearn.artifacts.datasets.expectations import check_content, findings_of
    from autolearn.artifacts.datasets.inspection_result import MOST_FINDINGS

    types = {one.name: one.type for one in spec.columns}
    outcomes, _ = check_content(
        path, spec.read, types, question.expectations, now=question.now, hidden=question.sensitive
    )
    failed = [one for one in outcomes if one.severity == "hard" and not one.met]
    if failed:
        raise ExpectationsFailed(failed[:_MOST_FAILED])
    findings = (*findings_of(outcomes), *spec.findings)[:MOST_FINDINGS]
    return replace(spec, findings=findings).masked(question.sensitive)


def _limit(what: int, most: int) -> None:
    """Lower a limit of this process for good."""
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
