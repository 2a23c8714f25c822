"""The parameters of a step, from the annotations of its function."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import UNSET

from autolearn.schemas.pipelines.steps import StepParameter
from autolearn.schemas.values import Domain, JsonValue

COLUMNS = "columns"
"""A mark in `Annotated[...]`: the parameter names a column of the table, or several."""
_TYPES = {float: "number", int: "integer", str: "string", bool: "boolean", type(None): "null"}
_CONTAINERS = {list: "array", tuple: "array", dict: "object"}
_ALLOWED = (
    "float, int, str, bool, None, list[...], dict[str, ...], Literal[...], Annotated[...], or "
    "some of these with |"
)
_LIMITS = {"ge": "minimum", "gt": "minimum", "le": "maximum", "lt": "maximum"}


def parameter_of(given: inspect.Parameter, annotation: Any, summary: str = "") -> StepParameter:
    """Return a keyword-only parameter of a function.

    Raises TypeError: its annotation, or its default, is none that a pipeline can have.
    """
    if annotation is inspect.Parameter.empty:
        raise TypeError(f"its parameter {given.name} has no annotation; it may have {_ALLOWED}")
    try:
        domains = tuple(_domains_of(annotation, {}))
    except TypeError as error:
        raise TypeError(f"its parameter {given.name} is annotated with {error}") from None
    default: JsonValue | Any = UNSET
    if given.default is not inspect.Parameter.empty:
        default = msgspec.to_builtins(given.default)
        if why := _mismatch(given.default, annotation):
            raise TypeError(f"the default of its parameter {given.name} does not fit: {why}")
    said = [one for one in _metadata_of(annotation) if isinstance(one, msgspec.Meta)]
    told = next((one.description for one in said if one.description), "") or summary
    marked = COLUMNS in _metadata_of(annotation)
    each = _each_of(annotation, given.name)
    return StepParameter(given.name, domains, default, told, marked, each=each)


def value_of(value: JsonValue, annotation: Any) -> Any:
    """Return a value of JSON as its annotation wants it. Raises msgspec.ValidationError."""
    return msgspec.convert(value, annotation)


def _mismatch(value: Any, annotation: Any) -> str:
    """Return why a value is not what an annotation says; "" if it is."""
    try:
        value_of(msgspec.to_builtins(value), annotation)
    except (msgspec.ValidationError, TypeError) as error:
        return str(error)
    return ""


def summaries(text: str) -> tuple[str, dict[str, str]]:
    """Return the first sentence of a docstring, and the lines of its "Args:" by parameter."""
    lines = inspect.cleandoc(text).split("\n") if text else [""]
    first = " ".join("\n".join(lines).split("\n\n")[0].split())
    told: dict[str, str] = {}
    name = ""
    for line in lines[lines.index("Args:") + 1 :] if "Args:" in lines else []:
        if line.strip() and not line.startswith(" "):
            break
        if found := re.fullmatch(r" {2,4}(\w+):\s+(.*)", line):
            name, told[found[1]] = found[1], found[2].strip()
        elif name and line.strip():
            told[name] += f" {line.strip()}"
    return first, told


def _metadata_of(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated:
        return tuple(annotation.__metadata__)
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(one for part in get_args(annotation) for one in _metadata_of(part))
    return ()


def _domains_of(annotation: Any, bounds: dict[str, Any]) -> Iterator[Domain]:
    """Yield the domains of an annotation. Raises TypeError."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _domains_of(arguments[0], {**bounds, **_bounds_of(annotation.__metadata__)})
    elif origin in (Union, types.UnionType):
        for one in arguments:
            yield from _domains_of(one, bounds)
    elif origin is Literal:
        for kind in dict.fromkeys(map(type, arguments)):
            if kind not in _TYPES:
                raise _refused(annotation)
            some = tuple(one for one in arguments if type(one) is kind)
            yield Domain(_TYPES[kind], choices=() if kind in (bool, type(None)) else some)
    elif annotation in (None, *_TYPES):
        numeric = annotation in (int, float)
        yield Domain(_TYPES[annotation or type(None)], **(bounds if numeric else {}))
    elif (origin or annotation) in _CONTAINERS:
        if origin is dict and arguments[0] is not str:
            raise _refused(annotation)
        for one in arguments[1:] if origin is dict else arguments:
            if one not in (Any, ...):
                tuple(_domains_of(one, {}))
        yield Domain(_CONTAINERS[origin or annotation])
    else:
        raise _refused(annotation)


def _each_of(annotation: Any, name: str) -> StepParameter | None:
    """Return the form of each element of a list, or each value of a dict; None for any."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _each_of(arguments[0], name)
    if origin in (Union, types.UnionType):
        return next(filter(None, (_each_of(one, name) for one in arguments)), None)
    inner = arguments[-1 if origin is dict else 0] if origin in _CONTAINERS else Any
    if inner in (Any, ...):
        return None
    word = f"a value of {name}" if origin is dict else f"an element of {name}"
    return StepParameter(word, tuple(_domains_of(inner, {})), each=_each_of(inner, word))


def _bounds_of(metadata: tuple[Any, ...]) -> dict[str, Any]:
    """Return the bounds of `msgspec.Meta` and of the classes of annotated_types."""
    bounds: dict[str, Any] = {}
    for one in metadata:
        for name, bound in _LIMITS.items():
            if (value := getattr(one, name, None)) is not None:
                bounds[bound] = value
                bounds[f"exclusive_{bound}"] = name in ("gt", "lt")
    return bounds


def _refused(annotation: Any) -> TypeError:
    said = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return TypeError(f"{said}; it may have {_ALLOWED}")
