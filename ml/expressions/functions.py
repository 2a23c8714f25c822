"""The functions of expressions: what each takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import compute

from autolearn.ml.expressions.values import (
    NUMBERS,
    Values,
    as_integer,
    as_number,
    finite,
    least_or_greatest,
    seconds,
)

pc: Any = compute
_ANY = ("boolean", "integer", "number", "string", "timestamp")
_N, _S, _T = ("number",), ("string",), ("timestamp",)


class Function(NamedTuple):
    """A function: the kinds that each argument may have, the kind of its result, its kernel.

    A result of "" has the kind of the arguments. `constant` arguments are the last ones, which are
    written in the expression itself: the kernel gets their values. `typed` kernels get the kind of
    their argument. How many arguments there may be is in `schemas.expressions.functions`.
    """

    takes: tuple[tuple[str, ...], ...]
    gives: str
    kernel: Callable[..., Values]
    constant: int = 0
    typed: bool = False
    words: str = ""


def _number(kernel: Callable[..., Values], words: str) -> Function:
    return Function((_N,), "number", lambda one: finite(kernel(one)), words=words)


def _part(name: str, words: str) -> Function:
    return Function((_T,), "integer", getattr(pc, name), words=words)


def _text(kernel: Callable[..., Values], words: str, constant: int = 0) -> Function:
    return Function((_S,) * (1 + constant), "string", kernel, constant, words=words)


def _test(kernel: Callable[..., Values], words: str) -> Function:
    return Function((_S, _S), "boolean", kernel, 1, words=words)


def _rounded(values: Values, digits: int = 0) -> Values:
    return finite(pc.round(values, max(-300, min(300, digits)), round_mode="half_to_even"))


def _slice(values: Values, start: int, length: int) -> Values:
    start, length = max(0, start), max(0, length)
    return pc.utf8_slice_codeunits(values, start, start + length)


def _coalesced(*values: Values) -> Values:
    return pc.coalesce(*values)


FUNCTIONS: dict[str, Function] = {
    "abs": Function((NUMBERS,), "", lambda one: _absolute(one), words="without its sign"),
    "round": Function((_N, ("integer",)), "number", _rounded, 1, words="to digits (0)"),
    "floor": _number(pc.floor, "rounded down"),
    "ceil": _number(pc.ceil, "rounded up"),
    "sqrt": _number(pc.sqrt, "square root"),
    "exp": _number(pc.exp, "e to the power of it"),
    "log": _number(pc.ln, "natural logarithm"),
    "log1p": _number(pc.log1p, "natural logarithm of 1 more"),
    "log2": _number(pc.log2, "logarithm to base 2"),
    "log10": _number(pc.log10, "logarithm to base 10"),
    "sin": _number(pc.sin, "sine, of radians"),
    "cos": _number(pc.cos, "cosine, of radians"),
    "sign": _number(pc.sign, "-1, 0 or 1"),
    "min": Function(
        (NUMBERS, NUMBERS), "", lambda *all_: least_or_greatest(pc.min_element_wise, all_),
        words="the least of several",
    ),
    "max": Function(
        (NUMBERS, NUMBERS), "", lambda *all_: least_or_greatest(pc.max_element_wise, all_),
        words="the greatest of several",
    ),
    "coalesce": Function((_ANY, _ANY), "", _coalesced, words="the first not missing"),
    "is_null": Function((_ANY,), "boolean", pc.is_null, words="whether it is missing"),
    "lower": _text(pc.utf8_lower, "in lower case"),
    "upper": _text(pc.utf8_upper, "in upper case"),
    "trim": _text(pc.utf8_trim_whitespace, "without white space around it"),
    "replace": _text(
        lambda one, old, new: pc.replace_substring(one, old, new), "with another text for one", 2
    ),
    "substring": Function(
        (_S, ("integer",), ("integer",)), "string", _slice, 2, words="characters from 0 on"
    ),
    "length": Function(
        (_S,), "integer", lambda one: pc.cast(pc.utf8_length(one), pa.int64()), words="characters"
    ),
    "contains": _test(pc.match_substring, "whether a text is in it"),
    "starts_with": _test(pc.starts_with, "whether it begins with a text"),
    "ends_with": _test(pc.ends_with, "whether it ends with a text"),
    "year": _part("year", "of a time, in UTC"),
    "month": _part("month", "1 to 12"),
    "day": _part("day", "1 to 31"),
    "hour": _part("hour", "0 to 23"),
    "minute": _part("minute", "0 to 59"),
    "weekday": _part("day_of_week", "0 (Monday) to 6"),
    "day_of_year": _part("day_of_year", "1 to 366"),
    "quarter": _part("quarter", "1 to 4"),
    "seconds": Function((_T,), "number", seconds, words="since 1970, in UTC"),
    "number": Function((_ANY,), "number", as_number, typed=True, words="null if it is none"),
    "integer": Function((_ANY,), "integer", as_integer, typed=True, words="without the fraction"),
    "text": Function(
        (("boolean", "integer", "string"),), "string",
        lambda one: pc.cast(one, pa.string()), words="as text",
    ),
}  # fmt: skip


def _absolute(values: Values) -> Values:
    return finite(pc.abs(values)) if values.type == pa.float64() else _magnitude(values)


def _magnitude(values: Values) -> Values:
    """Return integers without their sign; the least one has no such number."""
    least = pa.scalar(-(2**63), pa.int64())
    return pc.abs(pc.if_else(pc.equal(values, least), pa.scalar(None, pa.int64()), values))
