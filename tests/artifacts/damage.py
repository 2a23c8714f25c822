"""Tables, and the ways in which files of them are damaged before they reach us."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from autolearn.schemas.read_options import ReadHints

__all__ = ["DAMAGES", "Damage", "File", "Made", "made_table"]

WORDS = ["red", "green", "Blau", "köln", "very good", "a, b", "x;y", 'say "hi"', "O'Hara", "q-1"]
NULLS = ["NULL", "N/A", "n/a", "#N/A", "<NA>", "\\N", "?", "null"]
NUMBER_NULLS = [*NULLS, "None", "none", "-", ".", "#DIV/0!"]
KINDS = ("integer", "number", "boolean", "text", "date", "time")


@dataclass
class Made:
    """A table: its values per column (None where there is none), and the kinds of the columns."""

    kinds: dict[str, str]
    values: dict[str, list[Any]]

    @property
    def names(self) -> list[str]:
        return list(self.kinds)

    def of(self, *kinds: str) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind in kinds]

    def rows(self) -> list[list[Any]]:
        return [list(row) for row in zip(*self.values.values(), strict=True)]


def made_table(kinds: list[str], rows: int, seed: int, gaps: float) -> Made:
    """Return a table of these kinds; the first column is `key`, in which nothing is missing."""
    some = random.Random(seed)
    table = Made({"key": "text"}, {"key": [f"{some.choice('abcdef')}{n}z" for n in range(rows)]})
    for place, kind in enumerate(kinds):
        values = [value_of(kind, some) if some.random() >= gaps else None for _ in range(rows)]
        for at in some.sample(range(rows), 2):  # something is there in every column
            values[at] = value_of(kind, some) if values[at] is None else values[at]
        table.kinds[f"{kind}{place}"], table.values[f"{kind}{place}"] = kind, values
    return table


def value_of(kind: str, some: random.Random) -> Any:
    if kind == "integer":
        return some.choice([some.randint(-9, 9), some.randint(-(10**6), 10**7)])
    if kind == "number":
        return round(some.uniform(-10, 10) * 10 ** some.randint(0, 6), some.randint(1, 4)) + 0.0
    if kind == "boolean":
        return some.random() < 0.5
    if kind == "text":
        return some.choice(WORDS)
    moment = dt.datetime(some.randint(1931, 2068), some.randint(1, 12), some.randint(1, 28))  # noqa: DTZ001 - most have none
    if kind == "date":
        return moment
    return moment + dt.timedelta(seconds=some.randint(0, 86_399))


Write = Callable[[Any], str]


def plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) >= 1e-4 else repr(value)
    if isinstance(value, dt.datetime):
        return value.isoformat() if value.time() != dt.time() else value.date().isoformat()
    return str(value)


@dataclass
class File:
    """A damaged file: its bytes, the table that should come back, and what may be said instead.

    `codes` are findings of which one must be there for each column that does not come back;
    `refusal` are words of a refusal that names the damage, "" where there must be none.
    """

    content: bytes
    table: Made
    codes: tuple[str, ...] = ()
    refusal: str = ""
    must: tuple[str, ...] = ()
    """Findings of which one must be there, whatever comes back."""
    hints: ReadHints = field(default_factory=ReadHints)


Damage = Callable[[Made, random.Random], File]
DAMAGES: dict[str, Damage] = {}


def damage(function: Damage) -> Damage:
    DAMAGES[function.__name__.replace("_", " ")] = function
    return function


def texts(table: Made, **writes: Write) -> list[list[str]]:
    """Return header and rows as text; `writes` says how kinds are written."""
    columns = [
        [plain(value) if value is None else writes.get(kind, plain)(value) for value in values]
        for kind, values in zip(table.kinds.values(), table.values.values(), strict=True)
    ]
    return [table.names, *map(list, zip(*columns, strict=True))]


def written(rows: list[list[str]], separator: str = ",", end: str = "\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator=end).writerows(rows)
    return out.getvalue()


def encoded(rows: list[list[str]], separator: str = ",", end: str = "\n") -> bytes:
    return written(rows, separator, end).encode()


def comma(value: float) -> str:
    return plain(value).replace(".", ",")


def grouped(mark: str, decimal: str = ".") -> Write:
    def write(value: Any) -> str:
        whole, _, rest = plain(value).partition(".")
        sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
        text = f"{int(digits):,}".replace(",", mark)
        return f"{sign}{text}{decimal}{rest}" if rest else f"{sign}{text}"

    return write


NUMERIC = ("integer", "number")


@damage
def none(table: Made, some: random.Random) -> File:
    return File(encoded(texts(table)), table)


@damage
def decimal_comma(table: Made, some: random.Random) -> File:
    rows = texts(table, number=comma)
    return File(encoded(rows, ";"), table, ("decimal-comma", "thousands"))


@damage
def decimal_comma_in_quotes(table: Made, some: random.Random) -> File:
    rows = texts(table, number=comma)
    return File(encoded(rows), table, ("decimal-comma", "thousands"))


@damage
def thousands(table: Made, some: random.Random) -> File:
    write = grouped(",")
    return File(
        encoded(texts(table, number=write, integer=write)), table, ("thousands", "decimal-comma")
    )


@damage
def points_of_thousands(table: Made, some: random.Random) -> File:
    write = grouped(".", ",")
    rows = texts(table, number=write, integer=write)
    return File(encoded(rows, ";"), table, ("thousands", "decimal-comma"))


@damage
def apostrophes_of_thousands(table: Made, some: random.Random) -> File:
    write = grouped(some.choice(["'", "\u2019"]))
    return File(encoded(texts(table, number=write, integer=write), ";"), table, ("thousands",))


@damage
def blanks_of_thousands(table: Made, some: random.Random) -> File:
    write = grouped(some.choice([" ", "\u00a0", "\u202f"]), some.choice([".", ","]))
    rows = texts(table, number=write, integer=write)
    return File(encoded(rows, ";"), table, ("thousands", "decimal-comma"))


@damage
def percent(table: Made, some: random.Random) -> File:
    blank = some.choice(["", " "])

    def write(value: Any) -> str:
        return f"{plain(value)}{blank}%"

    rows = texts(table, number=write, integer=write)
    return File(encoded(rows), table, ("unit",), must=("unit",) * bool(table.of(*NUMERIC)))


@damage
def currency(table: Made, some: random.Random) -> File:
    sign = some.choice(["$", "€", "£", "EUR ", "CHF "])
    after = some.random() < 0.5

    def write(value: Any) -> str:
        number = grouped(",")(value)
        if after:
            return f"{number} {sign.strip()}"
        return f"-{sign}{number[1:]}" if number.startswith("-") else f"{sign}{number}"

    rows = texts(table, number=write, integer=write)
    return File(encoded(rows), table, ("unit",), must=("unit",) * bool(table.of(*NUMERIC)))


@damage
def brackets_for_negatives(table: Made, some: random.Random) -> File:
    def write(value: Any) -> str:
        return f"({plain(-value)})" if value < 0 else plain(value)

    said = ("negative-forms",)
    return File(encoded(texts(table, number=write, integer=write)), table, said)


@damage
def typographic_minus(table: Made, some: random.Random) -> File:
    def write(value: Any) -> str:
        return plain(value).replace("-", "\u2212")

    said = ("negative-forms",)
    return File(encoded(texts(table, number=write, integer=write)), table, said)


@damage
def units(table: Made, some: random.Random) -> File:
    unit = some.choice(["kg", " kg", " cm", "°C", " mph"])

    def write(value: Any) -> str:
        return plain(value) + unit

    said = ("numbers-with-words", "unit")
    return File(encoded(texts(table, number=write, integer=write)), table, said)


def dates(pattern: str) -> Damage:
    def make(table: Made, some: random.Random) -> File:
        def write(value: dt.datetime) -> str:
            return value.strftime(pattern)

        said = ("date-format", "ambiguous-dates")
        return File(encoded(texts(table, date=write)), table, said)

    return make


DAMAGES |= {
    "days first": dates("%d/%m/%Y"),
    "days first with points": dates("%d.%m.%Y"),
    "months first": dates("%m/%d/%Y"),
    "years of two digits": dates("%d/%m/%y"),
    "names of months": dates("%d-%b-%Y"),
    "years first with slashes": dates("%Y/%m/%d"),
}


@damage
def dates_in_both_orders(table: Made, some: random.Random) -> File:
    def write(value: dt.datetime) -> str:
        return value.strftime(some.choice(["%d/%m/%Y", "%m/%d/%Y"]))

    said = ("date-format", "ambiguous-dates", "not-all-times", "partly-times")
    return File(encoded(texts(table, date=write)), table, said, must=said * bool(table.of("date")))


@damage
def dates_before_and_after(table: Made, some: random.Random) -> File:
    def write(value: dt.datetime) -> str:
        return value.strftime(some.choice(["%d.%m.%Y", "%Y-%m-%d"]))

    said = ("date-format", "ambiguous-dates", "not-all-times", "partly-times")
    return File(encoded(texts(table, date=write)), table, said)


@damage
def hours_of_twelve(table: Made, some: random.Random) -> File:
    def write(value: dt.datetime) -> str:
        return value.strftime("%d/%m/%Y %I:%M:%S %p")

    said = ("date-format", "ambiguous-dates")
    return File(encoded(texts(table, time=write)), table, said)


@damage
def leading_zeros(table: Made, some: random.Random) -> File:
    def write(value: int) -> str:
        return f"{abs(value):08}"

    truth = Made(dict(table.kinds), dict(table.values))
    for name in table.of("integer"):
        truth.values[name] = [None if v is None else write(v) for v in table.values[name]]
    must = ("leading-zeros",) * bool(table.of("integer"))
    return File(encoded(texts(table, integer=write)), truth, must=must)


def with_word(
    table: Made, some: random.Random, word: str, kinds: tuple[str, ...], said: str
) -> File:
    rows = texts(table)
    names = table.of(*kinds)
    if not names:
        return File(encoded(rows), table)
    rows[some.randint(1, len(rows) - 1)][table.names.index(some.choice(names))] = word
    return File(encoded(rows), table, tuple(said.split()), must=tuple(said.split()))


@damage
def a_word_among_numbers(table: Made, some: random.Random) -> File:
    word = some.choice(["unknown", "oops", "12 or 13", "1.2.3", "#REF!", "1O", "--", "twelve"])
    return with_word(table, some, word, NUMERIC, "not-all-numbers partly-numbers few-numbers")


@damage
def a_word_among_times(table: Made, some: random.Random) -> File:
    word = some.choice(["soon", "2024-02-30", "today", "2024-13-01", "Q1 2024"])
    return with_word(
        table, some, word, ("date", "time"), "not-all-times partly-times ambiguous-dates few-times"
    )


@damage
def a_word_among_booleans(table: Made, some: random.Random) -> File:
    return with_word(
        table, some, some.choice(["maybe", "ja", "1"]), ("boolean",), "partly-booleans"
    )


@damage
def words_for_none(table: Made, some: random.Random) -> File:
    rows = texts(table)
    gaps = False
    for row in rows[1:]:
        for place, kind in enumerate(table.kinds.values()):
            if not row[place]:
                row[place] = some.choice(NULLS if kind == "text" else NUMBER_NULLS)
                gaps = True
    return File(encoded(rows), table, must=("missing-words",) * gaps)


@damage
def forms_of_nan(table: Made, some: random.Random) -> File:
    form = some.choice(["nan", "NaN", "NAN", "NA"])
    rows = [[value or form for value in row] for row in texts(table)]
    return File(encoded(rows), table)


@damage
def utf_16(table: Made, some: random.Random) -> File:
    content = written(texts(table)).encode("utf-16")
    return File(content, table, must=("read-as",))


@damage
def utf_16_without_a_mark(table: Made, some: random.Random) -> File:
    content = written(texts(table)).encode("utf-16-le")
    return File(content, table, refusal="utf-16-le")


@damage
def latin_1(table: Made, some: random.Random) -> File:
    content = written(texts(table)).encode("latin-1")
    return File(content, table, refusal="--encoding")


@damage
def latin_1_named(table: Made, some: random.Random) -> File:
    content = written(texts(table)).encode("latin-1")
    return File(content, table, hints=ReadHints(encoding="latin-1"))


@damage
def gzipped(table: Made, some: random.Random) -> File:
    return File(gzip.compress(encoded(texts(table))), table, must=("read-as",))


@damage
def gzipped_and_cut(table: Made, some: random.Random) -> File:
    content = gzip.compress(encoded(texts(table)))
    return File(
        content[: -some.randint(1, len(content) - 20)], table, refusal="damaged", must=("-",)
    )


@damage
def zstandard(table: Made, some: random.Random) -> File:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as packed:
        packed.write(encoded(texts(table)))
    return File(out.getvalue().to_pybytes(), table, must=("read-as",))


@damage
def zipped(table: Made, some: random.Random) -> File:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.csv", encoded(texts(table)))
    return File(out.getvalue(), table, must=("read-as",))


@damage
def carriage_returns(table: Made, some: random.Random) -> File:
    return File(encoded(texts(table), end="\r"), table)


@damage
def ends_of_windows(table: Made, some: random.Random) -> File:
    return File(encoded(texts(table), end="\r\n"), table)


@damage
def ends_of_both_kinds(table: Made, some: random.Random) -> File:
    lines = [written([row], end=some.choice(["\n", "\r\n"])) for row in texts(table)]
    return File("".join(lines).encode(), table)


@damage
def sep_of_excel(table: Made, some: random.Random) -> File:
    return File(b"sep=;\r\n" + encoded(texts(table), ";", "\r\n"), table)


@damage
def comments_on_top(table: Made, some: random.Random) -> File:
    content = b"# a report, of 2024\n# for you\n" + encoded(texts(table))
    return File(content, table, must=("skipped-lines",))


@damage
def title_on_top(table: Made, some: random.Random) -> File:
    content = b"Report of 2024\n\n" + encoded(texts(table))
    return File(content, table, refusal="--skip-lines", must=("-",))


@damage
def separators_at_the_ends(table: Made, some: random.Random) -> File:
    return File(encoded([[*row, ""] for row in texts(table)]), table, must=("left-out",))


@damage
def an_unnamed_index(table: Made, some: random.Random) -> File:
    rows = [[str(n - 1) if n else "", *row] for n, row in enumerate(texts(table))]
    return File(encoded(rows), table, must=("left-out",))


@damage
def a_named_index(table: Made, some: random.Random) -> File:
    rows = [[str(n) if n else "id", *row] for n, row in enumerate(texts(table))]
    return File(encoded(rows), table, must=("row-number",) * (len(rows) > 10))


@damage
def line_breaks_in_values(table: Made, some: random.Random) -> File:
    changed = Made(dict(table.kinds), dict(table.values))
    changed.values["key"] = [f"{one}\n(of us)" for one in table.values["key"]]
    return File(encoded(texts(changed)), changed)


@damage
def a_line_break_in_the_header(table: Made, some: random.Random) -> File:
    changed = Made(
        {f"{name} unit": kind for name, kind in table.kinds.items()},
        {f"{name} unit": values for name, values in table.values.items()},
    )
    rows = texts(changed)
    rows[0] = [name.replace(" ", "\n") for name in rows[0]]
    return File(encoded(rows), changed)


@damage
def a_stray_quote(table: Made, some: random.Random) -> File:
    lines = encoded(texts(table)).decode().splitlines()
    at = some.randint(1, len(lines) - 1)
    lines[at] = '"' + lines[at]
    content = ("\n".join(lines) + "\n").encode()
    said = ("lines-in-value", "rows-in-value", "quote-in-value")
    return File(
        content,
        table,
        said,
        refusal="values, but the header|cannot be read as CSV|quote",
        must=said,
    )


@damage
def a_mark_of_bytes(table: Made, some: random.Random) -> File:
    return File(b"\xef\xbb\xbf" + encoded(texts(table)), table)


@damage
def other_separators(table: Made, some: random.Random) -> File:
    return File(encoded(texts(table), some.choice(";\t|")), table, must=("read-as",))


@damage
def a_total(table: Made, some: random.Random) -> File:
    rows = texts(table)
    total = ["Total"]
    for name, kind in list(table.kinds.items())[1:]:
        values = [value for value in table.values[name] if value is not None]
        total.append(plain(sum(values)) if kind in NUMERIC else "")
    return File(encoded([*rows, total]), table, ("total-row",), must=("total-row",))


@damage
def rows_twice(table: Made, some: random.Random) -> File:
    rows = texts(table)
    again = some.choice(rows[1:])
    return File(encoded([*rows, again]), table, ("same-rows",), must=("same-rows",))


@damage
def case_variants(table: Made, some: random.Random) -> File:
    table.kinds["town"] = "text"
    table.values["town"] = [
        some.choice(["Bonn", "bonn", "BONN", "Köln"]) for _ in table.values["key"]
    ]
    several = len({one for one in table.values["town"] if one.lower() == "bonn"}) > 1
    return File(encoded(texts(table)), table, must=("spelling",) * several)


@damage
def integers_beyond_64_bits(table: Made, some: random.Random) -> File:
    table.kinds["big"] = "text"
    table.values["big"] = [str(2**64 + some.randint(0, 10**9)) for _ in table.values["key"]]
    return File(encoded(texts(table)), table, must=("beyond-64-bits",))


@damage
def zones_of_some(table: Made, some: random.Random) -> File:
    def write(value: dt.datetime) -> str:
        return value.isoformat() + some.choice(["", "Z", "+00:00"])

    said = ("mixed-zones",)
    return File(encoded(texts(table, time=write)), table, said)


@damage
def no_header(table: Made, some: random.Random) -> File:
    rows = texts(table)[1:]
    told = table.of("integer", "number", "boolean", "date", "time")
    if not any(table.values[name][0] is not None for name in told):
        return File(encoded(texts(table)), table)  # nothing tells names of texts from texts
    said = "first row looks like data|--no-header|no name|more than once"
    return File(encoded(rows), table, ("header-like-values",), said, must=("header-like-values",))


@damage
def blank_lines(table: Made, some: random.Random) -> File:
    lines = [written([row]) + some.choice(["", "", "\n"]) for row in texts(table)]
    return File(("\n" + "".join(lines) + "\n\n").encode(), table)


@damage
def a_ragged_row(table: Made, some: random.Random) -> File:
    rows = texts(table)
    at = some.randint(1, len(rows) - 1)
    rows[at] = some.choice([rows[at][:-1], [*rows[at], "more"]])
    return File(encoded(rows), table, refusal=f"Line {at + 1} has", must=("-",))


@damage
def cut_off(table: Made, some: random.Random) -> File:
    content = encoded(texts(table))
    last = content.rstrip(b"\n").rfind(b"\n")
    cut = content[: some.randint(last + 2, len(content) - 1)]
    return File(
        cut, table, ("last-line",), "values, but the header|CSV|UTF-8|quote", must=("last-line",)
    )


@damage
def blanks_around_values(table: Made, some: random.Random) -> File:
    rows = [
        [f" {value}  " if n and value else value for value in row]
        for n, row in enumerate(texts(table))
    ]
    return File(encoded(rows), table)


@damage
def booleans_in_capitals(table: Made, some: random.Random) -> File:
    def write(value: bool) -> str:
        return some.choice([str(value), str(value).upper()])

    return File(encoded(texts(table, boolean=write)), table)


@damage
def everything_in_quotes(table: Made, some: random.Random) -> File:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(texts(table))
    return File(out.getvalue().encode(), table)


@damage
def the_same_name_twice(table: Made, some: random.Random) -> File:
    rows = texts(table)
    rows[0][-1] = rows[0][0]
    return File(encoded(rows), table, refusal="more than once", must=("-",))


@damage
def a_nul(table: Made, some: random.Random) -> File:
    content = bytearray(encoded(texts(table)))
    content[some.randint(1, len(content) - 1)] = 0
    return File(bytes(content), table, refusal="NUL|not UTF-8", must=("-",))


@damage
def json_lines(table: Made, some: random.Random) -> File:
    lines = [
        json.dumps({
            name: plain(value) if isinstance(value, dt.datetime) else value
            for name, value in zip(table.names, row, strict=True)
        }) + "\n"
        for row in table.rows()
    ]  # fmt: skip
    return File("".join(lines).encode(), table)


@damage
def an_array_of_json(table: Made, some: random.Random) -> File:
    rows = [dict(zip(table.names, map(plain, row), strict=True)) for row in table.rows()]
    content = json.dumps(rows, indent=some.choice([None, 2])).encode()
    return File(content, table, refusal="one object per line", must=("-",))


def arrow_of(table: Made) -> pa.Table:
    return pa.table({name: pa.array(values) for name, values in table.values.items()})


@damage
def arrow(table: Made, some: random.Random) -> File:
    out = io.BytesIO()
    pyarrow.feather.write_feather(arrow_of(table), out)
    return File(out.getvalue(), table)


@damage
def parquet(table: Made, some: random.Random) -> File:
    out = io.BytesIO()
    pyarrow.parquet.write_table(arrow_of(table), out)
    return File(out.getvalue(), table)


@damage
def parquet_of_a_shuffled_frame(table: Made, some: random.Random) -> File:
    frame = pd.DataFrame(
        {name: pd.Series(values, dtype=object) for name, values in table.values.items()}
    )
    frame = frame.infer_objects()
    order = list(range(len(frame)))
    some.shuffle(order)
    out = io.BytesIO()
    frame.iloc[order].to_parquet(out)
    shuffled = Made(table.kinds, {n: [v[at] for at in order] for n, v in table.values.items()})
    return File(out.getvalue(), shuffled, must=("left-out",) * (order != sorted(order)))


@damage
def parquet_cut(table: Made, some: random.Random) -> File:
    out = io.BytesIO()
    pyarrow.parquet.write_table(arrow_of(table), out)
    content = out.getvalue()
    return File(content[: some.randint(4, len(content) - 1)], table, refusal="Parquet", must=("-",))
