"""The findings about a version's data, in one table: code, words, remedy.

The log keeps a finding's column, counts and examples; the words are made when it is shown.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

_HIDDEN = "something else: dataset expect --check shows it"
MOST_EXAMPLES = 3
"""Values that a finding shows, with their lines."""


class Example(Struct, frozen=True, array_like=True, gc=False):
    """A value in the file, and the line or row where it is first (None: not known)."""

    value: str
    line: int | None = None


class DataFinding(Struct, frozen=True, omit_defaults=True):
    """An oddity of the data. `code` is one of FINDINGS; `column` is "" for the whole file.

    It concerns `count` of `of` values (or rows); `detail` fills the words' {detail}.
    """

    code: str
    column: str = ""
    count: int = 0
    of: int = 0
    detail: str = ""
    examples: tuple[Example, ...] = ()

    @property
    def is_severe(self) -> bool:
        """Whether the version must be accepted before anything is trained on it."""
        return FINDINGS[self.code].severe

    def say(self) -> str:
        """Describe the finding in a sentence."""
        shown = ", ".join(
            one.value if one.line is None else f"{one.value} (line {one.line})"
            for one in self.examples
        )
        said = FINDINGS[self.code].words.format(
            column=self.column, count=f"{self.count:,}", of=f"{self.of:,}", detail=self.detail
        )
        return f"{said}: {shown}." if shown else f"{said}."

    def advice(self) -> str:
        """Return the remedy, "" if there is none."""
        return FINDINGS[self.code].remedy.format(column=self.column, detail=self.detail)


class _Kind(NamedTuple):
    """A kind of finding: its words and remedy. A `severe` one prevents trainings."""

    words: str
    remedy: str
    severe: bool = False


FINDINGS: dict[str, _Kind] = {
    # what a column is
    "not-all-numbers": _Kind(
        "{column} is text: {count} of {of} values cannot be read as numbers",
        "Mend them, or use --type {column}=number and name the words that mean missing (dataset "
        "add --missing), or --type {column}=text.",
        severe=True,
    ),
    "not-all-times": _Kind(
        "{column} is text: {count} of {of} values cannot be read as times",
        "Mend them, or use --type {column}=timestamp and name the words that mean missing (dataset "
        "add --missing), or --type {column}=text.",
        severe=True,
    ),
    "partly-numbers": _Kind(
        "{column} is text: {count} of {of} values cannot be read as numbers",
        "If it should be numbers, use --type {column}=number, and name the words that mean missing "
        "(dataset add --missing).",
    ),
    "partly-times": _Kind(
        "{column} is text: {count} of {of} values cannot be read as times",
        "If it should be times, use --type {column}=timestamp, and name the words that mean "
        "missing (dataset add --missing).",
    ),
    "partly-booleans": _Kind(
        "{column} is text: {count} of {of} values cannot be read as true or false",
        "If they mean missing, name them: dataset add --missing.",
    ),
    "numbers-in-quotes": _Kind(
        "{column} is text: its {of} values are JSON strings that look like numbers",
        "If they are quantities, use --type {column}=number.",
    ),
    "missing-words": _Kind(
        "{column}: {count} of {of} values are read as missing",
        "If they are values, add it with --type {column}=text --missing ''.",
    ),
    "perhaps-missing": _Kind(
        "{column} is text: {count} of {of} values may mean missing",
        "If they do, name them: dataset add --missing.",
    ),
    "decimal-comma": _Kind(
        "{column}: {count} numbers have a decimal comma",
        "If the comma separates thousands, use --decimal .",
    ),
    "thousands": _Kind(
        "{column}: {count} of {of} numbers have {detail} as thousands separator",
        "If it is the decimal separator, use --decimal {detail}",
    ),
    "perhaps-thousands": _Kind(
        "{column}: all {of} numbers have one dot with three digits after it, which is read as "
        "thousands separator",
        "If it is, use --decimal , and if it is the decimal point, --decimal .",
        severe=True,
    ),
    "unit": _Kind(
        "{column}: {of} numbers are read without their unit {detail} (12 {detail} is 12)",
        "If they are labels, use --type {column}=text.",
    ),
    "negative-forms": _Kind(
        "{column}: {count} of {of} numbers are written like {detail} and read as negative",
        "If they are labels, use --type {column}=text.",
    ),
    "numbers-with-words": _Kind(
        "{column} is text: {count} of {of} values have a number and a word (such as 12 kg)",
        "If they are quantities, send the numbers alone.",
    ),
    "unread-form": _Kind(
        "{column} is text, but looks like numbers or times in an unknown form ({count} of its "
        "first {of} different values)",
        "If they are quantities or times, write them as 12.5 or as 2024-01-31 14:30:00.",
    ),
    "date-format": _Kind(
        "{column}: {of} times are read as {detail}", "If that is wrong, use --type {column}=text."
    ),
    "ambiguous-dates": _Kind(
        "{column} is text: its {of} dates fit more than one form ({detail})",
        "Write them as YYYY-MM-DD, or use --type {column}= and the form that is meant.",
    ),
    "mixed-zones": _Kind(
        "{column} is text: {count} of {of} times have no time zone, and the others have one",
        "Give all of them a time zone.",
    ),
    "no-zone": _Kind(
        "{column}: {of} times have no time zone and are read as {detail}",
        "If they are of another time zone, use --zone.",
    ),
    "leading-zeros": _Kind(
        "{column} is text: {count} of {of} numbers have leading zeros",
        "If they are quantities, use --type {column}=number.",
    ),
    "beyond-64-bits": _Kind(
        "{column} is text: {count} of {of} integers need more than 64 bits",
        "If they are quantities, use --type {column}=number.",
    ),
    "same-number": _Kind(
        "{column}: {count} of {of} numbers are written in more than one way (such as 1 and 1.0)",
        "As classes these would be different: write them alike.",
    ),
    "exponents": _Kind(
        "{column}: {count} of its first {of} numbers have an exponent without sign (1E2 is 100)",
        "If they are labels, use --type {column}=text.",
    ),
    "beyond-precision": _Kind(
        "{column} has integers beyond {detail}, and a model rounds those",
        "If they are labels or ids, leave the column out, or make it text (--type {column}=text).",
    ),
    "dates-as-numbers": _Kind(
        "{column} is a number: {count} of its first {of} values look like dates (YYYYMMDD)",
        "If they are, write them as YYYY-MM-DD, or use --type {column}=YYYYMMDD.",
    ),
    "missing-number": _Kind(
        "{column}: {count} of its first {of} numbers are {detail}, far from all others",
        "If that means missing, leave those values empty, or name it: dataset add --missing "
        "{detail}.",
    ),
    "typed-text": _Kind(
        "{column} is text: {count} of its first {of} values look like {detail}",
        "If they are, write the file with that type (missing values as null).",
    ),
    # what its values look like
    "all-different": _Kind(
        "{column}: all {of} values are different, as in an id",
        "An id tells nothing about other rows: leave the column out if it is one.",
    ),
    "row-number": _Kind(
        "{column} is a row number",
        "A row number tells nothing about other rows, and may give the target away: leave it out.",
    ),
    "rising": _Kind(
        "{column} rises or falls from each row to the next, as a row number or an id",
        "If it is one, leave it out: where rows are sorted it gives the target away.",
    ),
    "index-name": _Kind(
        "{column} has the name that pandas gives to the index of a data frame",
        "An index tells nothing about other rows: leave it out.",
    ),
    "constant": _Kind(
        "{column} has the same value in all {of} rows", "Nothing can be learned from it."
    ),
    "mostly-missing": _Kind(
        "{column}: {count} of {of} values are missing", "Leave it out, or fill it."
    ),
    "nearly-target": _Kind(
        "{column} nearly determines the target {detail}: it does in {count} of {of} rows",
        "Leave it out if it is not known when a prediction is asked for.",
    ),
    "many-categories": _Kind(
        "{column} is text with {count} different values in {of} rows",
        "Each would be a category: leave it out, or make it numbers.",
    ),
    "spelling": _Kind(
        "{column}: {count} values differ from others in case, blanks or look-alike characters only",
        "If they mean the same, write them alike.",
    ),
    "rows-in-value": _Kind(
        "{column}: {count} values span several lines, and some look like rows",
        "Text may do that; if it should not, look for a stray quote there.",
    ),
    "perhaps-columns": _Kind(
        "{column}: each of {of} values has {count} times {detail}, as if that separated columns",
        "If it does, use --separator.",
    ),
    "lines-in-value": _Kind(
        "{column}: {count} values span several lines and look like rows",
        "A quote that is not closed swallows the lines after it: look for a stray quote there.",
        severe=True,
    ),
    "quote-in-value": _Kind(
        "{column}: {count} values have a quote that is not closed",
        "If it does not mean inches, the row may be split at the wrong place: look for a stray "
        "quote.",
    ),
    # the rows and the file
    "total-row": _Kind(
        "The last row looks like the sum of the others", "Delete it: it is not an observation."
    ),
    "note-row": _Kind(
        "The last row has a value in its first column only",
        "If it is a note under the table, delete it: it is not an observation.",
    ),
    "header-again": _Kind(
        "{count} of {of} rows are the header again", "Delete them: they are not observations."
    ),
    "same-rows": _Kind(
        "{count} of {of} rows repeat another row exactly",
        "If they are mistakes, delete them: a split puts copies into both of its parts.",
    ),
    "expectation": _Kind(
        "Expected is {detail}", "Mend the data, or change what is expected (dataset expect)."
    ),
    "left-out": _Kind("Column {detail} is not used", ""),
    "empty-columns": _Kind(
        "{count} of {of} columns have no values and are not used",
        "If they should be used, fill them.",
    ),
    "skipped-lines": _Kind(
        "{detail} before the header were skipped", "If they are rows, use --skip-lines 0."
    ),
    "no-header": _Kind("The columns have no names: they are called {detail}", ""),
    "header-like-values": _Kind(
        "The first row is the header, and {count} of {of} names look like values of their columns",
        "If it is a row, use --no-header.",
    ),
    "last-line": _Kind(
        "The last line has no end: if the file was cut off, its last value is not whole",
        "Look at the last line, or send the file again.",
    ),
    "read-as": _Kind("How the file is read: {detail}", ""),
    "also-utf-8": _Kind(
        "The file is read in {detail} as requested, and is valid UTF-8, too",
        "If letters look wrong, leave --encoding out.",
    ),
    "error-cells": _Kind(
        "{column}: {count} of {of} cells are errors of Excel",
        "Mend the formulas, or use --missing with the errors that mean missing.",
    ),
    "merged-cells": _Kind(
        "{count} merged cells are read as having their value in each row and column they cover",
        "If that is wrong, unmerge them and fill in what is right.",
    ),
    "more-sheets": _Kind(
        "Of {count} sheets the first one is read, {detail}", "Choose another one with --sheet."
    ),
}


def masked_findings(
    findings: tuple[DataFinding, ...], sensitive: Collection[str]
) -> tuple[DataFinding, ...]:
    """Hide the values of `sensitive` columns in findings, and all values of whole rows."""
    return tuple(
        replace(one, examples=(), detail=_HIDDEN if one.code == "expectation" else "")
        if one.column in sensitive or not one.column
        else one
        for one in findings
    )
