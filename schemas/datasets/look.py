"""What a look at a dataset's file shows: its first rows, and the values of a column."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.values import JsonValue


class TableRows(Struct):
    """Rows of a dataset. `types` are those of the `columns`; a missing value is None.

    Times are RFC 3339, in UTC. Values of `hidden` columns, which are sensitive, are None.
    """

    columns: list[str]
    types: list[str]
    rows: list[list[JsonValue]]
    hidden: list[str] = []


class Histogram(Struct):
    """Rows by value: `rows` has one entry less than `edges`; the last bin has both its edges."""

    edges: list[JsonValue]
    rows: list[int]


class ColumnSummary(Struct, omit_defaults=True):
    """What the values of a column are.

    `missing` counts rows without a value, `distinct` different values, of which `top` has the most
    frequent with their rows (None: too many to count). Of numbers and times there are `quantiles`
    (share, value), `mean` and a `histogram`; of numbers the sample `deviation`. A `sensitive`
    column shows no values.
    """

    name: str
    type: str
    rows: int
    missing: int
    distinct: int | None = None
    top: list[tuple[JsonValue, int]] | None = None
    quantiles: list[tuple[float, JsonValue]] = []
    mean: JsonValue = None
    deviation: float | None = None
    histogram: Histogram | None = None
    sensitive: bool = False
