"""A call of a step's function: its parameters are checked, and so is what it gives."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from autolearn.ml.errors import InputError
from autolearn.ml.steps import tables
from autolearn.ml.steps.context import StepContext, within
from autolearn.ml.steps.parameters import value_of
from autolearn.ml.steps.step_function import ModelInput, StepFunction
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.values import JsonValue


def call(
    step: StepFunction,
    whose: str,
    inputs: Sequence[pa.Table],
    model: ModelInput | None,
    parameters: Mapping[str, JsonValue],
    context: StepContext,
    *,
    part: bool = False,
) -> pa.Table:
    """Call the function of a step, and return its table as datasets have it.

    It may be without rows if it is a `part`. Raises InputError, and what the function raises.
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
    return tables.checked(result, whose, part=part)


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
