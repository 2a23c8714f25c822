"""Reading the stored file of a dataset in a process of its own, because it may be hostile.

    python -m autolearn.artifacts.datasets.reader_process

reads a `_Task` (a line of JSON) from standard input, confines itself without any file
(`sandbox.confine_reader`), and asks on standard output for ranges of the file, which follow on
standard input: only the parts that it needs are read and decrypted. Its last message is a
`_ReadResult`. `rows_apart` and `summary_apart` do the other side of that. Light: nothing that reads
files is imported before the limits are set.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

import msgspec

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files.content import (
    ANSWER,
    HEAD,
    LARGEST_READ,
    FileContent,
    SentContent,
)
from autolearn.artifacts.datasets.sandbox import confine_reader, start_reader
from autolearn.schemas.datasets.look import ColumnSummary
from autolearn.schemas.datasets.read_options import NO_ZONE, ReadOptions
from autolearn.schemas.datasets.rules import Expectations, RuleOutcome

_LARGEST_ANSWER = 4 << 20
_QUIET = "The file cannot be read as its version says, or too much of it is asked for at once."
ReadRange = Callable[[int, int], Awaitable[bytes]]
"""Returns the bytes of a file from an offset, so many."""


class LookJob(msgspec.Struct, frozen=True, kw_only=True):
    """A look at a file that is read with the `options` and `types` of its version.

    `types` are by column, in the file's order. With `quiet` no message tells of values. `memory_mb`
    (MiB) and `cpu_s` bound the process.
    """

    options: ReadOptions | None
    types: dict[str, str]
    quiet: bool = False
    memory_mb: int = 2048
    cpu_s: int = 120


class RowsJob(LookJob, frozen=True, kw_only=True, tag="rows"):
    """Read the first rows of some `columns`, but no values of those that are `hidden`.

    There are at most `limit` rows, of `most` bytes in JSON.
    """

    columns: tuple[str, ...]
    hidden: tuple[str, ...] = ()
    limit: int
    most: int


class ChosenRowsJob(LookJob, frozen=True, kw_only=True, tag="chosen-rows"):
    """Read the rows of some `numbers`, in rising order, of `columns`: of `most` bytes in JSON."""

    columns: tuple[str, ...]
    numbers: tuple[int, ...]
    most: int


class GapsJob(LookJob, frozen=True, kw_only=True, tag="gaps"):
    """Find the rows in which a `column` has no value."""

    column: str


class ColumnJob(LookJob, frozen=True, kw_only=True, tag="column"):
    """Sum up the values of a `column`."""

    column: str


class RulesJob(LookJob, frozen=True, kw_only=True, tag="rules"):
    """Check the file by the `expectations` at the time `now`, in seconds since 1970.

    No values of columns that are `hidden` are shown. The values of the columns `categories_of` are
    wanted, too, where there are few.
    """

    expectations: Expectations
    now: float
    hidden: tuple[str, ...] = ()
    categories_of: tuple[str, ...] = ()


Job = RowsJob | ColumnJob | ChosenRowsJob | GapsJob | RulesJob


class _Task(msgspec.Struct, frozen=True):
    """A job, and the bytes of its file."""

    job: Job
    size: int


class _ReadResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of these; rows are lists of values, in the order of the columns.

    `gaps` has a bit for each row, the lowest one of a byte first.
    """

    rows: list[msgspec.Raw] = []
    gaps: bytes = b""
    summary: ColumnSummary | None = None
    outcomes: tuple[RuleOutcome, ...] = ()
    categories: dict[str, tuple[str, ...]] = {}
    refused: tuple[str, ...] = ()


async def rows_apart(job: RowsJob | ChosenRowsJob, size: int, read: ReadRange) -> list[msgspec.Raw]:
    """Return rows, each a JSON array, of a file of `size` bytes that `read` gives.

    It is done without risk to this process, and without blocking its loop. Raises DatasetRefused;
    also when the limits of memory or time are exceeded. What `read` raises ends it, too.
    """
    return (await _read_apart(_Task(job, size), read)).rows


async def summary_apart(job: ColumnJob, size: int, read: ReadRange) -> ColumnSummary:
    """Return the summary of a column, as `rows_apart` does. Raises DatasetRefused."""
    found = (await _read_apart(_Task(job, size), read)).summary
    if found is None:
        raise DatasetRefused(_too_much(job))
    return found


async def gaps_apart(job: GapsJob, size: int, read: ReadRange) -> bytes:
    """Return a bit for each row: 1 where a column has no value; as `rows_apart` does.

    The lowest bit of a byte comes first. Raises DatasetRefused.
    """
    return (await _read_apart(_Task(job, size), read)).gaps


