"""The evidence of a text column's values: their possible types, and their oddities.

Values come batch by batch. Plain numbers, the common case, are cast and counted; for other values
every notation is tried (numbers with other separators or a unit, times, booleans), and a few that
fit none are kept with their rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeGuard

import numpy as np
import pyarrow as pa
from msgspec.structs import replace
from pyarrow import compute

from autolearn.artifacts.datasets.column_profile import texts
from autolearn.artifacts.datasets.values import numbers, times
from autolearn.schemas.datasets.findings import MOST_EXAMPLES
from autolearn.schemas.datasets.read_options import ColumnFormat

pc: Any = compute
Values = Any

MISSING_IN_TEXT = (
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "<NA>",
    "\\N",
    "NaN",
    "NAN",
    "nan",
    "NULL",
    "null",
    "?",
)
"""Words that mean missing in every column."""
MISSING_WORDS = (*MISSING_IN_TEXT, "None", "none", "NaT", "-", ".", "#DIV/0!")
"""Words that mean missing where the other values are numbers, times or booleans."""
REMEMBERED, LEAST_REMEMBERED = 1_000, 10
"""Odd values of a column that are kept: the fewer, the more columns there are."""
_LOOKED_AT = 50
"""Odd values of a batch from which notations are guessed."""
_MOST_WAYS = 24
_HOPELESS = 100
"""Odd values after which a notation is dropped that none of them fits."""
_TRIED = 1_000
"""Odd values after which a notation is dropped that less than half of them fit."""
_SETTLED = 20_000
"""Odd values after which a column without another notation is text."""
_INTEGER = r"^[+-]?[0-9]+$"
_ZERO_FIRST = r"^[+-]?0[0-9]+$"
_DIGITS = str.maketrans("012345678", "9" * 9)
_PLAIN = re.compile(numbers.PLAIN)
_NOTHING = "[^\\s\\S]"
_BOOLEANS = texts("true", "false")


class ColumnHints(NamedTuple):
    """A user's hints on a column: its type, words that mean missing, and so on.

    `type` is one of the column types, or a pattern of strptime; `before` the type in the version
    before, which is kept if the values fit it.
    """

    type: str = ""
    missing: tuple[str, ...] | None = None
    decimal: str = ""
    zone: str = ""
    before: str = ""

    @property
    def pattern(self) -> str:
        """The hinted pattern of strptime, also for values that are plain numbers."""
        return self.type if self.type.startswith("%") else ""


@dataclass
class ValueCount:
    """The rows of a value, and the first of them."""

    count: int = 0
    row: int = -1
    value: str = ""

    def again(self, value: str, count: int, row: int) -> ValueCount:
        """Return this with some more like it."""
        if not self.count:
            return ValueCount(count, row, value)
        return ValueCount(self.count + count, self.row, self.value)


@dataclass
class Fit:
    """The number of values that fit a notation, their range, and the first that do not."""

    count: int = 0
    missed: int = 0
    misses: dict[str, None] = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None

    def take(self, way: ColumnFormat | str, found: Values, rows: Values, fits: Values) -> None:
        """Record which of some distinct values fit a notation."""
        count = _total(rows.filter(fits))
        missed = _total(rows) - count
        self.count, self.missed = self.count + count, self.missed + missed
        if missed:
            for value in found.filter(pc.invert(fits))[: MOST_EXAMPLES - len(self.misses)]:
                self.misses.setdefault(value.as_py(), None)
        elif isinstance(way, ColumnFormat) and not self.missed:
            self.measure(numbers.numbers_in(found, way))

    def measure(self, values: Values) -> None:
        """Extend the range by numbers."""
        low, high = (one.as_py() for one in pc.min_max(values).values())
        if low is not None:
            self.minimum = low if self.minimum is None else min(low, self.minimum)
            self.maximum = high if self.maximum is None else max(high, self.maximum)


@dataclass
class _Plain:
    """The number of plain numbers, and the particular ones.

    `whole` says that all are integers; `grouped` that all dots may separate thousands.
    """

    count: int = 0
    whole: bool = True
    zeros: ValueCount = field(default_factory=ValueCount)
    beyond: ValueCount = field(default_factory=ValueCount)
    dots: ValueCount = field(default_factory=ValueCount)
    grouped: bool = True
    infinite: int = 0
    range: Fit = field(default_factory=Fit)


class Evidence:
    """The evidence of one column. `counts` are the rows by value, None if too many.

    The values in `counts` are in their written form, without words that mean missing in every
    column.
    """

    def __init__(self, name: str, *, limit: int = 0, given: ColumnHints = ColumnHints()) -> None:  # noqa: B008
        self.name, self.given, self.limit = name, given, limit
        self.room = min(REMEMBERED, max(LEAST_REMEMBERED, limit // 5)) if limit else REMEMBERED
        self.rows = self.empty = self.odd = 0
        self.words: dict[str, ValueCount] = {}
        self.plain = _Plain()
        self.values: dict[str, ValueCount] = {}
        self.ways: dict[ColumnFormat | str, Fit] = {}
        self.zones = {True: 0, False: 0}
        self.dated = self.worded = 0
        self.counts: dict[str, int] | None = {} if limit else None
        words = MISSING_WORDS if given.missing is None else given.missing
        self.missing_words = pa.array(words, pa.string())
        self.may_be_plain = not given.pattern and not any(map(_PLAIN.fullmatch, words))

    # Adding values

    def add(self, values: Values) -> None:
        """Add a batch of trimmed text, null where it is empty."""
        first, self.rows = self.rows, self.rows + len(values)
        self.empty += values.null_count
        if values.null_count == len(values):
            return
        at_once = self.may_be_plain and not self.odd and not self.words
        if at_once and self._take_plain(values, first):
            self.count(*_counted(values) if self.counts is not None else (None, None))
            return
        if self.counts is None and self._is_settled():
            values = self._take_text(values)
        found, rows = _counted(values)
        absent = pc.is_in(found, self.missing_words)
        for word, count in _pairs(found, rows, absent):
            self.see(self.words, word, count, values, first)
        rest = pc.invert(absent)
        found, rows = found.filter(rest), rows.filter(rest)
        self.count(found, rows)
        plain = pc.match_substring_regex(found, _NOTHING if self.given.pattern else numbers.PLAIN)
        self._add_plain(found.filter(plain), rows.filter(plain), values, first)
        odd = pc.invert(plain)
        self._add_odd(found.filter(odd), rows.filter(odd), values, first)

    def _is_settled(self) -> bool:
        """Return whether a column is surely text: few numbers, and no other reading is left."""
        return self.odd > _SETTLED and not self.ways and self.plain.count < self.odd

    def _take_text(self, values: Values) -> Values:
        absent = pc.fill_null(pc.is_in(values, self.missing_words), False)
        words = pc.sum(absent).as_py() or 0
        self.odd += len(values) - values.null_count - words
        return values.filter(absent)

    def _take_plain(self, values: Values, first: int) -> bool:
        """Add a batch if all its values are plain numbers; return whether it was added."""
        try:
            as_numbers = pc.cast(values, pa.float64())
        except pa.ArrowInvalid:
            return False
        if not pc.all(pc.is_finite(as_numbers)).as_py():
            return False
        self.plain.range.measure(as_numbers)
        self._note_plain(values.drop_null(), None, values, first)
        return True

    def _add_plain(self, found: Values, rows: Values, values: Values, first: int) -> None:
        if not len(found):
            return
        as_numbers = pc.cast(pc.replace_substring(found, "+", ""), pa.float64())
        finite = pc.is_finite(as_numbers)
        self.plain.infinite += _total(rows.filter(pc.invert(finite)))
        self.plain.range.measure(as_numbers.filter(finite))
        self._note_plain(found, rows, values, first)

    def _note_plain(self, found: Values, rows: Values | None, values: Values, first: int) -> None:
        """Record particular plain numbers; `rows` are the rows of each."""
        plain = self.plain
        plain.count += _many(found, rows)
        if plain.whole:
            self._note_integers(found, rows, values, first)
        if not plain.whole:
            dotted = pc.match_substring(found, ".")
            at = found.filter(dotted)
            there = _many(at, None if rows is None else rows.filter(dotted))
            if there and not plain.dots.count:
                plain.dots = ValueCount(there, first + _place_of(values, at[0]), at[0].as_py())
            else:
                plain.dots.count += there
            plain.grouped = plain.grouped and numbers.is_grouped(found, ".")

    def _note_integers(
        self, found: Values, rows: Values | None, values: Values, first: int
    ) -> None:
        """Record integers that begin with a zero or are long, until a value is no integer."""
        plain = self.plain
        try:
            pc.cast(found, pa.int64())
        except pa.ArrowInvalid:
            whole = pc.match_substring_regex(found, _INTEGER)
            plain.whole = bool(pc.all(whole).as_py())
            found = found.filter(whole)
            rows = None if rows is None else rows.filter(whole)
            for value in found.filter(pc.greater_equal(pc.binary_length(found), 19)):
                if not -(2**63) <= int(value.as_py()) < 2**63:
                    place = first + _place_of(values, value)
                    there = 1 if rows is None else rows[_place_of(found, value)].as_py()
                    plain.beyond = plain.beyond.again(value.as_py(), there, place)
        zero = pc.match_substring_regex(found, _ZERO_FIRST)
        if pc.any(zero).as_py():
            at = found.filter(zero)
            there = _many(at, None if rows is None else rows.filter(zero))
            place = first + _place_of(values, at[0])
            plain.zeros = plain.zeros.again(at[0].as_py(), there, place)

    def _add_odd(self, found: Values, rows: Values, values: Values, first: int) -> None:
        """Add distinct values that are no plain numbers: try every notation."""
        if not len(found):
            return
        before = self.odd
        self.odd += _total(rows)
        fits = {way: _fitting(way, found) for way in self.ways}
        if not any(fit.missed == 0 and pc.all(fits[way]).as_py() for way, fit in self.ways.items()):
            for way in _guesses(found[:_LOOKED_AT], self.given):
                if way not in self.ways and len(self.ways) < _MOST_WAYS:
                    self.ways[way] = self.backward(way, before)
                    fits[way] = _fitting(way, found)
        for way, fit in self.ways.items():
            fit.take(way, found, rows, fits[way])
        for way, fit in list(self.ways.items()):
            hopeless = fit.count == 0 if self.odd <= _TRIED else fit.count * 2 < self.odd
            if hopeless and self.odd > _HOPELESS:
                del self.ways[way]
        if not self._fits_whole():
            self.worded += _total(rows.filter(pc.match_substring_regex(found, numbers.WITH_WORD)))
        if any(map(is_time, self.ways)):
            self.dated += _total(rows.filter(pc.match_substring_regex(found, times.NATIONAL)))
        if "" in self.ways:
            zoned = pc.and_(times.has_zone(found), pc.match_substring_regex(found, times.ISO))
            self.zones[True] += _total(rows.filter(zoned))
            self.zones[False] += _total(rows.filter(pc.invert(zoned)))
        room = self.room - len(self.values)
        self._see_all(self.values, found[:room], rows[:room], values, first)

    def _fits_whole(self) -> bool:
        """Return whether all odd values fit some notation that plain numbers fit too."""
        return any(
            fit.missed == 0 and not (isinstance(way, ColumnFormat) and way.unit)
            for way, fit in self.ways.items()
        )

    def backward(self, way: ColumnFormat | str, before: int) -> Fit:
        """Return how a new notation fits the odd values so far.

        A notation without a thousands separator implies the one with it.
        """
        fit = Fit()
        if self.values:
            found = pa.array(self.values, pa.string())
            rows = pa.array([seen.count for seen in self.values.values()], pa.int64())
            fit.take(way, found, rows, _fitting(way, found))
        fit.missed += before - fit.count - fit.missed
        if isinstance(way, ColumnFormat) and way.thousands:
            less = self.ways.get(replace(way, thousands=""))
            if less is not None and less.count > fit.count:
                return deepcopy(less)
        return fit

    def _see_all(
        self, seen: dict[str, ValueCount], found: Values, rows: Values, values: Values, first: int
    ) -> None:
        """Count values, and record their first rows."""
        if not len(found):
            return
        coded = values.dictionary_encode()
        codes, firsts = np.unique(coded.indices.fill_null(-1).to_numpy(), return_index=True)
        places = firsts[codes >= 0][pc.index_in(found, value_set=coded.dictionary).to_numpy()]
        for (value, count), place in zip(_pairs(found, rows), places.tolist(), strict=True):
            if value in seen:
                seen[value].count += count
            else:
                seen[value] = ValueCount(count, first + place)

    def see(
        self, seen: dict[str, ValueCount], value: str, count: int, values: Values, first: int
    ) -> None:
        """Count a value, and record its first row."""
        if value in seen:
            seen[value].count += count
        else:
            seen[value] = ValueCount(count, first + _place_of(values, value))

    def count(self, found: Values | None, rows: Values | None) -> None:
        """Count distinct values, until there are too many."""
        if self.counts is None or found is None or rows is None:
            return
        if len(found) > self.limit:
            self.counts = None
            return
        for value, count in _pairs(found, rows):
            self.counts[value] = self.counts.get(value, 0) + count
        if len(self.counts) > self.limit:
            self.counts = None

    # Results

    @property
    def total(self) -> int:
        """The number of present values if all words of `missing` mean missing."""
        return self.plain.count + self.odd

    def fitting(self, way: ColumnFormat | str, fit: Fit) -> int:
        """Return the number of values that fit a notation, plain numbers included."""
        if not isinstance(way, ColumnFormat) or way.unit:
            return fit.count
        plain = self.plain
        if way.decimal == "." or not plain.dots.count:
            return fit.count + plain.count
        if way.thousands == ".":
            return fit.count + (plain.count if plain.grouped else plain.count - plain.dots.count)
        return fit.count + plain.count - plain.dots.count

    def decimal(self) -> str:
        """Return the unambiguous decimal separator of the values, or ""."""
        if self.plain.dots.count and not self.plain.grouped:
            return "."
        whole = {
            way.decimal
            for way, fit in self.ways.items()
            if isinstance(way, ColumnFormat) and self.fitting(way, fit) == self.total
        }
        return whole.pop() if len(whole) == 1 else ""


def _guesses(found: Values, given: ColumnHints) -> Iterator[ColumnFormat | str]:
    """Yield the possible notations of some values."""
    alike = {text.translate(_DIGITS): text for text in reversed(found.to_pylist())}
    for text in reversed(alike.values()):
        if text.lower() in ("true", "false"):
            yield "boolean"
        if text[:1].isdigit() or text[:3].isalpha():
            yield from times.patterns_of(text)
        if text[:4].isdigit() and text[4:5] == "-":
            yield ""
        if given.pattern:
            yield given.pattern
        if not any(character.isdigit() for character in text):
            continue
        unit = numbers.unit_of(text)
        if unit or numbers.UNUSUAL.search(text):
            yield from _allowed(".", "", unit, given)
        for decimal, thousands in numbers.WAYS:
            if numbers.has_mark(text, thousands or decimal):
                yield from _allowed(decimal, thousands, unit, given)


def _allowed(decimal: str, thousands: str, unit: str, given: ColumnHints) -> Iterator[ColumnFormat]:
    if given.decimal in ("", decimal) and not (unit and given.type in ("timestamp", "boolean")):
        yield ColumnFormat(decimal=decimal, thousands=thousands, unit=unit)


def is_time(way: ColumnFormat | str) -> TypeGuard[str]:
    """Return whether a notation is one of times."""
    return isinstance(way, str) and way != "boolean"


def _fitting(way: ColumnFormat | str, found: Values) -> Values:
    """Return for each value whether it fits a notation."""
    if isinstance(way, ColumnFormat):
        return numbers.fits_number(found, way)
    if way == "boolean":
        return pc.is_in(pc.utf8_lower(found), _BOOLEANS)
    return times.fits_time(found, way) if way else times.fits_iso(found)


def _counted(values: Values) -> tuple[Values, Values]:
    found, rows = pc.value_counts(values.drop_null()).flatten()
    return found, rows


def _pairs(found: Values, rows: Values, which: Values | None = None) -> Iterator[tuple[str, int]]:
    if which is not None:
        found, rows = found.filter(which), rows.filter(which)
    return zip(found.to_pylist(), rows.to_pylist(), strict=True)


def _many(found: Values, rows: Values | None) -> int:
    """Return how many rows have some values."""
    return len(found) if rows is None else _total(rows)


def _total(rows: Values) -> int:
    """Return a sum, 0 of nothing."""
    return int(pc.sum(rows).as_py() or 0)


def _place_of(values: Values, value: Any) -> int:
    return int(pc.index(values, value).as_py())
