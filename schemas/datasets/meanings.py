"""Map the values of other data to those that an artifact knows.

An equal text is the same value. Otherwise a value stands for the only known one that is the same
number (1, 1.0, 1E0) or the same truth (true, TRUE). If all of one side is true and false and all of
the other is 1 and 0, these are mapped.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

_PLAIN = re.compile(r"[+-]?(0|[1-9][0-9]*)([.,][0-9]+)?([eE][+-]?[0-9]{1,3})?")
"""A number that is surely no code: one with a leading zero may be a code."""
_GROUPS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
"""Perhaps thousands, perhaps a decimal comma."""
_TRUTHS = {"true": Decimal(1), "false": Decimal(0)}


def meanings(
    found: Iterable[str], known: Collection[str], values: Mapping[str, Decimal]
) -> dict[str, str]:
    """Map unknown values to the only known value that each can mean.

    `values` are the numbers of the values that are numbers.
    """
    there, given = frozenset(known), list(found)
    strange = [one for one in given if one not in there]
    if not strange:
        return {}
    numbers = _by_key((number_of(one), one) for one in there)
    truths = _by_key((_TRUTHS.get(one.lower()), one) for one in there)
    crossed: dict[Decimal, list[str]] = {}
    if all(one.lower() in _TRUTHS for one in there):
        if all(values.get(one) in (0, 1) for one in strange):
            crossed = truths
    elif all(one.lower() in _TRUTHS for one in strange) and set(numbers) <= {0, 1}:
        crossed = numbers if sum(map(len, numbers.values())) == len(there) else {}
    stand_for = {}
    for one in strange:
        truth, number = _TRUTHS.get(one.lower()), values.get(one)
        same: list[str] = []
        if truth is not None:
            same = truths.get(truth) or crossed.get(truth, [])
        elif number is not None:
            same = numbers.get(number) or crossed.get(number, [])
        if len(same) == 1:
            stand_for[one] = same[0]
    return stand_for


def depends_on_others(known: Collection[str]) -> bool:
    """Return whether the meaning of a value may depend on the other unknown values."""
    truths = all(one.lower() in _TRUTHS for one in known)
    return bool(known) and (truths or all(number_of(one) in (0, 1) for one in known))


def _by_key(pairs: Iterable[tuple[Decimal | None, str]]) -> dict[Decimal, list[str]]:
    found: dict[Decimal, list[str]] = {}
    for key, value in pairs:
        if key is not None:
            found.setdefault(key, []).append(value)
    return found


def number_of(text: str) -> Decimal | None:
    """Return the number that a text plainly is; None if it is not one."""
    if len(text) > 40 or not _PLAIN.fullmatch(text) or _GROUPS.fullmatch(text):
        return None
    return Decimal(text.replace(",", "."))