async def outcomes_apart(
    job: RulesJob, size: int, read: ReadRange
) -> tuple[tuple[RuleOutcome, ...], dict[str, tuple[str, ...]]]:
    """Return the outcome of each rule, and the values of columns; as `rows_apart` does.

    Raises DatasetRefused.
    """
    result = await _read_apart(_Task(job, size), read)
    return result.outcomes, result.categories


async def _read_apart(task: _Task, read: ReadRange) -> _ReadResult:
    """Do a task in a process of its own. Raises DatasetRefused."""
    process = await start_reader("autolearn.artifacts.datasets.reader_process")
    try:
        async with asyncio.timeout(task.job.cpu_s * 2):
            result = await _result_of(process, task, read)
    except (TimeoutError, EOFError, ConnectionError, msgspec.DecodeError):
        raise DatasetRefused(_too_much(task.job)) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if result.refused:
        raise DatasetRefused(result.refused)
    return result


async def _result_of(
    process: asyncio.subprocess.Process, task: _Task, read: ReadRange
) -> _ReadResult:
    """Send the ranges that a process asks for, and return its result."""
    assert process.stdin is not None, "it has pipes"
    assert process.stdout is not None, "it has pipes"
    process.stdin.write(msgspec.json.encode(task) + b"\n")
    while True:
        kind, offset, length = HEAD.unpack(await process.stdout.readexactly(HEAD.size))
        if kind == ANSWER and length <= _LARGEST_ANSWER:
            body = await process.stdout.readexactly(length)
            return msgspec.json.decode(body, type=_ReadResult)
        if kind == ANSWER or length > LARGEST_READ:
            raise EOFError
        content = await read(offset, length)
        if len(content) != length:  # the process would wait for the rest
            raise EOFError
        process.stdin.write(content)
        await process.stdin.drain()


def _too_much(job: LookJob) -> str:
    return (
        f"Reading the file takes more than {job.memory_mb} MiB of memory or {job.cpu_s} s of "
        "processor time, or crashes the reader: choose fewer columns, or send Parquet in smaller "
        "row groups."
    )


def main() -> None:
    """Do the job on standard input."""
    given, asked = sys.stdin.buffer, sys.stdout.buffer
    task = msgspec.json.decode(given.readline(), type=_Task)
    job = task.job
    formats = job.options.formats.values() if job.options is not None else ()
    confine_reader([], job.memory_mb, job.cpu_s, pandas=any(one.zone != NO_ZONE for one in formats))
    try:
        result = _done(job, SentContent(task.size, given, asked))
    except DatasetRefused as refused:
        result = _ReadResult(refused=(_QUIET,) if job.quiet else refused.sentences)
    except MemoryError:
        result = _ReadResult(refused=(_too_much(job),))
    body = msgspec.json.encode(result)
    asked.write(HEAD.pack(ANSWER, 0, len(body)) + body)
    asked.flush()


def _done(job: Job, content: FileContent) -> _ReadResult:
    """Read what is asked for."""
    from autolearn.artifacts.datasets.column_summary import column_summary
    from autolearn.artifacts.datasets.expectations import check_content
    from autolearn.artifacts.datasets.first_rows import chosen_rows, first_rows
    from autolearn.artifacts.datasets.gaps import gaps_of
    from autolearn.artifacts.datasets.typed_batches import typed_batches

    if isinstance(job, ColumnJob):
        values = typed_batches(content, job.options, job.types, [job.column])
        return _ReadResult(summary=column_summary(values, job.column, job.types[job.column]))
    if isinstance(job, RulesJob):
        outcomes, categories = check_content(
            content,
            job.options,
            job.types,
            job.expectations,
            now=job.now,
            hidden=job.hidden,
            categories_of=job.categories_of,
        )
        return _ReadResult(outcomes=outcomes, categories=categories)
    if isinstance(job, GapsJob):
        values = typed_batches(content, job.options, job.types, [job.column])
        return _ReadResult(gaps=gaps_of(batch[job.column] for batch in values))
    if isinstance(job, ChosenRowsJob):
        chosen = typed_batches(content, job.options, job.types, job.columns)
        return _ReadResult(rows=chosen_rows(chosen, job.columns, job.numbers, job.most))
    shown = [name for name in job.columns if name not in job.hidden]
    batches = typed_batches(content, job.options, job.types, shown, rows=job.limit)
    return _ReadResult(rows=first_rows(batches, job.columns, job.limit, job.most))


if __name__ == "__main__":
    main()
