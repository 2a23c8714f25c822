"""Dates and times as people write them."""

from __future__ import annotations

import datetime as dt
import random

from tests.artifacts.datasets.damage.table import (
    DAMAGES,
    Damage,
    File,
    Made,
    damage,
    encoded,
    texts,
)


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
def zones_of_some(table: Made, some: random.Random) -> File:
    def write(value: dt.datetime) -> str:
        return value.isoformat() + some.choice(["", "Z", "+00:00"])

    said = ("mixed-zones",)
    return File(encoded(texts(table, time=write)), table, said)
