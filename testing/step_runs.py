"""Runs a step alone, with all checks of a pipeline."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from autolearn.ml.errors import InputError
from autolearn.ml.plugins import find_step
from autolearn.ml.run_step import account
from autolearn.ml.steps import tables
from autolearn.ml.steps.call import call
from autolearn.ml.steps.context import StepContext
from autolearn.ml.steps.step_function import StepFunction
from autolearn.schemas.pipelines.results import StepReport
from autolearn.schemas.values import JsonValue

_ROWS = 20
"""Rows of a step that works row by row that are given to it alone."""


class StepRun(NamedTuple):
    """What a step gave: its table, its report, and the files that it wrote."""

    table: pa.Table
    report: StepReport
    files: dict[str, bytes]


def run_step(
    step: Callable[..., pa.Table] | str, *inputs: pa.Table, **parameters: JsonValue
) -> StepRun:
    """Run a function, or the installed step of a name, on tables as a pipeline does.

    A step that works row by row is also given some rows alone, which must have the same values.

    Raises:
        InputError: the parameters, or what the function gave, are refused in a pipeline as well.
        TypeError: the function cannot be a step.
    """
    one = find_step(step) if isinstance(step, str) else _step_of(step)
    whose = f"the step {one.name} (function {one.function_name})"
    given = [tables.checked(table, "a test") for table in inputs]
    with tempfile.TemporaryDirectory(prefix="autolearn-") as scratch:
        context = StepContext(folder=Path(scratch))
        table = call(one, whose, given, None, parameters, context)
        tables.write(table, Path(scratch, "written"))  # as a pipeline does
        files = {
            path.name: path.read_bytes()
            for path in sorted(Path(scratch).iterdir())
            if path.name != "written"
        }
    if one.row_wise and not {*one.needs_rows} & {*parameters}:
        _check_rows(one, whose, given, parameters, table)
    return StepRun(table, account([one.num_rows for one in given], table.num_rows, context), files)


def _step_of(function: Callable[..., Any]) -> StepFunction:
    return StepFunction(function.__name__.replace("_", "-"), function)


def _check_rows(
    step: StepFunction,
    whose: str,
    given: list[pa.Table],
    parameters: dict[str, JsonValue],
    table: pa.Table,
) -> None:
    """Raise InputError if a row alone has other values than among all."""
    if table.num_rows != given[0].num_rows:
        raise InputError(
            f"{whose} works row by row, and gives {table.num_rows:,} rows for {given[0].num_rows:,}"
        )
    for place in range(0, table.num_rows, max(1, table.num_rows // _ROWS)):
        some = [one.slice(place, 1) for one in given]
        alone = call(step, whose, some, None, parameters, StepContext())
        if not alone.equals(table.slice(place, 1)):
            raise InputError(
                f"{whose} works row by row, and gives other values for row {place} alone",
                advice="Take away the mark row_wise, or make each row from that row alone.",
            )
