"""What is odd about the numbers of a column, found in the first rows of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from pyarrow import compute

from autolearn.schemas.data_findings import DataFinding, Example

__all__ = ["about_numbers"]

pc: Any = compute
Values = Any
Array = Any

FEW_ROWS = 10
"""Rows below which nothing is said of row numbers and of numbers that may mean missing."""
FIRST = 10_000
"""Rows in which it is looked how numbers are written."""
EXACT = 2**53
"""Integers up to which float64 has all."""
LONG = r"^[+-]?[0-9]{16,}([.,][0-9]*)?$"
EXPONENT = r"^[+-]?[0-9]+[eE][0-9]+$"
NINES = re.compile(r"-9|-?9{2,}")
INDEX = re.compile(r"Unnamed: \d+|__index_level_\d+__")
"""The names that pandas gives to an index without one."""
DATES = 19_000_101, 21_001_231


def about_numbers(
    name: str, kind: str, values: Values, written: Values | None, *, is_target: bool
) -> Iterator[DataFinding]:
    """Yield what is odd about numbers (float64), which are `written` so in a file of text."""
    every = values.to_numpy()
    found = every[~np.isnan(every)]
    if not len(found):
        return
    text = None if written is None or kind == "integer" else written[:FIRST]
    if np.abs(found).max() >= EXACT and (
        kind == "integer" or (text is not None and like(text, LONG))
    ):
        yield DataFinding("beyond-precision", name, detail=f"{EXACT:,}")
    if text is not None and (count := like(text, EXPONENT)):
        shown = next(one for one in text if re.match(EXPONENT, one.as_py() or ""))
        yield DataFinding("exponents", name, count, len(text), "", (Example(shown.as_py()),))
    if is_dates(found, kind):
        yield DataFinding("dates-as-numbers", name, len(found), len(every))
    code = order_of(found) if len(found) == len(every) >= FEW_ROWS else ""
    if code == "row-number" or (code and not is_target):
        yield DataFinding(code, name, len(found), len(every))
    elif INDEX.fullmatch(name):
        yield DataFinding("index-name", name)
    elif len(found) >= FEW_ROWS:
        yield from far_nines(name, every, found, written)


def like(values: Values, pattern: str) -> int:
    """Return how many values match a regular expression."""
    return int(pc.sum(pc.match_substring_regex(values, pattern)).as_py() or 0)


def is_dates(found: Array, kind: str) -> bool:
    """Say whether integers are all dates of digits alone, such as 20240131."""
    if kind != "integer" or found.min() < DATES[0] or found.max() > DATES[1]:
        return False
    month, day = found // 100 % 100, found % 100
    return bool(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())


def order_of(found: Array) -> str:
    """Return `row-number` for the whole numbers of a range, `rising` for those in an order."""
    if (found != np.floor(found)).any():
        return ""
    if found.max() - found.min() == len(found) - 1 and len(np.unique(found)) == len(found):
        return "row-number"
    steps = np.diff(found)
    return "rising" if (steps > 0).all() or (steps < 0).all() else ""


def far_nines(
    name: str, every: Array, found: Array, written: Values | None
) -> Iterator[DataFinding]:
    """Yield the finding of a number of nines (-99, 9999) that is far from all others.

    Far is farther than these are from each other; SPSS, SAS and survey data have such numbers for
    answers that are missing.
    """
    different, counts = np.unique(found, return_counts=True)
    nines = np.array([NINES.fullmatch(f"{one:.0f}") is not None for one in different[[0, -1]]])
    if not nines.any():
        return
    others = different[[NINES.fullmatch(f"{one:g}") is None for one in different]]
    if len(others) < 2:
        return
    low, high = others[0], others[-1]
    for place in (0, -1):
        one = different[place]
        far = max(low - one, one - high) > high - low
        if NINES.fullmatch(f"{one:g}") and far and counts[place] > 1:
            at = int(np.argmax(every == one))
            said = f"{one:g}" if written is None else written[at].as_py()
            yield DataFinding("missing-number", name, int(counts[place]), len(every), said)
