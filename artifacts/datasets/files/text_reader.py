"""A text file of rows: its options are detected once, and then reused (`ReadOptions`)."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Collection, Iterator
from typing import Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.csv
from msgspec.structs import replace
from pyarrow import compute

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files.content import FileContent
from autolearn.artifacts.datasets.files.csv_reader import BLOCK, numbered_names
from autolearn.artifacts.datasets.files.dialects import (
    NAMES,
    Dialect,
    dialect_of,
    head_of,
    header_in,
    rows_in,
    top_of,
)
from autolearn.artifacts.datasets.files.text_bytes import (
    BEGINNINGS,
    LARGEST_UNPACKED,
    UTF8,
    compression_of,
    encoding_of,
    is_also_utf8,
    open_text,
    read,
)
from autolearn.schemas.datasets.findings import DataFinding
from autolearn.schemas.datasets.read_options import ReadHints, ReadOptions

pc: Any = compute
Values = Any
_CHUNK = 1 << 20
WIDE, WIDEST = 1_000, 4
"""Columns per batch from which blocks grow, and up to which."""
_HALVES = 4096
"""First bytes in which every second one is NUL for UTF-16 of Latin letters."""
_COUNTED_ROWS = 2_000_000
"""Rows up to which line numbers are counted."""


class TextFile:
    """A file with known `options`.

    `above` are the bytes before the first row, in UTF-8, and `lines_above` their lines.

    With `quiet` its messages hold no values. After detection, `ended` says whether the last line
    has an end.
    """

    def __init__(
        self,
        path: FileContent,
        options: ReadOptions,
        names: list[str],
        above: int,
        lines_above: int,
        *,
        quiet: bool = False,
    ) -> None:
        self.path, self.options, self.names, self.quiet = path, options, names, quiet
        self.above, self.lines_above = above, lines_above
        self.ended = True

    @classmethod
    def again(cls, path: FileContent, options: ReadOptions) -> TextFile:
        """Return a file with options that were detected before. Raises DatasetRefused."""
        dialect = Dialect(options.separator, options.quote)
        head = head_of(path, options.compression, options.encoding)
        top = top_of(head, ReadHints(skip_lines=options.skip_lines))
        if options.header:
            header = header_in(head, top, dialect)
            names = list(options.names) or header.names
            return cls(path, options, names, header.bytes, top.lines + header.lines)
        return cls(path, options, list(options.names), len(top.text.encode()), top.lines)

    def open(self) -> Any:
        """Return the file as a stream of UTF-8."""
        return open_text(self.path, self.options.compression, self.options.encoding)

    def block(self) -> int:
        """Return the bytes of a batch: the more columns, the more bytes."""
        return BLOCK * min(WIDEST, 1 + len(self.names) // WIDE)

    def batches(self, wanted: Collection[str] | None = None) -> Iterator[list[Values]]:
        """Yield batches of rows: per column, or `wanted` one, trimmed text, null where empty.

        Raises DatasetRefused for a row with too few or too many values.
        """
        some = None if wanted is None else [name for name in self.names if name in wanted]
        ragged: list[int] = []

        def refuse(row: pyarrow.csv.InvalidRow) -> Literal["skip"]:
            ragged.append(row.actual_columns)
            return "skip"

        with self.open() as stream:
            rest = self.above
            while rest:
                rest -= len(read(stream, rest))
            try:
                reader = pyarrow.csv.open_csv(
                    stream,
                    read_options=pyarrow.csv.ReadOptions(
                        use_threads=False, block_size=self.block(), column_names=self.names
                    ),
                    parse_options=pyarrow.csv.ParseOptions(
                        delimiter=self.options.separator,
                        quote_char=self.options.quote or False,
                        newlines_in_values=bool(self.options.quote),
                        invalid_row_handler=refuse,
                    ),
                    convert_options=pyarrow.csv.ConvertOptions(
                        column_types=dict.fromkeys(self.names, pa.string()),
                        strings_can_be_null=False,
                        include_columns=some,
                    ),
                )
                for batch in reader:
                    if ragged:
                        break
                    yield [trimmed(column) for column in batch.columns]
            except (pa.ArrowInvalid, OSError, EOFError, UnicodeDecodeError) as error:
                if "Empty CSV file" not in str(error):
                    raise DatasetRefused(self.unreadable(str(error))) from None
        if ragged:
            raise DatasetRefused(self.ragged(ragged[0]))

    def unreadable(self, why: str) -> str:
        """Describe why Arrow cannot read the file."""
        if "straddling object" in why:
            return (
                f"A row is longer than {self.block() >> 20} MiB, or a quote is never closed: "
                "close it, or leave the long values out."
            )
        return "The file cannot be read as CSV" + ("." if self.quiet else f": {why[:500]}.")

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row with the number of the line in which it begins; blank lines have none."""
        with self.open() as stream:
            read(stream, self.above)
            text = io.TextIOWrapper(_pa_as_io(stream), encoding="utf-8-sig", newline="")
            dialect = Dialect(self.options.separator, self.options.quote)
            reader = rows_in(iter(text), dialect)
            begins = self.lines_above + 1
            for row in reader:
                if row:
                    yield begins, row
                begins = self.lines_above + reader.line_num + 1  # type: ignore[attr-defined]

    def lines_of(self, wanted: Collection[int]) -> dict[int, int]:
        """Return the lines in which rows begin (from 0), as far as they are counted."""
        left = {row for row in wanted if row < _COUNTED_ROWS}
        found: dict[int, int] = {}
        if not left:
            return found
        last = max(left)
        try:
            for number, (line, _) in enumerate(self.rows()):
                if number in left:
                    found[number] = line
                if number >= last:
                    break
        except csv.Error:  # a value is too long for this reader: the others have their lines
            return found
        return found

    def ragged(self, found: int) -> str:
        """Name the line in which the first row of the wrong length ends."""
        where, wanted, more = "A row", len(self.names), ""
        try:
            for number, (line, row) in enumerate(self.rows()):
                if len(row) != wanted:
                    where, found = f"Line {line}", len(row)
                    more = self._why_ragged(row, first=number == 0)
                    break
        except csv.Error:
            where = "A row far down"
        return (
            f"{where} has {found} values, but the header has {wanted} columns: give every row the "
            "same number of values, and quote values that hold the separator. If the separator is "
            f"not {NAMES.get(self.options.separator, self.options.separator)}, name it: "
            f"--separator. If the table begins further down, use --skip-lines.{more}"
        )

    def _why_ragged(self, row: list[str], *, first: bool) -> str:
        """Return another possible cause of a row of the wrong length, in a sentence."""
        quote = self.options.quote
        if quote and any(value[:1] == " " and value.lstrip()[:1] == quote for value in row):
            return " A quote counts only right after the separator: take the blanks before it out."
        if first and len(row) == len(self.names) + 1:
            return (
                " If each row begins with its name, or ends with a separator, add a name for that "
                "column to the header."
            )
        return ""


