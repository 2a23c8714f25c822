"""One step of a pipeline whose function runs in a process of its own."""

from __future__ import annotations

import contextlib
import errno
import random
import socket
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.cluster import connected
from autolearn.ml.environment import environment, one_thread
from autolearn.ml.errors import InputError, Interrupted, WorkFailed
from autolearn.ml.plugins import find_step
from autolearn.ml.step_parts import Here, StepParts
from autolearn.ml.steps import tables
from autolearn.ml.steps.call import call
from autolearn.ml.steps.context import StepContext
from autolearn.ml.steps.output_log import OutputLog, captured
from autolearn.ml.steps.step_function import ModelInput, StepFunction
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.events import StepRequested
from autolearn.schemas.pipelines.results import LOG, REPORT, TABLE, StepReport
from autolearn.schemas.results import StepResult

Report = Callable[[str], None]
_TAIL = 2_000
"""Characters of the log in the message of a step that failed."""
_HIDDEN = "left out, for columns of the dataset are sensitive"
_NO_NETWORK = (
    ". A step has no network unless its function is marked @step(network=True) (docs/steps.md)"
)
_NO_FILES = (
    ". A step reads the files of Python and of its package, and writes to the temporary folder and "
    "by write_file (docs/security.md)"
)
_LIBRARIES_MB, _COPIES, _CELL = 200, 2, 8
"""What a step's process needs at least: for the libraries, copies of a table, bytes of a value."""
_MOST_FILES, _MOST_BYTES = 100, 1 << 30
"""Files that a step may write itself, and their bytes together."""


