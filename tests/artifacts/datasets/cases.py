"""Files as people have them, and what is right of each: a table, and one of those refused."""

# ruff: noqa: E501 - a case is a line

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from autolearn.schemas.datasets.read_options import ReadHints
from tests.artifacts.datasets.workbook import Cell, workbook

Content = str | bytes | Callable[[], bytes]
UTC = dt.UTC


class Case(NamedTuple):
    """A file, and what it is: the types (one letter each), values of columns, and all findings."""

    content: Content
    types: str
    values: dict[str, list[Any]] = {}
    codes: str = ""
    hints: ReadHints = ReadHints()
    said: str = ""
    target: str | None = None
    before: dict[str, str] = {}


class Refused(NamedTuple):
    """A file, and what is said of it."""

    content: Content
    words: str
    hints: ReadHints = ReadHints()
    target: str | None = None


def content_of(content: Content) -> bytes:
    if callable(content):
        return content()
    return content.encode() if isinstance(content, str) else content


def column(name: str, *values: object) -> str:
    return "\n".join([name, *map(str, values)]) + "\n"


def numbered(*values: object, of: str = "x") -> str:
    """A column beside one of letters, so that no two rows are alike."""
    return "\n".join([f"k,{of}", *(f"{'abcdefghijklmnopqrstuvwxyz'[n % 26]}{n},{v}"
                                   for n, v in enumerate(values))]) + "\n"  # fmt: skip


def table_of(rows: int, line: Callable[[int], str], header: str) -> str:
    return "\n".join([header, *map(line, range(rows))]) + "\n"