def _pa_as_io(stream: Any) -> Any:
    return io.BufferedReader(stream)


def trimmed(values: Values) -> Values:
    """Return text without surrounding white space, null where nothing is left."""
    text = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.equal(text, ""), None, text)


def found_out(
    path: FileContent, hints: ReadHints, *, quiet: bool = False
) -> tuple[TextFile, list[DataFinding]]:
    """Detect how a text file is read; return it, with findings.

    Raises DatasetRefused for a file that is no text, and for a missing or odd header.
    """
    compression = compression_of(path)
    encoding = encoding_of(path, compression, hints.encoding)
    quoted, ended = _check_text(path, compression, encoding)
    head = head_of(path, compression, encoding)
    _check_markup(head)
    top = top_of(head, hints)
    findings = list(top.findings)
    body = head[len(top.text) :]
    dialect = dialect_of(body, hints.separator or top.separator)
    header = header_in(head, top, dialect)
    options = ReadOptions(
        compression=compression,
        encoding=encoding,
        separator=dialect.separator,
        quote=dialect.quote if quoted else "",
        skip_lines=top.lines,
    )
    if hints.header is False:
        names, finding = numbered_names(len(header.names))
        findings.append(finding)
        options = replace(options, header=False, names=tuple(names))
        above = len(top.text.encode())
        file = TextFile(path, options, names, above, top.lines, quiet=quiet)
    else:
        lines = top.lines + header.lines
        file = TextFile(path, options, header.names, header.bytes, lines, quiet=quiet)
    if hints.encoding and encoding not in UTF8 and is_also_utf8(path, compression):
        findings.append(DataFinding("also-utf-8", detail=encoding))
    file.ended = ended
    said = _described(options)
    if said:
        findings.append(DataFinding("read-as", detail=said))
    return file, findings


