"""Tables, and what a damaged file of one says."""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from autolearn.schemas.datasets.read_options import ReadHints

WORDS = ["red", "green", "Blau", "köln", "very good", "a, b", "x;y", 'say "hi"', "O'Hara", "q-1"]
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


NUMERIC = ("integer", "number")
