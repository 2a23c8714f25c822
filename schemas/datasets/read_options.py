"""How the file of a dataset's version is read: decided once, kept on the log."""

from __future__ import annotations

from msgspec import Struct

LETTERS = {"b": "boolean", "i": "integer", "n": "number", "s": "string", "t": "timestamp"}
"""The letter of each column type in `ReadOptions.types`."""

NO_ZONE = "UTC"


class ColumnFormat(Struct, frozen=True, omit_defaults=True, gc=False):
    """How the text of one column encodes its values.

    `missing` are the words that mean missing, besides the empty one. Of numbers: `decimal` is the
    decimal separator, `thousands` the separator of digit groups, `unit` the percent or currency
    sign of each value. Of timestamps: `time` is the pattern of strptime, "" that of ISO 8601, and
    `zone` that of values without one (IANA).
    """

    missing: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    time: str = ""
    zone: str = NO_ZONE


class ReadOptions(Struct, frozen=True, omit_defaults=True):
    """How a file becomes columns. Options of text do not apply to Parquet and Arrow.

    `format` is csv, parquet, arrow, jsonl or excel (`sheet` its sheet); `compression` is "", gzip,
    zstd or zip (of one file); `encoding` the name of a codec; `separator` and `quote` one character
    each ("" for none); `skip_lines` the lines before the header, or before the first row where
    there is no `header`. `names` are those of the columns, where they are not the header's.
    `left_out` are the indices of unused columns, from 0. `types` has one of LETTERS per used
    column, and `formats` the formats of columns that need one, by their index among these.
    """

    format: str = "csv"
    compression: str = ""
    encoding: str = "utf-8"
    separator: str = ","
    quote: str = '"'
    skip_lines: int = 0
    header: bool = True
    sheet: str = ""
    names: tuple[str, ...] = ()
    left_out: tuple[int, ...] = ()
    types: str = ""
    formats: dict[str, ColumnFormat] = {}

    def kinds(self) -> list[str]:
        """Return the type of each column that is used."""
        return [LETTERS[letter] for letter in self.types]


class ReadHints(Struct, frozen=True, omit_defaults=True):
    """Hints of a user about a file: they decide, and the rest is detected.

    `types` maps names of columns to number, integer, boolean, text, timestamp, or a date's form
    (DD/MM/YYYY); `missing` are the words that mean missing in all columns (None: the usual ones);
    `header` and `skip_lines` are None where they are to be detected.
    """

    separator: str = ""
    decimal: str = ""
    encoding: str = ""
    header: bool | None = None
    skip_lines: int | None = None
    sheet: str = ""
    missing: tuple[str, ...] | None = None
    types: dict[str, str] = {}
    zone: str = ""


_TYPES = {"number": "number", "integer": "integer", "boolean": "boolean", "text": "string"}
_TYPES |= {"string": "string", "category": "string", "timestamp": "timestamp", "date": "timestamp"}
_TYPES |= {"float": "number", "int": "integer", "bool": "boolean", "str": "string"}
_TYPES |= {"datetime": "timestamp"}
"""The words for types that a person may say."""


def type_word(kind: str) -> str:
    """Return the word for a column type that people read and may say."""
    return "text" if kind == "string" else kind


_PARTS = {"YYYY": "%Y", "YY": "%y", "MON": "%b", "MM": "%m", "DD": "%d"}


def pattern_of(word: str) -> str:
    """Return the column type of a word, or the strptime pattern of a date's form (DD/MM/YYYY).

    In a form that has a time, HH:mm or HH:mm:ss, hours count to 24. An unknown word is "".
    """
    known = _TYPES.get(word.lower())
    if known:
        return known
    date, gap, clock = word.partition(" ")
    pattern = date.upper()
    for part, code in _PARTS.items():
        pattern = pattern.replace(part, code)
    if pattern.count("%") != 3 or any(letter.isalpha() for letter in _strip_codes(pattern)):
        return ""
    if not gap:
        return pattern
    clocks = {"HH:MM": "%H:%M", "HH:MM:SS": "%H:%M:%S"}
    return f"{pattern} {clocks[clock.upper()]}" if clock.upper() in clocks else ""


def _strip_codes(pattern: str) -> str:
    for code in _PARTS.values():
        pattern = pattern.replace(code, "")
    return pattern


def type_fault(word: str) -> str:
    """Return why a word is no type; "" if it is one."""
    if pattern_of(word):
        return ""
    return (
        f"{word[:50]!r} is no type: say number, integer, boolean, text, timestamp, or the form of "
        "a date such as DD/MM/YYYY"
    )
