"""Rows of text: line ends, separators, quotes, headers, and rows that do not belong."""

from __future__ import annotations

import csv
import io
import random

from tests.artifacts.datasets.damage.table import (
    NUMERIC,
    File,
    Made,
    damage,
    encoded,
    plain,
    texts,
    written,
)


@damage
def none(table: Made, some: random.Random) -> File:
    return File(encoded(texts(table)), table)


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
def a_total_without_a_word(table: Made, some: random.Random) -> File:
    rows = texts(table)
    total = [""] * len(table.names)
    for place, name in enumerate(table.names):
        values = [value for value in table.values[name] if value is not None]
        if table.kinds[name] in NUMERIC:
            if len(values) < 3 or abs(sum(values)) <= max(map(abs, values)):
                return File(encoded(rows), table)  # it could be a row like the others
            total[place] = plain(sum(values))
    said = ("total-row",) * any(total)
    return File(encoded([*rows, total] if said else rows), table, said, must=said)


@damage
def rows_twice(table: Made, some: random.Random) -> File:
    rows = texts(table)
    again = some.choice(rows[1:])
    return File(encoded([*rows, again]), table, ("same-rows",), must=("same-rows",))


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
    return File(cut, table, ("last-line",), "values, but the header|CSV|UTF-8|quote")


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