def zipped(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def parquet(frame: pd.DataFrame | pa.Table, **more: Any) -> bytes:
    out = io.BytesIO()
    if isinstance(frame, pd.DataFrame):
        frame.to_parquet(out, **more)
    else:
        pyarrow.parquet.write_table(frame, out, **more)
    return out.getvalue()


def feather(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pyarrow.feather.write_feather(table, out)
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("a.csv")
        info.size = len(PLAIN)
        archive.addfile(info, io.BytesIO(PLAIN.encode()))
    return out.getvalue()


def zstd(content: bytes) -> bytes:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as packed:
        packed.write(content)
    return out.getvalue().to_pybytes()


def day(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


PLAIN = "size,colour\n1.5,red\n2.5,blue\n3,green\n"
SIZES = {"size": [1.5, 2.5, 3.0], "colour": ["red", "blue", "green"]}
LETTERS = [chr(97 + n % 26) + str(n) for n in range(200)]
PROSE = "text,kind\n" + "".join(
    f'"A fine film, really.\nI liked it, much.\nGo, see it. {n}",{"ab"[n % 2]}\n' for n in range(20)
)
STRAY = 'a,b,c\n1,x,2\n2,"y,3\n3,z,4\n4,w,5\n5,v,6\n6,u",7\n'
NULLS = ["NULL", "N/A", "n/a", "None", "none", "NAN", "NaN", "#N/A", "<NA>", "\\N", "-", ".", "?",
         "#DIV/0!", "NA", "null"]  # fmt: skip
SHEET = [
    ["n", "f", "t", "ok", "when"],
    [1, 1.5, "x", True, dt.date(2024, 1, 31)],
    [2, None, "y", False, dt.date(2024, 2, 1)],
]
OWN = {
    # 5, 6: decimal comma
    "decimal comma with semicolons": Case(
        "a;b\n1,5;x\n2,25;y\n3;z\n", "ns", {"a": [1.5, 2.25, 3.0]}, "decimal-comma read-as"
    ),
    "a decimal comma in a target": Case(
        table_of(30, lambda n: f"{n};{n * 2},{n % 10}", "a;y"), "in",
        {"y": [n * 2 + n % 10 / 10 for n in range(30)]}, "decimal-comma read-as row-number", target="y",
    ),
    "a quoted decimal comma": Case(
        'a,b\n"1,5",x\n"2,25",y\n', "ns", {"a": [1.5, 2.25]}, "decimal-comma"
    ),
    "decimal commas and points of thousands": Case(
        "a;b\n1.234,5;1.234\n2.000.000,25;2.345\n", "nn",
        {"a": [1234.5, 2000000.25], "b": [1234.0, 2345.0]}, "decimal-comma thousands read-as",
    ),
    "points of thousands alone": Case(
        "a;b\n1.234.567;x\n2.345;y\n12;z\n", "ns", {"a": [1234567.0, 2345.0, 12.0]},
        "thousands read-as", said="2 of 3 numbers",
    ),
    # 7
    "a comma in a header that is parted by semicolons": Case(
        "Gewicht (kg, netto);Klasse\n1,5;a\n2,5;b\n3,25;c\n", "ns",
        {"Gewicht (kg, netto)": [1.5, 2.5, 3.25]}, "decimal-comma read-as",
    ),
    # 8
    "thousands": Case(
        'a,b\n"100,729",x\n"1,234,567",y\n12,z\n', "ns", {"a": [100729.0, 1234567.0, 12.0]}, "thousands"
    ),
    "thousands and decimals": Case(
        'a,b\n"1,234.5",x\n"2,345,678.25",y\n', "ns", {"a": [1234.5, 2345678.25]}, "thousands"
    ),
    "apostrophes of thousands": Case(
        numbered("1'234.5", "12'345", "7"), "sn", {"x": [1234.5, 12345.0, 7.0]}, "thousands"
    ),
    "blanks of thousands": Case(
        "a;b\n1 234,5;x\n12\u00a0345;y\n7\u202f000,25;z\n", "ns", {"a": [1234.5, 12345.0, 7000.25]},
        "decimal-comma thousands read-as",
    ),
    "three decimals below one": Case(
        "k;x\na;0.123\nb;1.456\nc;2.789\n", "sn", {"x": [0.123, 1.456, 2.789]}, "read-as"
    ),
    "three decimals below one, after a comma": Case(
        'a,b\n"0,123",x\n"1,456",y\n', "ns", {"a": [0.123, 1.456]}, "decimal-comma"
    ),
    "points of thousands that may be decimal": Case(
        "a;b\n1.234;x\n2.345;y\n", "ns", {"a": [1234.0, 2345.0]}, "perhaps-thousands read-as",
        said="all 2 numbers have one dot with three digits after it",
    ),
    "points that were said to be decimal": Case(
        "a;b\n1.234;x\n2.345;y\n", "ns", {"a": [1.234, 2.345]}, "read-as", ReadHints(decimal=".")
    ),
    "points that were said to part thousands": Case(
        "a;b\n1.234;x\n2.345;y\n", "ns", {"a": [1234.0, 2345.0]}, "thousands read-as",
        ReadHints(decimal=","),
    ),
    "lakhs": Case('a,b\n"1,23,456",x\n"12,34,567.5",y\n', "ns", {"a": [123456.0, 1234567.5]}, "thousands"),
    # 9
    "NULL in a semicolon file": Case(
        "a;b\n1,5;x\nNULL;y\n", "ns", {"a": [1.5, None]}, "decimal-comma missing-words read-as"
    ),
    "missing words among times": Case(
        numbered("2024-01-02", "NULL", "2024-01-05"), "st",
        {"x": [day("2024-01-02"), None, day("2024-01-05")]}, "missing-words",
    ),
    "missing words among booleans": Case(
        numbered("true", "N/A", "False"), "sb", {"x": [True, None, False]}, "missing-words"
    ),
    "None among texts stays": Case(
        numbered("red", "None", "blue"), "ss", {"x": ["red", "None", "blue"]}, "perhaps-missing"
    ),
    "NULL among texts": Case(numbered("red", "NULL", "blue"), "ss", {"x": ["red", None, "blue"]}, "missing-words"),
    "a word that was named": Case(
        numbered(1, "unknown", 3), "si", {"x": [1, None, 3]}, hints=ReadHints(missing=("unknown",))
    ),
    "no word is missing": Case(
        numbered("red", "NULL", "blue"), "ss", {"x": ["red", "NULL", "blue"]}, hints=ReadHints(missing=())
    ),
    "a number that was named": Case(
        numbered(1, 2, -99, 3), "si", {"x": [1, 2, None, 3]}, hints=ReadHints(missing=("-99",))
    ),
    "a decimal number that was named": Case(
        numbered(1.5, 0, 2.5), "sn", {"x": [1.5, None, 2.5]}, hints=ReadHints(missing=("0",))
    ),
    # 10, 11
    "one word among numbers": Case(
        numbered(*range(1, 61), "unknown", 61.5), "ss", {}, "not-all-numbers all-different",
        said="x is text: 1 of 62 values cannot be read as numbers: unknown (line 62).",
    ),
    "NULL and a word in a target": Case(
        numbered(*range(1, 61), "NULL", "oops", of="y"), "ss", {}, "not-all-numbers missing-words all-different",
        target="y", said="oops (line 63)",
    ),
    "half of it are numbers": Case(numbered(1, 2, "p", 3, "q"), "ss", {}, "partly-numbers"),
    "one word among times": Case(
        numbered(*(f"2024-01-{n:02}" for n in range(1, 29)), "soon"), "ss", {}, "not-all-times all-different",
        said="soon (line 30)",
    ),
    "a type that was said, and the words that are none": Case(
        numbered(1, "unknown", 2.5), "sn", {"x": [1.0, None, 2.5]},
        hints=ReadHints(types={"x": "number"}, missing=("unknown",)),
    ),
    "text that was said": Case(numbered(1, 2, 3), "ss", {"x": ["1", "2", "3"]}, hints=ReadHints(types={"x": "text"})),
    "a decimal comma among points": Case(
        "k;x\n" + "".join(f"a{n};{n},5\n" for n in range(40)) + "b;2.75\n", "ss", {},
        "not-all-numbers read-as all-different", said="2.75 (line 42)",
    ),
    # 12 to 14
    "leading zeros": Case(numbered("01234", "1234", "00001"), "ss", {"x": ["01234", "1234", "00001"]}, "leading-zeros"),
    "0 and 0.5 are numbers": Case(numbered("0", "0.5", "-0.25"), "sn", {"x": [0.0, 0.5, -0.25]}),
    "leading zeros that are quantities": Case(
        numbered("01", "10"), "sn", {"x": [1.0, 10.0]}, hints=ReadHints(types={"x": "number"})
    ),
    "classes with leading zeros": Case(
        numbered("001", "01", "1", "002", of="y"), "ss", {"y": ["001", "01", "1", "002"]}, "leading-zeros", target="y"
    ),
    "beyond 64 bits": Case(
        numbered(*(2**64 + n for n in range(3))), "ss", {"x": [str(2**64 + n) for n in range(3)]}, "beyond-64-bits"
    ),
    "below 64 bits": Case(numbered(-(2**63) - 1, 4), "ss", {"x": [str(-(2**63) - 1), "4"]}, "beyond-64-bits"),
    "just in 64 bits": Case(numbered(2**63 - 1, -(2**63)), "si", {"x": [2**63 - 1, -(2**63)]}, "beyond-precision"),
    "one number in two writings": Case(
        numbered("1", "1.0", "2", of="y"), "sn", {"y": [1.0, 1.0, 2.0]}, "same-number", target="y"
    ),
    # 15 to 20
    "lone CR": Case(PLAIN.replace("\n", "\r"), "ns", SIZES),
    "CR LF": Case(PLAIN.replace("\n", "\r\n"), "ns", SIZES),
    "no line end at the end": Case(PLAIN.rstrip("\n"), "ns", SIZES, "last-line"),
    "a value that no other row has, without a line end": Case(
        table_of(20, lambda n: f"{n % 7},{'ab'[n % 2]}x", "n,y") + "3,a", "is", {}, "last-line same-rows", said="not whole: a."
    ),
    "a value that goes on in other rows, without a line end": Case(
        table_of(20, lambda n: f"x{n % 7},{n % 2 + 11}", "n,y") + "x3,1", "si", {}, "last-line same-rows", said="not whole: 1."
    ),
    "a class that other rows have, without a line end": Case(
        table_of(20, lambda n: f"{n % 7},{'ab'[n % 2]}x", "n,y") + "3,ax", "is", {}, "same-rows"
    ),
    "a date like the others, without a line end": Case(
        table_of(20, lambda n: f"{n % 7},2024-01-{n + 1:02}", "n,y") + "3,2024-02-03", "it", {}
    ),
    "half a date, without a line end": Case(
        table_of(20, lambda n: f"{n % 7},2024-01-{n + 1:02}", "n,y") + "3,2024-02-0", "is", {},
        "not-all-times all-different last-line",
    ),
    "an empty last column, without a line end": Case("a,b,\n1.5,x,\n2,y,", "ns", {"a": [1.5, 2.0]}, "left-out"),
    "a line break in the header": Case(
        '"weight\n(kg)",b\n1.5,x\n2,y\n', "ns", {"weight (kg)": [1.5, 2.0]}
    ),
    "an unnamed index": Case(",a,b\n0,1.5,x\n1,2,y\n2,3,z\n", "ns", {"a": [1.5, 2.0, 3.0]}, "left-out"),
    "an unnamed index from 1, quoted": Case(
        '"","a","b"\n"1",1.5,"x"\n"2",2,"y"\n', "ns", {"a": [1.5, 2.0]}, "left-out"
    ),
    "separators at the ends": Case("a,b,\n1.5,x,\n2,y,\n", "ns", {"a": [1.5, 2.0]}, "left-out"),
    "columns without values": Case(
        "a;b;c;d\n1,5;;x;NA\n2,5;;y;\n", "ns", {"a": [1.5, 2.5]}, "empty-columns decimal-comma read-as", said="2 of 4 columns",
    ),
    "sep=;": Case("sep=;\na;b\n1,5;x\n2,5;y\n", "ns", {"a": [1.5, 2.5]}, "decimal-comma read-as"),
    "sep=, with CR LF": Case("sep=,\r\na,b\r\n1.5,x\r\n2,y\r\n", "ns", {"a": [1.5, 2.0]}),
    "comments on top": Case("# made by x\n# 2024\n" + PLAIN, "ns", SIZES, "skipped-lines", said="2 comment lines"),
    "a header that begins with #": Case("#a,b\n1.5,x\n2,y\n", "ns", {"#a": [1.5, 2.0]}),
    "lines that were said to be skipped": Case(
        "Report of 2024\n\n" + PLAIN, "ns", SIZES, hints=ReadHints(skip_lines=2)
    ),
    "blank lines on top and below": Case("\n\n" + PLAIN + "\n\n", "ns", SIZES),
    "a byte order mark before quotes": Case(
        b"\xef\xbb\xbf" + b'"size","colour"\n1.5,"red"\n2.5,"blue"\n3,"green"\n', "ns", SIZES
    ),
    "a byte order mark": Case(b"\xef\xbb\xbf" + PLAIN.encode(), "ns", SIZES),
    "UTF-16 with a mark": Case(PLAIN.encode("utf-16"), "ns", SIZES, "read-as", said="in utf-16"),
    "UTF-16, big end first": Case(b"\xfe\xff" + PLAIN.encode("utf-16-be"), "ns", SIZES, "read-as"),
    "UTF-16 without a mark, named": Case(
        PLAIN.encode("utf-16-le"), "ns", SIZES, "read-as", ReadHints(encoding="utf-16-le")
    ),
    "Latin-1, named": Case(
        "a,b\n1,caf\xe9\n2,th\xe9\n".encode("latin-1"), "is", {"b": ["café", "thé"]}, "read-as",
        ReadHints(encoding="latin-1"), said="in iso8859-1",
    ),
    "Windows-1252, named": Case(
        "a,b\n€ 5,x\n€ 7,y\n".encode("cp1252"), "ns", {"a": [5.0, 7.0]}, "read-as unit", ReadHints(encoding="cp1252")
    ),
    "gzip": Case(gzip.compress(PLAIN.encode()), "ns", SIZES, "read-as", said="compressed with gzip"),
    "gzip of UTF-16": Case(gzip.compress(PLAIN.encode("utf-16")), "ns", SIZES, "read-as"),
    "zstd": Case(lambda: zstd(PLAIN.encode()), "ns", SIZES, "read-as", said="compressed with zstd"),
    "zip": Case(zipped(a=PLAIN), "ns", SIZES, "read-as", said="compressed with zip"),
    "tabs": Case(PLAIN.replace(",", "\t"), "ns", SIZES, "read-as", said="a tab"),
    "bars": Case(PLAIN.replace(",", "|"), "ns", SIZES, "read-as", said="a bar"),
    "a separator that was said": Case(
        "a:b\n1.5:x\n2:y\n", "ns", {"a": [1.5, 2.0]}, "read-as", ReadHints(separator=":")
    ),
    "no header, said": Case(
        "1.5,x\n2.5,y\n", "ns", {"column1": [1.5, 2.5], "column2": ["x", "y"]}, "no-header", ReadHints(header=False)
    ),
    "a header of numbers, said": Case("1,2\n3,4\n5,7\n", "ii", {"1": [3, 5]}, hints=ReadHints(header=True)),
    "a quoted line break in a value": Case(
        'a,b\n1,"x\ny"\n2,z\n', "is", {"b": ["x\ny", "z"]}
    ),
    "a quoted separator and quotes": Case(
        'a,b\n1,"x, ""y"""\n2,z\n', "is", {"b": ['x, "y"', "z"]}
    ),
    # 21
    "percent": Case(numbered("12%", "3.5 %", "-7%"), "sn", {"x": [12.0, 3.5, -7.0]}, "unit"),
    "dollars": Case('a,b\n"$1,234.50",x\n$7,y\n-$3,z\n', "ns", {"a": [1234.5, 7.0, -3.0]}, "thousands unit"),
    "euros after numbers with decimal commas": Case(
        "a;b\n1.234,50 €;x\n7,25 €;y\n", "ns", {"a": [1234.5, 7.25]}, "decimal-comma thousands unit read-as"
    ),
    "codes of currencies": Case(numbered("USD 12.5", "USD 3"), "sn", {"x": [12.5, 3.0]}, "unit"),
    "prices without cents": Case(numbered("12.-", "5.50", "7.-"), "ss", {}, "unread-form"),
    "brackets after a sign": Case(
        'a,b\n"$(1,500.25)",x\n$2.50,y\n', "ns", {"a": [-1500.25, 2.5]}, "unit thousands negative-forms"
    ),
    "brackets for a loss": Case(numbered("$12.5", "($3.5)"), "sn", {"x": [12.5, -3.5]}, "unit negative-forms"),
    "a sign before and after": Case("a;b\n€ 5;x\n6 €;y\n", "ns", {"a": [5.0, 6.0]}, "unit read-as"),
    "a sign in some": Case(numbered("$5", "6", "$7"), "ss", {}, "partly-numbers", said="1 of 3 values cannot be read as numbers: 6."),
    "two currencies": Case(numbered("$12", "€3"), "ss", {"x": ["$12", "€3"]}, "partly-numbers"),
    "some with percent": Case(numbered("12%", "3", "4%"), "ss", {}, "numbers-with-words"),
    "brackets and other negative numbers": Case(
        numbered("(5.5)", "7", "3-", "\u22122"), "sn", {"x": [-5.5, 7.0, -3.0, -2.0]}, "negative-forms"
    ),
    "weights": Case(numbered("12 kg", "3.5 kg", "7 kg"), "ss", {}, "numbers-with-words"),
    "a first row that is no header": Case(
        "a,true,x\nb,false,y\nc,true,z\n", "sbs", {}, "header-like-values"
    ),
    "a row in place of a header, rising": Case("b,-7,29\na,-5,6\nd,-3,4\n", "sii", {}, "header-like-values"),
    "years as names": Case("geo,2019,2020,2021\na,1,2,2\nb,3,4,1\nb,3,9,1\n", "siii", {}),
    # 22: times
    "days first": Case(
        numbered("31/01/2023", "01/02/2023"), "st", {"x": [day("2023-01-31"), day("2023-02-01")]}, "date-format",
        said="DD/MM/YYYY",
    ),
    "months first": Case(
        numbered("01/31/2023", "02/01/2023"), "st", {"x": [day("2023-01-31"), day("2023-02-01")]}, "date-format",
        said="MM/DD/YYYY",
    ),
    "points": Case(numbered("31.1.2023", "1.2.2023"), "st", {"x": [day("2023-01-31"), day("2023-02-01")]}, "date-format"),
    "names of months": Case(
        numbered("31 Jan 2023", "1 Feb 2023"), "st", {"x": [day("2023-01-31"), day("2023-02-01")]}, "date-format"
    ),
    "years first": Case(numbered("2023/01/31", "2023/2/1"), "st", {"x": [day("2023-01-31"), day("2023-02-01")]}, "date-format"),
    "a time of twelve hours": Case(
        numbered("01/31/2023 02:30 PM", "02/01/2023 12:00 AM"), "st",
        {"x": [day("2023-01-31T14:30"), day("2023-02-01")]}, "date-format no-zone",
    ),
    "either order, and the form that was said": Case(
        numbered("01-02-13", "01-03-13"), "st", {"x": [day("2013-02-01"), day("2013-03-01")]}, "date-format", hints=ReadHints(types={"x": "DD-MM-YY"}),
    ),
    "either order": Case(numbered("01/02/2023", "03/04/2023"), "ss", {}, "ambiguous-dates"),
    "times and a word, few": Case(numbered("2024-01-02", "2024-01-03", "soon"), "ss", {}, "partly-times"),
    "booleans and a word": Case(numbered("true", "false", "maybe"), "ss", {}, "partly-booleans"),
    "both orders": Case(numbered("31/01/2023", "01/31/2023"), "ss", {}, "ambiguous-dates"),
    "an order that was said": Case(
        numbered("01/02/2023", "03/04/2023"), "st", {"x": [day("2023-02-01"), day("2023-04-03")]}, "date-format",
        ReadHints(types={"x": "DD/MM/YYYY"}),
    ),
    "a day that the month does not have": Case(
        numbered("2023-02-29", "2023-03-01"), "ss", {}, "partly-times"
    ),
    "without a zone": Case(
        numbered("2024-01-02 03:04", "2024-07-02T03:04:05"), "st",
        {"x": [day("2024-01-02T03:04"), day("2024-07-02T03:04:05")]}, "no-zone", said="are read as UTC",
    ),
    "in a zone that was said": Case(
        numbered("2024-01-02 03:04", "2024-07-02 03:04"), "st",
        {"x": [day("2024-01-02T02:04"), day("2024-07-02T01:04")]}, "no-zone", ReadHints(zone="Europe/Berlin"),
        said="Europe/Berlin",
    ),
    "days in a zone that was said": Case(
        numbered("2024-01-02", "2024-07-02"), "st", {"x": [day("2024-01-01T23:00"), day("2024-07-01T22:00")]}, "no-zone",
        ReadHints(zone="Europe/Berlin"),
    ),
    "with zones": Case(
        numbered("2024-01-02T03:04Z", "2024-01-02T03:04+02:00"), "st",
        {"x": [dt.datetime(2024, 1, 2, 3, 4, tzinfo=UTC), dt.datetime(2024, 1, 2, 1, 4, tzinfo=UTC)]},
    ),
    "some with zones": Case(numbered("2024-01-02T03:04Z", "2024-01-02T03:04"), "ss", {}, "mixed-zones"),
    "pandas' word among times": Case(
        numbered("2024-01-02", "NaT"), "st", {"x": [day("2024-01-02"), None]}, "missing-words"
    ),
    "years of two digits": Case(
        numbered("31.12.45", "01.01.71"), "st", {"x": [day("2045-12-31"), day("1971-01-01")]}, "date-format",
        said="DD.MM.YY (years 69 to 99 are of the last century)",
    ),
    "an hour that there is not": Case(
        numbered("2024-01-02 24:00", "2024-01-02 10:00"), "ss", {}, "partly-times", said="24:00"
    ),
    "types in the words of Python": Case(
        "a,b,c\n1,2,x\n3,4,y\n", "nis", {}, hints=ReadHints(types={"a": "float", "b": "int", "c": "str"})
    ),
    "dates of digits alone, said": Case(
        numbered("20240131", "20240201"), "st", {"x": [day("2024-01-31"), day("2024-02-01")]}, "date-format",
        ReadHints(types={"x": "YYYYMMDD"}),
    ),
    "dates of SAS": Case(
        table_of(200, lambda n: f"{n % 28 + 1:02}DEC2023,{n % 3}", "d,y"), "si", {}, "unread-form same-rows", said="01DEC2023"
    ),
    "age groups": Case(table_of(30, lambda n: f"{n % 7},{['18-24', '25-34', '35+'][n % 3]}", "a,b"), "is", {}, "same-rows"),
    # what values look like
    "a row number": Case(table_of(20, lambda n: f"{n + 1},{n % 3}", "id,y"), "ii", {}, "row-number"),
    "a row number with a point": Case(table_of(20, lambda n: f"{n}.0,{n % 3}", "id,y"), "ni", {}, "row-number"),
    "ids with gaps, in order": Case(table_of(40, lambda n: f"{n * 3 + n % 2},{n // 20}", "id,y"), "ii", {}, "rising", target="y"),
    "a target in order": Case(table_of(40, lambda n: f"{n * 7 % 11},{n * 3}", "x,y"), "ii", {}, "", target="y"),
    "an index of pandas": Case("Unnamed: 0,y\n7,1\n3,2\n9,3\n", "ii", {}, "index-name"),
    "dates of digits alone": Case(
        numbered("20240131", "20231231"), "si", {"x": [20240131, 20231231]}, "dates-as-numbers", said="--type x=YYYYMMDD"
    ),
    "codes that have an exponent": Case(numbered("12e4", "1234", "345e2"), "sn", {}, "exponents", said="12e4"),
    "numbers of programs with exponents": Case(numbered("1e-05", "1.5e+20", "2.5e3"), "sn", {}),
    "ids beyond 53 bits": Case(numbered(2**53 + 1, 2**53, 5), "si", {"x": [2**53 + 1, 2**53, 5]}, "beyond-precision"),
    "ids that a program has rounded": Case(
        numbered("1439403621518935563", "42286989", "8.26839E+17"), "sn", {}, "beyond-precision"
    ),
    "a number that may mean missing": Case(
        table_of(30, lambda n: f"{-99 if n in (4, 9) else n % 7},{n % 3}", "x,y"), "ii", {}, "missing-number same-rows",
        said="--missing -99",
    ),
    "a number with a point that may mean missing": Case(
        table_of(30, lambda n: f"{'9999.00' if n in (4, 9) else n % 7 + .5},{n + 7}{n % 3}", "x,y"), "ni", {}, "missing-number rising",
        said="--missing 9999.00",
    ),
    "two numbers that may mean missing": Case(
        table_of(30, lambda n: f"{[-99, -999, n % 7][min(n % 6, 2)]},user {n}", "x,y"), "is", {}, "missing-number all-different",
        said="--missing -999",
    ),
    "an age of 99": Case(table_of(30, lambda n: f"{99 if n in (4, 9) else n * 37 % 90},u{n}", "x,y"), "is", {}, "all-different"),
    "all different": Case(table_of(20, lambda n: f"u{n * 7},{n % 3}", "id,y"), "si", {}, "all-different"),
    "a constant": Case("a,b\n1,x\n1,y\n1,z\n", "is", {}, "constant"),
    "mostly missing": Case("a,b\n1,x\n,y\n,z\n", "is", {"a": [1, None, None]}, "mostly-missing"),
    "nearly the target": Case(
        table_of(60, lambda n: f"{'ab'[n % 2]},{n * n % 17},{n % 2}", "leak,x,y"), "sii", {},
        "nearly-target same-rows", target="y", said="leak nearly determines the target y",
    ),
    "the target in other units": Case(
        table_of(60, lambda n: f"{n * n % 41 + 0.5},{(n * n % 41) * 2.54 + 1},u{n % 59}", "inch,y,z"), "nns", {},
        "nearly-target many-categories", target="y",
    ),
    "many categories": Case(
        table_of(160, lambda n: f"name {min(n, 155)},{n % 3}", "c,y"), "si", {}, "many-categories same-rows"
    ),
    "differing in case": Case(
        numbered("Berlin", "berlin ", "BERLIN", "Paris"), "ss", {}, "spelling", said="Berlin (1) / berlin (1)"
    ),
    "differing in characters that look alike": Case(
        numbered("caf\u00e9", "cafe\u0301", "yes", "yes\u200b", "don't", "don\u2019t"), "ss", {}, "spelling", said="6 values differ"
    ),
    "differing in blanks": Case(numbered("New York", "New  York", "Rome"), "ss", {}, "spelling"),
    "prose over lines": Case(PROSE, "ss", {}, "rows-in-value"),
    "a stray quote": Case(STRAY, "isi", {}, "lines-in-value"),
    "a quote alone": Case('k,b,c\nx,p,q\n"y,"a, b",\nz,r,s\n', "sss", {}, "quote-in-value"),
    "a total": Case("k,v\na,1\nb,2\nTotal,3\n", "si", {}, "total-row"),
    "a total without a word": Case("k,v,w\na,1,2.5\nb,2,3.5\nc,4,5\n,7,11\n", "sin", {}, "total-row"),
    "a last row that is no total": Case("k,v,w\na,1,2\nb,2,9\nc,4,5\nd,7,3\n", "sii", {}, ""),
    "a total in German": Case("k;v\na;1,5\nb;2\nSumme;3,5\n", "sn", {}, "total-row decimal-comma read-as"),
    "rows twice": Case("a,b\n1,x\n2,y\n1,x\n", "is", {}, "same-rows"),
    "a note under the table": Case("k,v\na,1\nb,2\nSource: the bank,\n", "si", {}, "note-row"),
    "two files in one": Case("k,v\na,x\nb,y\nk,v\nc,z\n", "ss", {}, "header-again header-like-values", said="(line 4)"),
    "a quote after a backslash": Case('a,b\n1,"say \\"hi\\" now"\n2,x\n', "is", {}, "quote-in-value"),
    "columns of another separator": Case("a^b\n1^2\n3^4\n", "s", {}, "perhaps-columns unread-form", said="1 times ^"),
    "a separator that the file does not have": Case(
        "a,b\n1,2\n3,4\n", "n", {}, "perhaps-columns decimal-comma read-as", ReadHints(separator=";"), said="1 times ,"
    ),
    "times in a column alone": Case("when\n2024-01-02 03:04\n2024-01-03 03:04\n", "t", {}, "no-zone"),
    "columns of a fixed width": Case("name     size\nanna     1.5\nberta    2.5\n", "s", {}, "perhaps-columns", said="a blank"),
    "columns by a tab and by a comma": Case(
        "f,u,geo\t2020 \t2021 \nA,P,AT\t1.5 \t2 p\nB,Q,BE\t: \t3 \nA,Q,DE\t4 \t5 e\n", "sss", {}, "perhaps-columns unread-form",
        said="2 times a tab",
    ),
    "names of people": Case("name,y\nAnna Meier,1\nJo Smith,2\n", "si", {}),
    "UTF-8 that was said to be another": Case(
        "a,b\n1,café\n2,thé\n", "is", {"b": ["cafÃ©", "thÃ©"]}, "also-utf-8 read-as", ReadHints(encoding="cp1252")
    ),
    "UTF-32 with a mark": Case(PLAIN.encode("utf-32"), "ns", SIZES, "read-as"),
    "a zip with files of a system": Case(zipped(**{"d/a.csv": PLAIN, "d/.DS_Store": "x", "__MACOSX/a": "y"}), "ns", SIZES, "read-as"),
    # other formats
    "JSON lines in gzip": Case(gzip.compress(b'{"a": 1}\n{"a": 2}\n'), "i", {"a": [1, 2]}),
    "JSON lines in zip": Case(zipped(a='{"a": 1}\n{"a": 2}\n'), "i", {"a": [1, 2]}),
    "JSON lines": Case(
        '{"a": 1.5, "b": "x", "c": true}\n{"a": null, "c": false, "b": "y"}\n', "nsb",
        {"a": [1.5, None], "b": ["x", "y"], "c": [True, False]},
    ),
    "JSON strings are no numbers": Case('{"a": "1"}\n{"a": "2"}\n', "s", {"a": ["1", "2"]}, "numbers-in-quotes"),
    "JSON strings that are numbers, said": Case(
        '{"a": "1"}\n{"a": "2"}\n', "n", {"a": [1.0, 2.0]}, hints=ReadHints(types={"a": "number"})
    ),
    "a number and a word in JSON": Case('{"a": 1}\n{"a": "NULL"}\n', "i", {"a": [1, None]}, "missing-words"),
    "numbers, and one in quotes, in JSON": Case('{"a": 1}\n{"a": "2"}\n', "i", {"a": [1, 2]}),
    "JSON beyond 64 bits": Case('{"a": 18446744073709551617}\n{"a": 2}\n', "s", {"a": ["18446744073709551617", "2"]}, "beyond-64-bits"),
    "Arrow": Case(
        lambda: feather(pa.table({"a": [1.5, None], "b": ["x", "y"]})), "ns", {"a": [1.5, None], "b": ["x", "y"]},
    ),
    "Parquet with an index": Case(
        lambda: parquet(pd.DataFrame({"a": [0.5, 0.25, 4.0]}, index=[2, 0, 1])), "n", {"a": [0.5, 0.25, 4.0]}, "left-out",
        said="__index_level_0__",
    ),
    "Parquet with a named index": Case(
        lambda: parquet(pd.DataFrame({"a": [0.5, 0.25], "id": ["x", "y"]}).set_index("id")), "n", {}, "left-out"
    ),
    "Parquet with an index and a column without values": Case(
        lambda: parquet(pd.DataFrame({"none": [None, None], "a": [0.5, 0.25], "nan": float("nan"), "b": ["x", "y"]}, index=[2, 0])), "ns",
        {"a": [0.5, 0.25], "b": ["x", "y"]}, "left-out empty-columns", said="2 of 4 columns have no values and are not used: none, nan",
    ),
    "JSON without values": Case('{"a": 1.5, "b": null}\n{"a": 2.5, "b": null}\n', "n", {"a": [1.5, 2.5]}, "empty-columns"),
    "Parquet with numbers as text": Case(
        lambda: parquet(pa.table({"a": ["1.5", "NULL", "3.5"]})), "s", {"a": ["1.5", "NULL", "3.5"]}, "typed-text",
        said="2 of its first 2 values look like numbers",
    ),
    "Parquet with dates as text": Case(
        lambda: parquet(pa.table({"a": ["2024-01-31", "2024-02-01"]})), "s", {}, "typed-text", said="look like times"
    ),
    "Parquet with nearly numbers as text": Case(
        lambda: parquet(pa.table({"a": [*map(str, range(40)), "x"]})), "s", {}, "typed-text all-different", said="40 of its first 41"
    ),
    "Parquet with durations as text": Case(lambda: parquet(pa.table({"a": ["01:30:00", "00:45:00"]})), "s", {}, "unread-form"),
    "Parquet with an id": Case(
        lambda: parquet(pa.table({"a": [n * 3 + n % 2 for n in range(40)], "y": [n % 2 for n in range(40)]})), "ii", {}, "rising"
    ),
    "Parquet with decimals": Case(
        lambda: parquet(pa.table({"a": pa.array([Decimal("1.5"), Decimal("2.25")], pa.decimal128(9, 2))})), "n", {"a": [1.5, 2.25]}
    ),
    "Parquet with whole decimals": Case(
        lambda: parquet(pa.table({"a": pa.array([Decimal(7), Decimal(2**60 + 1)], pa.decimal128(38, 0))})), "i",
        {"a": [7, 2**60 + 1]}, "beyond-precision",
    ),
    "Parquet with small decimals": Case(
        lambda: parquet(pa.table({"a": pa.array([Decimal(7), Decimal(8)], pa.decimal128(9, 0))})), "i", {"a": [7, 8]}
    ),
    "Parquet with long decimals": Case(
        lambda: parquet(pa.table({"a": pa.array([Decimal(2**64), Decimal(-(2**64))], pa.decimal128(38, 0))})), "s",
        {"a": [str(2**64), str(-(2**64))]}, "beyond-64-bits",
    ),
    "Arrow with views of text": Case(
        lambda: feather(pa.table({"a": pa.array(["x", "y"], pa.string_view())})), "s", {"a": ["x", "y"]}
    ),
    "Parquet with categories": Case(
        lambda: parquet(pd.DataFrame({"a": pd.Categorical([3, 1, 3]), "b": [1.5, 2.5, 3.5]})), "sn",
        {"a": ["3", "1", "3"]},
    ),
    "uint64": Case(
        lambda: parquet(pa.table({"a": pa.array([2**64 - 1, 7], pa.uint64())})), "s", {"a": [str(2**64 - 1), "7"]},
        "beyond-64-bits",
    ),
    "small uint64": Case(lambda: parquet(pa.table({"a": pa.array([2**63 - 1, 7], pa.uint64())})), "i", {"a": [2**63 - 1, 7]}, "beyond-precision"),
    "errors of Excel": Case(
        lambda: workbook(("S", [["k", "x"], ["a", 1.5], ["b", Cell("#DIV/0!", type="e")], ["c", Cell("#N/A", type="e")]])),
        "sn", {"x": [1.5, None, None]}, "error-cells missing-words mostly-missing", said="x: 2 of 3 cells are errors of Excel: #DIV/0! (line 3)",
    ),
    "merged cells of Excel": Case(
        lambda: workbook(("S", [["g", "x"], ["north", 1], [None, 2], ["south", 3], [None, 4]]), merged=["A2:A3", "A4:A5"]),
        "si", {"g": ["north", "north", "south", "south"]}, "merged-cells", said="2 merged cells are read as having their value",
    ),
    "two sheets of Excel": Case(
        lambda: workbook(("Notes", [["a"], ["hello"], ["you"]]), ("Data", SHEET)), "s", {"a": ["hello", "you"]}, "more-sheets",
        said="Of 2 sheets the first one is read, Notes",
    ),
    "a sheet without a header": Case(
        lambda: workbook(("S", [[1.5, "x"], [2.5, "y"]])), "ns", {"column1": [1.5, 2.5]}, "no-header", ReadHints(header=False),
    ),
    "what the version before had": Case(
        numbered("7", "12"), "ss", {"x": ["7", "12"]}, before={"k": "string", "x": "string"}
    ),
    "numbers that were numbers": Case(numbered("7", "12"), "sn", {"x": [7.0, 12.0]}, before={"x": "number"}),
}  # fmt: skip
OWN |= {
    f"{word} among numbers": Case(
        numbered(1.5, word, 3), "sn", {"x": [1.5, None, 3.0]}, "missing-words"
    )
    for word in NULLS
}
UNREAD = [
    ("01:30:00", "00:45:10"), ("14:30", "9:15"), ("1 days 02:03:04", "0 days 00:00:10"), ("2024Q1", "2024Q2"),
    ("Q1 2024", "Q2 2024"), ("2024-W05", "2024-W06"), ("2024-01", "2024-02"), ("01/2024", "12/2024"),
    ("Jan 2024", "Feb 2024"), ("5. Januar 2024", "31. März 2024"), ("Sun 31 Dec 2023", "Mon 1 Jan 2024"),
    ("2024-01-31 23:59:59 UTC", "2024-01-30 23:59:59 UTC"), ("31.12.2023 23:59 Uhr", "1.1.2024 0:00 Uhr"),
    ("12/31/2023 11:59 p.m.", "1/2/2024 1:05 a.m."), ("10-20", "20-30"), ("1/2", "3/4"), ("16:9", "4:3"),
    ("0x1F", "0xAA"), ("1.5D+03", "2.0D-01"), ("Rs. 1/-", "Rs. 500/-"), ("1_234", "12_345"), ("١٢", "٣٤"),
    ('="001"', '="002"'), ("PT1H30M", "PT45M"),
]  # fmt: skip
OWN |= {
    f"{values[0]} is of no known form": Case(numbered(*values), "ss", {}, "unread-form")
    for values in UNREAD
}
REFUSED = {
    "not UTF-8": Refused(b"a,b\n1,caf\xe9\n", r"Byte 9 \(line 2\) is 0xe9.*--encoding windows-1252"),
    "UTF-16 without a mark": Refused(PLAIN.encode("utf-16-le"), "UTF-16 without a byte order mark.*--encoding utf-16-le"),
    "an encoding that does not exist": Refused(PLAIN, "no encoding 'klingon'", ReadHints(encoding="klingon")),
    "an encoding of source code": Refused(PLAIN, "no encoding 'unicode_escape'", ReadHints(encoding="unicode_escape")),
    "an encoding that encodes nothing": Refused(PLAIN, "no encoding 'undefined'", ReadHints(encoding="undefined")),
    "times of open order": Refused(numbered("01/02/2023", "03/04/2023"), "such as DD/MM/YYYY", ReadHints(types={"x": "timestamp"})),
    "another encoding": Refused(b"a\n\xff\xff\n", "not of the encoding", ReadHints(encoding="ascii")),
    "gzip that was cut": Refused(gzip.compress(PLAIN.encode())[:-12], "packed, and damaged"),
    "two files in a zip": Refused(zipped(a=PLAIN, b=PLAIN), "has 2 files"),
    "bzip2": Refused(bz2.compress(PLAIN.encode()), "bzip2"),
    "an old Excel file": Refused(b"\xd0\xcf\x11\xe0" + bytes(100), r"before 2007 \(.xls\): save it as .xlsx"),
    "an encrypted workbook": Refused(b"\xd0\xcf\x11\xe0" + bytes(100) + "EncryptedPackage".encode("utf-16-le"), "encrypted: save it without a password"),
    "a binary workbook": Refused(zipped(**{"xl/workbook.bin": "x", "xl/styles.bin": "x"}), "binary workbook"),
    "a title above a sheet": Refused(lambda: workbook(("S", [["Report"], ["a", "b"], [1, 2]])), "no name for column 2.*--skip-lines"),
    "a sheet of data alone": Refused(lambda: workbook(("S", [[1.5, "x"], [2.5, "y"]])), "looks like data.*--no-header"),
    "formulas without results": Refused(
        lambda: workbook(("S", [["a", "b"], [1, Cell(None, formula="A2")], [2, Cell("3", formula="A3")]])),
        r"The formula in row 2 has no result \(1 such cells\).*open it in Excel",
    ),
    "an empty sheet": Refused(lambda: workbook(("S", [])), "The sheet 'S' is empty"),
    "SQLite": Refused(b"SQLite format 3\0" + bytes(100), "SQLite"),
    "a row longer than a batch": Refused("a,b\n1," + "x" * 9_000_000 + "\n2,y\n" * 10, "longer than 4 MiB"),
    "a tar archive": Refused(lambda: tarred(), "a tar archive"),
    "a packed tar archive": Refused(lambda: gzip.compress(tarred()), "What is packed is a tar archive"),
    "packed Parquet": Refused(lambda: gzip.compress(parquet(pa.table({"a": [1]}))), "packed with gzip is no text: send it unpacked"),
    "packed twice": Refused(gzip.compress(gzip.compress(PLAIN.encode())), "is no text: send it unpacked"),
    "an image": Refused(b"\x89PNG\r\n\x1a\n" + bytes(40), "an image"),
    "a program": Refused(b"MZ\x90\0" + bytes(90), "so this is not a text"),
    "an old pickle": Refused(pickle.dumps([1], protocol=2), "a pickle"),
    "a stream of Arrow": Refused(b"\xff\xff\xff\xff" + bytes(40), "a stream of Arrow"),
    "OpenDocument": Refused(zipped(**{"mimetype": "x", "content.xml": "y"}), r"OpenDocument \(.ods\)"),
    "a pointer of Git LFS": Refused("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n", "pointer of Git LFS"),
    "SQL": Refused("INSERT INTO t (a,b) VALUES (1,'x');\n", "The file is SQL"),
    "a table of HTML": Refused("<table><tr><td>1</td></tr></table>\n", "HTML"),
    "arrays of JSON": Refused("[1, 2]\n[3, 4]\n", "lines are JSON arrays"),
    "JSON that has NaN": Refused('{"a": NaN}\n{"a": 1}\n', "Line 1 is no JSON"),
    "JSON lines in Latin-1": Refused('{"a": "é"}\n'.encode("latin-1"), "Line 1 is not UTF-8"),
    "a target of another case": Refused(PLAIN, "no column 'Size' .*Perhaps size is meant", target="Size"),
    "a target behind another separator": Refused("a:b\n1:2\n3:4\n", "1 times :, as if that separated columns.*--separator", target="b"),
    "JSON lines in UTF-16": Refused('{"a": 1}\n{"a": 2}\n'.encode("utf-16"), "read in UTF-8 only"),
    "names of rows without a name": Refused("a,b\nx,1,2\ny,2,3\n", "begins with its name"),
    "a blank before a quote": Refused('a, b, c\n1, "x, y", 3\n', "only right after the separator"),
    "a title with separators": Refused("Report,\na,b\n1,2\n", "--skip-lines"),
    "PDF": Refused(b"%PDF-1.4\n%\xe2\xe3\n", "PDF"),
    "HTML": Refused("<!DOCTYPE html>\n<html><body>404, not found</body></html>\n", "HTML"),
    "an array of JSON": Refused('[{"a": 1}, {"a": 2}]\n', "one object per line"),
    "no header": Refused("1.5,2\n2.5,3\n", "looks like data.*--no-header"),
    "a ragged row": Refused("a,b\n1,2\n3\n", "Line 3 has 1 values, but the header has 2 columns"),
    "one column unnamed that is no index": Refused(",a\nx,1\ny,2\n", "no name for column 1"),
    "a target without values": Refused("a,b\n1,\n2,NA\n", "Column b is empty, all of its 2 values are missing", target="b"),
    "numbers without values": Refused("a,b\n1,\n2,NA\n", "Column b", hints=ReadHints(types={"b": "number"})),
    "the same name twice": Refused("a,a\n1,2\n3,4\n", "names a more than once"),
    "an empty file": Refused("", "The file is empty"),
    "blank lines only": Refused("\n\n\n", "The file is empty"),
    "a header only": Refused("a,b\n", "There are no rows"),
    "a type that does not fit": Refused(numbered(1, "oops"), "x cannot be read as number: oops.*row 2", ReadHints(types={"x": "number"})),
    "dates in another order": Refused(
        numbered("31/01/2023", "01/31/2023"), "cannot be read as DD/MM/YYYY: 01/31/2023", ReadHints(types={"x": "DD/MM/YYYY"})
    ),
    "booleans that are numbers": Refused(numbered(1, 0), "cannot be read as boolean: 1, 0", ReadHints(types={"x": "boolean"})),
    "a type of a typed file": Refused(
        lambda: parquet(pa.table({"a": ["1"]})), "--type cannot be said of a file whose columns have types", ReadHints(types={"a": "number"})
    ),
    "a separator of JSON lines": Refused('{"a": 1}\n', "--separator cannot be said of JSON lines", ReadHints(separator=";")),
    "times of the year 12000": Refused(
        lambda: parquet(pa.table({"a": pa.array([316516204800], pa.timestamp("s"))})), "outside of the years 1 to 9999"
    ),
    "a type of no column": Refused(PLAIN, "there is no such column", ReadHints(types={"z": "number"})),
    "JSON lines that are ragged": Refused('{"a": 1}\n[1]\n', "Line 2 is no JSON object"),
    "JSON lines with lists": Refused('{"a": [1]}\n{"a": [2]}\n', "holds a list"),
    "JSON lines that were cut": Refused('{"a": 1}\n{"a": 2', "Line 2 is no JSON"),
    "Parquet that was cut": Refused(lambda: parquet(pa.table({"a": [1, 2]}))[:-9], "not a Parquet file that can be read"),
    "Arrow that was cut": Refused(lambda: feather(pa.table({"a": [1, 2]}))[:-9], "not an Arrow file that can be read"),
    "a zip that was cut": Refused(zipped(a=PLAIN)[:-9], "ZIP archive cannot be read"),
}  # fmt: skip
