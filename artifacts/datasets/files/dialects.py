"""The dialect of a text file, detected in its first lines.

Separator and quote are detected by CleverCSV: G. J. J. van den Burg, A. Nazábal and C. Sutton,
"Wrangling Messy CSV Files by Detecting Row and Type Patterns", Data Mining and Knowledge Discovery
33 (2019). Before the header there may be blank lines, comments (#) and the `sep=;` of Excel.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import NamedTuple

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files.content import FileContent
from autolearn.artifacts.datasets.files.csv_reader import HEADER, unreadable_header
from autolearn.artifacts.datasets.files.text_bytes import as_lines, open_text, read
from autolearn.schemas.datasets.findings import DataFinding
from autolearn.schemas.datasets.read_options import ReadHints

_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE = 16_384
"""Characters in which the dialect is detected, unless two lines are longer."""
_SAMPLE_LINES = 100
_EXCEL = re.compile(r"^\ufeff?\"?sep=(?P<separator>.)\"?\s*$", re.IGNORECASE)
NAMES = {
    ",": "a comma",
    ";": "a semicolon",
    "\t": "a tab",
    "|": "a bar",
    " ": "a blank",
    "": "nothing",
}


class Dialect(NamedTuple):
    """The separator of columns, and the quote of values ("" for none)."""

    separator: str
    quote: str


class Top(NamedTuple):
    """The text above the header: `lines` of it in `text`, which are skipped."""

    lines: int
    text: str
    separator: str
    findings: tuple[DataFinding, ...]


class _Header(NamedTuple):
    """The names in a header, its lines, and the bytes of the file before the first row."""

    names: list[str]
    lines: int
    bytes: int


def head_of(path: FileContent, compression: str, encoding: str) -> str:
    """Return the first characters of a file. Raises DatasetRefused."""
    with open_text(path, compression, encoding) as stream:
        head = read(stream, HEADER)
    return head.decode("utf-8", errors="ignore")


def top_of(head: str, hints: ReadHints) -> Top:
    """Return the text above the header of a file that begins with `head`."""
    if hints.skip_lines is not None:
        lines = [line for line, _ in zip(as_lines(head), range(hints.skip_lines), strict=False)]
        return Top(len(lines), "".join(lines), "", ())
    skipped: list[str] = []
    separator, comments = "", 0
    for line in as_lines(head):
        plain = line.lstrip("\ufeff").strip()
        excel = _EXCEL.match(plain)
        if excel and not skipped:
            separator = excel["separator"]
        elif plain.startswith("#") and not _is_header(plain, head):
            comments += 1
        elif plain:
            break
        skipped.append(line)
    else:
        raise DatasetRefused("The file is empty: send a header row and at least one row of values.")
    findings = []
    if comments:
        what = f"{comments} comment line{'s' * (comments > 1)} (#)"
        findings.append(DataFinding("skipped-lines", detail=what))
    return Top(len(skipped), "".join(skipped), separator, tuple(findings))


def _is_header(line: str, head: str) -> bool:
    """Return whether a line with # names columns: the next one has as many separators."""
    lines = [one for one in head.splitlines() if one.strip()]
    after = lines[lines.index(line) + 1 : lines.index(line) + 2] if line in lines else []
    return any(
        line.count(separator) == one.count(separator) > 0
        for one in after
        for separator in _SEPARATORS
    )


def dialect_of(text: str, wanted: str) -> Dialect:
    """Return the dialect of text that begins with the header; the separator is the `wanted` one."""
    sample = _sample_of(text)
    separators = [wanted] if wanted else [one for one in _SEPARATORS if one in sample]
    if not separators:
        return Dialect(",", '"')
    if len(separators) == 1 and _is_plain(sample, separators[0]):
        return Dialect(separators[0], '"')
    from clevercsv import Detector  # importing it takes longer than reading a small file

    found = Detector().detect(sample, delimiters=separators)
    if found is None:
        return Dialect(wanted or _agreeing(sample, separators), '"')
    separator = wanted or found.delimiter or ","
    single = found.quotechar == "'" and _begun(sample, separator, "'") > _begun(
        sample, separator, '"'
    )
    return Dialect(separator, "'" if single else '"')


def _is_plain(sample: str, separator: str) -> bool:
    lines = sample.splitlines()
    wanted = lines[0].count(separator)
    return (
        wanted > 0
        and not set("\"'") & set(sample)
        and all(line.count(separator) == wanted for line in lines if line)
    )


def _begun(sample: str, separator: str, quote: str) -> int:
    """Return how many values begin with a quote."""
    return len(re.findall(rf"(?:^|{re.escape(separator)}){quote}", sample, re.MULTILINE))


def _agreeing(sample: str, separators: list[str]) -> str:
    lines = sample.splitlines()

    def agrees(separator: str) -> int:
        return sum(line.count(separator) == lines[0].count(separator) > 0 for line in lines)

    return max(separators, key=agrees)


def _sample_of(text: str) -> str:
    lines: list[str] = []
    size = 0
    for line in as_lines(text):
        if len(lines) > 1 and (size + len(line) > _SAMPLE or len(lines) == _SAMPLE_LINES):
            break
        lines.append(line)
        size += len(line)
    return "".join(lines).lstrip("\ufeff")


def header_in(text: str, top: Top, dialect: Dialect) -> _Header:
    """Return the header of a file that begins with `text`; it may span several lines.

    Raises DatasetRefused.
    """
    consumed: list[str] = []

    def lines() -> Iterator[str]:
        for line in as_lines(text[len(top.text) :]):
            mark = "" if consumed else "\ufeff"
            consumed.append(line)
            yield line.lstrip(mark) if mark else line

    try:
        names = next(rows_in(lines(), dialect))
    except StopIteration:
        raise DatasetRefused(
            "The file is empty: send a header row and at least one row of values."
        ) from None
    except csv.Error as error:
        raise DatasetRefused(unreadable_header(error)) from None
    above = (top.text + "".join(consumed)).encode()
    if len(above) >= HEADER and not consumed[-1].endswith(("\n", "\r")):
        raise DatasetRefused(
            f"The first line is longer than {HEADER:,} bytes: begin with a header row that names "
            "the columns."
        )
    names = [" ".join(name.split()) for name in names]
    return _Header(names, len(consumed), len(above))


def rows_in(lines: Iterator[str], dialect: Dialect) -> Iterator[list[str]]:
    """Return a reader of rows."""
    if not dialect.quote:
        return csv.reader(lines, delimiter=dialect.separator, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=dialect.separator, quotechar=dialect.quote)
