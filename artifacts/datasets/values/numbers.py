"""The notations of numbers, and the values of texts in one of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyarrow import compute

from autolearn.schemas.datasets.read_options import ColumnFormat

pc: Any = compute
Values = Any

PLAIN = (
    r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^[+-]?(inf|Inf|INF|infinity|Infinity)$"
)
"""A number in the notation of programs."""

WITH_WORD = r"^[+-]?[0-9][0-9.,]*\s?[^\s0-9.,:;/()_-]{1,6}\.?$"
"""A number and a word, such as 12 kg."""

_LETTER = r"[^\W\d_]"
_MEASURED = re.compile(
    rf"(?:{_LETTER}{{1,3}}\.?\s+)?[\W_]*\d[\d\W_]*(?:{_LETTER}{{1,4}}[\d\W_]*){{0,2}}"
    rf"|[QWHTKS]\d{{1,2}}\W+\d{{2,4}}|-?P[\dTYMWDHS.,]+"
)
"""A possible quantity or time: digits, with at most two short words (12.-, 10-20, 2024Q1)."""
_MONTH = re.compile(
    r"(?:jan|feb|fév|m[aä]r|apr|avr|abr|ma[iy]|mag|jun|jui|giu|jul|lug|aug|ao[uû]|ago|sep|set|o[ck]t"
    rf"|out|ott|nov|de[czs]|dic|déc){_LETTER}{{0,7}}",
    re.IGNORECASE,
)
_MOST_WORDS = 4

WAYS = ((".", ","), (",", ""), (",", "."), (",", " "), (".", " "), (",", "'"), (".", "'"))
"""The decimal and the thousands separator: every pair in use (BIPM allows blanks, Switzerland has
apostrophes)."""

SIGN, MINUS = "[+\u2212-]", "[\u2212-]"
_NEGATIVE = "^\\(|[\u2212-]$"
"""Negative numbers of accountants: (5), and 5-."""
UNUSUAL = re.compile(r"^\W?\(|\u2212|-$")
_SPACES = " \u00a0\u202f\u2009"
_APOSTROPHES = "'\u2019"
_MARKS = {" ": _SPACES, "'": _APOSTROPHES}
_CODES = frozenset(
    (
        *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS"),
        *("INR", "JPY", "KRW", "MXN", "NOK", "NZD", "PLN", "RUB", "SEK", "SGD", "THB", "TRY"),
        *("USD", "ZAR", "kr", "Kč", "zł", "Fr.", "Fr", "Rs", "Rs.", "R$", "US$"),
    )
)
_UNIT = re.compile(
    r"^[+\u2212-]?\(?[+\u2212-]?\s*(?P<before>[^\d\s.,+()'\u2212-]{1,3}\.?)?\s*"
    r"\(?[+\u2212-]?[\d.,'\u2019\s]*\d[\d.,'\u2019\s]*\)?(?P<after>[^\d\s.,+()'\u2212-]{1,3}\.?)?\)?$"
)
_UNIT_LENGTH = 40
"""Characters of a text that may be a number with a unit."""


def unit_of(text: str) -> str:
    """Return the percent or currency sign of a text that may be a number, "" without one."""
    found = _UNIT.match(text) if len(text) <= _UNIT_LENGTH else None
    if found is None:
        return ""
    before, after = found["before"] or "", found["after"] or ""
    unit = before or after
    if (before and after) or not (unit in _CODES or unit in "%‰" or _is_symbol(unit)):
        return ""
    return unit


def looks_measured(text: str) -> bool:
    """Return whether a text looks like a number or a time, in any form."""
    if len(text) > _UNIT_LENGTH:
        return False
    if _MEASURED.fullmatch(text):
        return True
    words = re.findall(f"{_LETTER}+", text)
    dated = len(words) <= _MOST_WORDS and any(map(_MONTH.fullmatch, words))
    return dated and any(map(str.isdigit, text))


def _is_symbol(unit: str) -> bool:
    return len(unit) == 1 and unicodedata.category(unit) == "Sc"


def has_mark(text: str, mark: str) -> bool:
    """Return whether a text has a separator in one of its notations."""
    if mark == " ":
        return re.search(rf"\d[{_SPACES}]\d", text) is not None
    return any(one in text for one in _MARKS.get(mark, mark))


def _one_of(separator: str) -> str:
    return (
        f"[{_SPACES}]"
        if separator == " "
        else f"[{_APOSTROPHES}]"
        if separator == "'"
        else (re.escape(separator))
    )


def _pattern_of(way: ColumnFormat, *, grouped: bool = False) -> str:
    """Return the regular expression of numbers in a format; if `grouped`, of those with groups.

    Groups have three digits, or two but for the last one (India); 0,123 has none, and 12.- (of
    Swiss prices) is no negative number.
    """
    decimal = re.escape(way.decimal)
    digits = "[0-9]+"
    if way.thousands:
        mark = _one_of(way.thousands)
        groups = f"[1-9][0-9]{{0,2}}({mark}[0-9]{{2,3}})*{mark}[0-9]{{3}}"
        digits = groups if grouped else f"({groups}|[0-9]+)"
    fraction = "" if grouped and way.thousands == "." else f"({decimal}[0-9]*)?"
    number = f"({digits}{fraction}|{decimal}[0-9]+)([eE][+-]?[0-9]+)?"
    if not way.unit:
        whole = f"({digits}({decimal}[0-9]+)?|{decimal}[0-9]+)"
        return f"^({SIGN}?{number}|\\({number}\\)|{whole}{MINUS})$"
    unit, blank = re.escape(way.unit), f"[{_SPACES}]*"
    signed = f"{SIGN}?{blank}"
    return (
        f"^({signed}{unit}{blank}{signed}{number}|{signed}{number}{blank}{unit}"
        f"|\\({unit}?{blank}{number}{blank}({unit})?\\)|{unit}{blank}\\({number}\\))$"
    )


def fits_number(values: Values, way: ColumnFormat) -> Values:
    """Return for each text whether it is a number in a format."""
    return pc.match_substring_regex(values, _pattern_of(way))


def is_grouped(values: Values, thousands: str) -> bool:
    """Return whether every thousands separator stands where thousands are separated."""
    way = ColumnFormat(decimal="," if thousands == "." else ".", thousands=thousands)
    marked = values.filter(pc.match_substring(values, thousands))
    return bool(pc.all(pc.match_substring_regex(marked, _pattern_of(way, grouped=True))).as_py())


def numbers_in(values: Values, way: ColumnFormat) -> Values:
    """Return texts that fit a format as float64; null stays null."""
    if way.unit:
        for part in _steps_of(way.unit):
            values = pc.replace_substring(values, part, "")
    negative = pc.match_substring_regex(values, _NEGATIVE)
    if pc.any(negative).as_py():
        bare = pc.replace_substring_regex(values, "[()\u2212-]", "")
        values = pc.if_else(negative, pc.binary_join_element_wise("-", bare, ""), values)
    values = pc.replace_substring(values, "\u2212", "-")
    if way.thousands:
        values = pc.replace_substring_regex(values, _one_of(way.thousands), "")
    if way.decimal != ".":
        values = pc.replace_substring(values, way.decimal, ".")
    return pc.cast(pc.replace_substring(values, "+", ""), pa.float64())


def _steps_of(unit: str) -> Iterator[str]:
    yield unit
    yield from _SPACES
