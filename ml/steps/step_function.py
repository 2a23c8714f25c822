"""A step: a plain typed function, with what the catalog says of it.

Its positional parameters are its inputs: tables (`pa.Table`), and a trained model (`ModelInput`).
Its keyword-only parameters are what a pipeline's file may say. It returns one table.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, get_type_hints, overload

import pyarrow as pa

from autolearn.ml.steps.parameters import parameter_of, summaries
from autolearn.schemas.bounds import cut
from autolearn.schemas.pipelines.steps import Port, StepParameter, StepSpec
from autolearn.schemas.stream_kinds import KINDS

Function = Callable[..., Any]
_MARKS = "__autolearn_step__"
_TABLE: tuple[Port, ...] = ("table", "split")
_MODEL: tuple[Port, ...] = ("models", "choice", "version")


@dataclass(frozen=True)
class ModelInput:
    """The trained model that a step takes: the digest of its folder in the run's artifacts."""

    digest: str


@dataclass(frozen=True)
class _Marks:
    """What `step` says of a function."""

    network: bool = False
    row_wise: bool = False
    needs_rows: tuple[str, ...] = ()


@overload
def step(function: Function) -> Function: ...
@overload
def step(
    *, network: bool = False, row_wise: bool = False, needs_rows: tuple[str, ...] = ()
) -> Callable[[Function], Function]: ...
def step(
    function: Function | None = None,
    *,
    network: bool = False,
    row_wise: bool = False,
    needs_rows: tuple[str, ...] = (),
) -> Function | Callable[[Function], Function]:
    """Mark a function as a step: with `network` it may connect to other machines.

    With `row_wise` each row of the result is made of one row of the table, and of nothing else,
    unless one of the parameters `needs_rows` is given.
    A function without marks is a step as well.
    """

    def marked(one: Function) -> Function:
        setattr(one, _MARKS, _Marks(network, row_wise, needs_rows))
        return one

    return marked if function is None else marked(function)


class StepFunction:
    """A function of a package, under the name of the step.

    Raises TypeError: the function cannot be a step; the message names it and the parameter.
    """

    def __init__(self, name: str, function: Function, package: str = "", version: str = "") -> None:
        self.name, self.function = name, function
        self.package, self.version = package, version
        marks: _Marks = getattr(function, _MARKS, _Marks())
        self.network, self.row_wise = marks.network, marks.row_wise
        self.needs_rows = marks.needs_rows
        try:
            self.takes, self.parameters, self.annotations = _signature_of(function)
        except TypeError as error:
            raise TypeError(
                f"the function {self.function_name} cannot be a step: {error}"
            ) from None

    @property
    def function_name(self) -> str:
        """The name of the function with that of its module."""
        return f"{self.function.__module__}.{self.function.__qualname__}"

    @property
    def tables(self) -> int:
        """The number of tables that it takes."""
        return sum(1 for ports in self.takes if ports == _TABLE)

    def spec(self) -> StepSpec:
        """Return the entry of the catalog."""
        return StepSpec(
            name=self.name,
            summary=cut(summaries(self.function.__doc__ or "")[0]),
            takes=self.takes,
            parameters=self.parameters,
            row_wise=self.row_wise,
            needs_rows=self.needs_rows,
            network=self.network,
            package=self.package,
            package_version=self.version,
            digest=source_digest(self.function.__module__),
        )


def step_of(entry: metadata.EntryPoint) -> StepFunction:
    """Load the step of an entry point. Raises TypeError, and what the package raises."""
    loaded = entry.load()
    if not inspect.isfunction(loaded):
        raise TypeError(f"it is a {type(loaded).__name__}, and a step is a plain function")
    if not KINDS["step"].fits(entry.name):
        raise ValueError(f"the name of a step has {KINDS['step'].words}")
    package = "" if entry.dist is None else entry.dist.name
    version = "" if entry.dist is None else entry.dist.version
    return StepFunction(entry.name, loaded, package, version)


def _signature_of(
    function: Function,
) -> tuple[tuple[tuple[Port, ...], ...], tuple[StepParameter, ...], dict[str, Any]]:
    """Return the inputs of a function, its parameters and their annotations. Raises TypeError."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception as error:  # noqa: BLE001 - an annotation may be any expression
        raise TypeError(f"its annotations cannot be read ({error})") from None
    takes: list[tuple[Port, ...]] = []
    parameters: list[StepParameter] = []
    _, told = summaries(function.__doc__ or "")
    for name, one in inspect.signature(function).parameters.items():
        annotation = hints.get(name, inspect.Parameter.empty)
        if one.kind is inspect.Parameter.KEYWORD_ONLY:
            parameters.append(parameter_of(one, annotation, told.get(name, "")))
        elif one.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise TypeError(f"its parameter *{name} takes any number; name each one")
        elif annotation is pa.Table:
            takes.append(_TABLE)
        elif annotation is ModelInput:
            takes.append(_MODEL)
        else:
            raise TypeError(
                f"its input {name} is not annotated with pa.Table; parameters that a pipeline "
                "sets come after a *"
            )
    if hints.get("return") is not pa.Table:
        raise TypeError("it is not annotated to return a pa.Table")
    return tuple(takes), tuple(parameters), {one.name: hints[one.name] for one in parameters}


@functools.cache
def source_digest(module: str) -> str:
    """Return the SHA-256 (hex) over the Python files of a module's package, by path and content.

    That is the topmost package (of AutoLearn's own steps `autolearn.ml`), or the module's file.
    """
    parts = module.split(".")
    top = ".".join(parts[:2] if parts[0] == "autolearn" else parts[:1])
    found = sys.modules[top]
    if folders := [Path(one) for one in getattr(found, "__path__", ())]:
        files = sorted(
            (path.relative_to(folder).as_posix(), path)
            for folder in folders
            for path in folder.rglob("*.py")
        )
    else:
        own = inspect.getsourcefile(found) or ""
        files = [(Path(own).name, Path(own))] if own else []
    digest = hashlib.sha256()
    for name, path in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{name}\0{content}\n".encode())
    return digest.hexdigest()