def run_step(request: StepRequested, store: Artifacts, report: Report) -> StepResult:
    """Run a step, and store its table, its report, its log, and the files that it wrote.

    `report` receives reading, the phases of the function, and storing. Raises InputError when the
    request does not fit the function or its tables, or the function gives no fit table; WorkFailed
    when it raises.
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    one_thread()
    pa.set_cpu_count(1)
    random.seed(request.seed)
    np.random.seed(request.seed)
    step = find_step(request.function)
    whose = f"the step {request.step} (function {step.function_name})"
    spec = step.spec()
    if request.digest and request.digest != spec.digest:
        raise InputError(
            f"{whose} is to run with other code of {request.package} {request.package_version} "
            f"than this worker has ({spec.package} {spec.package_version})",
            advice="Install the same package where the workers run, and start them again.",
        )
    with (
        tempfile.TemporaryDirectory(prefix="autolearn-") as scratch,
        tempfile.TemporaryDirectory(prefix="autolearn-") as kept,
    ):
        folder = Path(kept)
        report("reading")
        files = [store.fetch_dataset(one.ref, Path(scratch)) for one in request.tables]
        secret = sorted({name for one in request.tables for name in one.sensitive})
        context = StepContext(
            seed=request.seed, sensitive=secret, folder=folder, artifacts=store, phase=report
        )
        log = OutputLog()
        report("running")
        parts = StepParts.of(request, whose, context)
        with connected(parts is not None) as cluster:
            where = cluster if cluster is not None else Here()
            if parts is not None and (cluster is not None or parts.are_many):
                with _in_words(step, whose, context, log):
                    made = parts.do(where, files[0], folder / TABLE, report)
                names, rows, rows_in = made.names, made.rows, [request.tables[0].rows]
            else:
                _require_memory(request, whose)
                inputs = [tables.read(*one) for one in zip(files, request.tables, strict=True)]
                model = ModelInput(request.artifact) if request.artifact else None
                with _in_words(step, whose, context, log), captured(log):
                    table = call(step, whose, inputs, model, request.parameters, context)
                _check_files(folder, whose)
                tables.write(table, folder / TABLE)
                names, rows = table.column_names, table.num_rows
                rows_in = [one.num_rows for one in inputs]
        report("storing")
        said = account(rows_in, rows, context)
        secrets = tables.sensitive_columns(names, request.tables, context.made_from)
        with connected() as cluster:
            each = None if cluster is None else cluster.each
            try:
                described = tables.described(
                    folder / TABLE, request.step, request.tables, secrets, each
                )
            except DatasetRefused as refused:
                raise InputError(f"{whose} gives a table that cannot be used: {refused}") from None
        (folder / REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(said), indent=1))
        words = f"The output is {_HIDDEN}: {listed(secret)}\n" if secret else log.text()
        (folder / LOG).write_text(words)
        artifact = store.put_folder(folder)
    return StepResult(
        artifact=artifact,
        report=said,
        environment=environment(spec.package or "autolearn", spec.package_version),
        seconds=time.perf_counter() - started,
        table=described,
        cpu_seconds=time.process_time() - cpu_started,
    )


def _require_memory(request: StepRequested, whose: str) -> None:
    """Raise InputError if the tables alone are more than the step may have in memory."""
    values = sum(one.rows * len(one.columns) for one in request.tables)
    least = _LIBRARIES_MB + (_COPIES * _CELL * values >> 20)
    if least > request.memory_limit:
        raise InputError(
            f"{whose} has all rows of its tables in memory, which takes {least:,} MiB at least, "
            f"and its limit is {request.memory_limit:,} MiB",
            advice="Give it a higher memory_limit, or leave out columns or rows in a select step "
            "before it: select, features, and clean without duplicates, outliers and gaps take any "
            "number of rows.",
        )


def account(rows_in: Sequence[int], rows: int, context: StepContext) -> StepReport:
    """Return the report of a call, which took and gave so many rows."""
    return StepReport(
        rows_in=tuple(rows_in),
        rows=rows,
        changes=tuple(context.changes),
        notes=tuple(context.notes),
        naive=context.naive,
    )


@contextlib.contextmanager
def _in_words(
    step: StepFunction, whose: str, context: StepContext, log: OutputLog
) -> Iterator[None]:
    """Put an error of a function's own in words that people can use."""
    try:
        yield
    except (MemoryError, Interrupted):
        raise
    except InputError as error:
        if not context.sensitive:
            raise
        raise InputError(error.quiet, advice=error.advice) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a function may raise anything
        place, advice = _place_of(error, step), _advice_for(error, step)
        if context.sensitive:
            words = f"its words are {_HIDDEN}{advice}"
            raise WorkFailed(f"{whose} raised {type(error).__name__}{place}: {words}") from None
        said = log.text()[-_TAIL:].strip()
        told = f"; the last of its output:\n{said}" if said else ""
        words = f"{cut(str(error), _TAIL)}{advice}{told}"
        raise WorkFailed(f"{whose} raised {type(error).__name__}{place}: {words}") from None


def _place_of(error: BaseException, step: StepFunction) -> str:
    """Return the last line of the function's own file that the error went through."""
    own = step.function.__code__.co_filename
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == own:
            return f" in line {frame.lineno} of {Path(own).name}"
    return ""


def _advice_for(error: BaseException | None, step: StepFunction) -> str:
    """Return advice for an error that the fence of run processes has caused, "" for others.

    Names of hosts are not found without a network.
    """
    while error is not None:
        refused = isinstance(error, OSError) and error.errno in (errno.EPERM, errno.EACCES)
        named = isinstance(error, OSError) and error.filename is not None
        if not step.network and (isinstance(error, socket.gaierror) or (refused and not named)):
            return _NO_NETWORK
        if refused and named:
            return _NO_FILES
        error = error.__cause__ or error.__context__
    return ""


def _check_files(folder: Path, whose: str) -> None:
    """Raise InputError for too many files of the function, or other than plain ones."""
    files = sorted(folder.iterdir())
    if any(path.is_symlink() or not path.is_file() for path in files):
        raise InputError(f"{whose} has written something else than plain files")
    size = sum(path.stat().st_size for path in files)
    if len(files) > _MOST_FILES or size > _MOST_BYTES:
        raise InputError(
            f"{whose} has written {len(files)} files with {size:,} bytes; {_MOST_FILES} files and "
            f"{_MOST_BYTES:,} bytes are the most"
        )
