"""One step of a pipeline whose function runs in a process of its own."""

from __future__ import annotations

import difflib
import errno
import random
import socket
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.environment import environment, one_thread
from autolearn.ml.errors import InputError, WorkFailed
from autolearn.ml.plugins import find_step
from autolearn.ml.steps import tables
from autolearn.ml.steps.context import StepContext, within
from autolearn.ml.steps.output_log import OutputLog, captured
from autolearn.ml.steps.parameters import value_of
from autolearn.ml.steps.step_function import ModelInput, StepFunction
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.events import StepRequested
from autolearn.schemas.pipelines.results import LOG, REPORT, TABLE, StepReport
from autolearn.schemas.results import StepResult
from autolearn.schemas.values import JsonValue

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
        inputs = [
            tables.read(store.fetch_dataset(one.ref, Path(scratch)), one) for one in request.tables
        ]
        secret = sorted({name for one in request.tables for name in one.sensitive})
        context = StepContext(
            seed=request.seed, sensitive=secret, folder=folder, artifacts=store, phase=report
        )
        log = OutputLog()
        report("running")
        model = ModelInput(request.artifact) if request.artifact else None
        table = _called(step, whose, inputs, model, request.parameters, context, log)
        report("storing")
        _check_files(folder, whose)
        said = account(inputs, table, context)
        tables.write(table, folder / TABLE)
        names = tables.sensitive_columns(table.column_names, request.tables, context.made_from)
        try:
            made = tables.described(folder / TABLE, request.step, request.tables, names)
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
        table=made,
        cpu_seconds=time.process_time() - cpu_started,
    )


def account(inputs: Sequence[pa.Table], table: pa.Table, context: StepContext) -> StepReport:
    """Return the report of a call."""
    return StepReport(
        rows_in=tuple(one.num_rows for one in inputs),
        rows=table.num_rows,
        changes=tuple(context.changes),
        notes=tuple(context.notes),
        naive=context.naive,
    )


def call(
    step: StepFunction,
    whose: str,
    inputs: Sequence[pa.Table],
    model: ModelInput | None,
    parameters: Mapping[str, JsonValue],
    context: StepContext,
) -> pa.Table:
    """Call the function of a step, and return its table as datasets have it.

    Raises InputError, and what the function raises.
    """
    if len(inputs) != step.tables:
        raise InputError(f"{whose} takes {step.tables} tables, and got {len(inputs)}")
    if step.tables < len(step.takes) and model is None:
        raise InputError(f"{whose} takes a trained model, and got none")
    given = iter(inputs)
    arguments = [next(given) if "table" in ports else model for ports in step.takes]
    values = _values_of(step, whose, parameters, inputs[0].column_names if inputs else ())
    with within(context):
        result = step.function(*arguments, **values)
    return tables.checked(result, whose)


def _called(
    step: StepFunction,
    whose: str,
    inputs: Sequence[pa.Table],
    model: ModelInput | None,
    parameters: Mapping[str, JsonValue],
    context: StepContext,
    log: OutputLog,
) -> pa.Table:
    """Call the function, and put an error of its own in words that people can use."""
    try:
        with captured(log):
            return call(step, whose, inputs, model, parameters, context)
    except MemoryError:
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


def _values_of(
    step: StepFunction, whose: str, given: Mapping[str, JsonValue], columns: Sequence[str]
) -> dict[str, Any]:
    """Return the parameters as the function wants them. Raises InputError."""
    known = {one.name: one for one in step.parameters}
    for name in given:
        if name not in known:
            offered = f"it has {listed([*known])}" if known else "it has none"
            raise InputError(
                f"{whose} has no parameter {cut(name)!r}; {offered}{_like(name, known)}"
            )
    values = {}
    for name, parameter in known.items():
        if name not in given:
            if parameter.default is msgspec.UNSET:
                raise InputError(f"{whose} needs the parameter {name}")
            continue
        for path, why in parameter.faults(given[name]):
            place = f"{'.'.join(map(str, path))}: " if path else ""
            raise InputError(f"{whose}: {place}{why}")
        try:
            values[name] = value_of(given[name], step.annotations[name])
        except msgspec.ValidationError as error:
            raise InputError(f"{whose}: {name} is not right: {error}") from None
        ways = isinstance(given[name], str) and any(
            one.type == "object" for one in parameter.domains
        )
        if parameter.columns and not ways:
            _require_columns(whose, name, given[name], columns)
    return values


def _require_columns(whose: str, parameter: str, named: JsonValue, columns: Sequence[str]) -> None:
    """Raise InputError for a named column that a table lacks, with the most similar name."""
    for name in [named] if isinstance(named, str) else list(named or ()):
        if name not in columns:
            raise InputError(
                f"{whose}: {parameter} names {cut(str(name))!r}, which is no column of the table"
                f"{_like(str(name), columns)}"
            )


def _like(name: str, known: Any) -> str:
    found = difflib.get_close_matches(name, list(known), n=1)
    return f"; perhaps {found[0]} is meant" if found else ""


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