def _described(options: ReadOptions) -> str:
    """Describe how a file is read, "" for the usual way."""
    words = []
    if options.separator != ",":
        words.append(f"separated by {NAMES.get(options.separator, options.separator)}")
    if options.quote == "'":
        words.append("quoted with apostrophes")
    if options.encoding not in ("utf-8", "utf-8-sig"):
        words.append(f"encoded in {options.encoding}")
    if options.compression:
        words.append(f"compressed with {options.compression}")
    return ", ".join(words)


def _check_text(path: FileContent, compression: str, encoding: str) -> tuple[bool, bool]:
    """Raise DatasetRefused unless a file is text; return if it has quotes, and a last line end."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset, line, quoted, last = 0, 1, False, b""
    with open_text(path, compression, encoding) as stream:
        while True:
            chunk = read(stream, _CHUNK)
            held = len(decoder.getstate()[0])
            if b"\0" in chunk:
                raise DatasetRefused(_no_text(chunk, offset))
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                raise DatasetRefused(
                    _not_utf8(offset - held + error.start, line, error.object[error.start])
                ) from None
            if not chunk:
                return quoted, last in b"\r\n"
            last = chunk[-1:]
            quoted = quoted or b'"' in chunk or b"'" in chunk
            line += chunk.count(b"\n")
            offset += len(chunk)
            if offset > LARGEST_UNPACKED:
                raise DatasetRefused(
                    f"The file unpacks to more than {LARGEST_UNPACKED >> 30} GiB, which no setting "
                    "raises: send it in parts."
                )


def _check_markup(head: str) -> None:
    """Raise DatasetRefused for text that begins like markup."""
    begin = head[:1000].lstrip("\ufeff").lstrip().lower()
    line = "".join(begin.split())
    what = next((what for mark, what in BEGINNINGS.items() if begin.startswith(mark)), "")
    if what:
        raise DatasetRefused(f"The file is {what}: send CSV, JSON lines, Parquet or Excel (.xlsx).")
    first = begin.partition("\n")[0].strip()
    if first.startswith("{") and first.endswith("}"):
        raise DatasetRefused("JSON lines are read in UTF-8 only: save the file so.")
    if line.startswith(("[{", "[]", '{"')):
        raise DatasetRefused(
            "The file is JSON, but not JSON lines: write one object per line, without an array "
            "around them."
        )
    if first.startswith("[") and _is_json(first):
        raise DatasetRefused(
            "The lines are JSON arrays: write one object per line, with the columns' names as keys."
        )


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False
    return True


def _not_utf8(position: int, line: int, byte: int) -> str:
    return (
        f"Byte {position} (line {line}) is 0x{byte:02x}, which is not UTF-8 text: name the "
        "encoding that it was written in (--encoding windows-1252, latin-1, shift_jis ...), or "
        "save the file as UTF-8."
    )


def _no_text(chunk: bytes, offset: int) -> str:
    """Report a NUL in a file, and its possible cause."""
    at = chunk.index(0)
    even, odd = chunk[0:_HALVES:2], chunk[1:_HALVES:2]
    fewer, more = sorted([even.count(0), odd.count(0)])
    if more * 2 > len(odd) and fewer * 20 <= more:
        return (
            f"Byte {offset + at} is NUL, as in UTF-16 without a byte order mark: name the encoding "
            "(--encoding utf-16-le, or utf-16-be), or save the file as UTF-8."
        )
    return (
        f"Byte {offset + at} is NUL, so this is not a text: send CSV, JSON lines, Parquet, Arrow "
        "or Excel (.xlsx)."
    )
