"""Values as people and programs write them."""

from __future__ import annotations

import random
from typing import Any

from tests.artifacts.datasets.damage.table import (
    NUMERIC,
    File,
    Made,
    Write,
    damage,
    encoded,
    plain,
    texts,
)

NULLS = ["NULL", "N/A", "n/a", "#N/A", "<NA>", "\\N", "?", "null"]
NUMBER_NULLS = [*NULLS, "None", "none", "-", ".", "#DIV/0!"]


def comma(value: float) -> str:
    return plain(value).replace(".", ",")


def grouped(mark: str, decimal: str = ".") -> Write:
    def write(value: Any) -> str:
        whole, _, rest = plain(value).partition(".")
        sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
        text = f"{int(digits):,}".replace(",", mark)
        return f"{sign}{text}{decimal}{rest}" if rest else f"{sign}{text}"

    return write


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
    word = some.choice(["maybe", "ja", "1"])
    return with_word(table, some, word, ("boolean",), "partly-booleans partly-numbers")


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
