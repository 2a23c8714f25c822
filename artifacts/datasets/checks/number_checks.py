"""Finds oddities of a column's numbers in the first rows of a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import compute

from autolearn.schemas.bounds import cut
from autolearn.schemas.datasets.findings import DataFinding, Example

pc: Any = compute
Values = Any
Array = Any

_FEW_ROWS = 10
"""Rows below which row numbers and missing codes are not looked for."""
_EXACT = 2**53
"""Integers up to which float64 has all."""
_FIRST = 10_000
"""Rows in which the notation of numbers is examined, where they are very many."""
_LONG = r"^[+-]?[0-9]{16,}([.,][0-9]*)?$"
_EXPONENT = r"^[+-]?[0-9]+[eE][0-9]+$"
_NINES = re.compile(r"-9|-?9{2,}")
_INDEX = re.compile(r"Unnamed: \d+|__index_level_\d+__")
"""The names of an unnamed index of pandas."""
_DATES = 19_000_101, 21_001_231


class Different(NamedTuple):
    """The distinct numbers of a column, the rows of each, and its notation."""

    numbers: Array
    rows: Array
    written: Values | None


def about_numbers(
    name: str,
    kind: str,
    values: Values,
    ends: tuple[float | None, float | None],
    different: Callable[[], Different],
    *,
    is_target: bool,
    exponents: bool,
) -> Iterator[DataFinding]:
    """Yield findings about numbers: the first ones (float64), the `ends` of all of them.

    The `different` ones are computed only if they may be odd, some with exponents among them.
    """
    every = values.to_numpy()
    found = every[~np.isnan(every)]
    if not len(found):
        return
    large = max(abs(end or 0) for end in ends) >= _EXACT
    if large and kind == "integer":
        yield DataFinding("beyond-precision", name, detail=f"{_EXACT:,}")
    if kind == "number" and (large or exponents):
        yield from _about_digits(name, different())
    if _is_dates(found, kind):
        yield DataFinding("dates-as-numbers", name, len(found), len(every))
    code = _order_of(found) if len(found) == len(every) >= _FEW_ROWS else ""
    if code == "row-number" or (code and not is_target):
        yield DataFinding(code, name, len(found), len(every))
    elif _INDEX.fullmatch(name):
        yield DataFinding("index-name", name)
    elif len(found) >= _FEW_ROWS and any(map(_is_nines, ends)):
        yield from _far_nines(name, different())


def _about_digits(name: str, different: Different) -> Iterator[DataFinding]:
    """Yield findings about the notation of numbers: many digits, or an exponent."""
    written = different.written
    if written is None:
        return
    if pc.any(pc.match_substring_regex(written, _LONG)).as_py():
        yield DataFinding("beyond-precision", name, detail=f"{_EXACT:,}")
    odd = pc.match_substring_regex(written, _EXPONENT)
    if pc.any(odd).as_py():
        count = int(different.rows[odd.to_numpy(zero_copy_only=False)].sum())
        shown = (Example(cut(written.filter(odd)[0].as_py())),)
        yield DataFinding("exponents", name, count, int(different.rows.sum()), "", shown)


def different_in(values: Values, written: Values | None) -> Different:
    """Return the distinct numbers, and how they are `written` in a file of text.

    Of very many only the first are examined, unless an end of all of them is one of nines.
    """
    ends = pc.min_max(values)
    if not any(_is_nines(ends[end].as_py()) for end in ("min", "max")):
        values = values[:_FIRST]
    numbers, first, rows = np.unique(values.to_numpy(), return_index=True, return_counts=True)
    there = ~np.isnan(numbers)
    if written is not None:
        written = written.take(pa.array(first[there])).combine_chunks()
    return Different(numbers[there], rows[there], written)


def _is_dates(found: Array, kind: str) -> bool:
    if kind != "integer" or found.min() < _DATES[0] or found.max() > _DATES[1]:
        return False
    month, day = found // 100 % 100, found % 100
    return bool(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())


def _order_of(found: Array) -> str:
    """Return `row-number` for the whole numbers of a range, `rising` for ordered ones."""
    if (found != np.floor(found)).any():
        return ""
    if found.max() - found.min() == len(found) - 1 and len(np.unique(found)) == len(found):
        return "row-number"
    steps = np.diff(found)
    return "rising" if (steps > 0).all() or (steps < 0).all() else ""


def _is_nines(number: float | None) -> bool:
    return number is not None and _NINES.fullmatch(f"{number:g}") is not None


def _far_nines(name: str, different: Different) -> Iterator[DataFinding]:
    """Yield the finding of a number of nines (-99, 9999) that is far from all others.

    Far is farther than these are from each other; SPSS, SAS and survey data have such numbers for
    missing answers.
    """
    numbers = different.numbers
    nines = np.array([_is_nines(one) for one in numbers])
    if not nines.any() or (~nines).sum() < 2:
        return
    low, high = numbers[~nines].min(), numbers[~nines].max()
    for place in np.flatnonzero(nines):
        one, rows = numbers[place], int(different.rows[place])
        if max(low - one, one - high) > high - low and rows > 1:
            keys = different.written
            said = f"{one:g}" if keys is None else keys[int(place)].as_py()
            yield DataFinding("missing-number", name, rows, int(different.rows.sum()), said)
