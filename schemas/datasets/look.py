"""What a look at a dataset's file shows: its first rows, and the values of a column."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.values import JsonValue


class TableRows(Struct):
    """The first rows of a version of a `dataset`, which has `total` of them.

    `types` are those of the `columns`; a missing value is None. Times are RFC 3339, in UTC. Values
    of `hidden` columns, which are sensitive, are None.
    """

    columns: list[str]
    types: list[str]
    rows: list[list[JsonValue]]
    hidden: list[str] = []
    dataset: str = ""
    version: str = ""
    total: int = 0


class Histogram(Struct):
    """Rows by value: `rows` has one entry less than `edges`.

    A bin has its lower edge, and the last one its upper edge, too. Bins are equally wide; of
    integers and of days they have whole edges, and there are at most as many bins as values.
    """

    edges: list[JsonValue]
    rows: list[int]


class ColumnSummary(Struct, omit_defaults=True):
    """What the values of a column are.

    `missing` counts rows without a value, `distinct` different values (None: too many to count).
    `top` has the most frequent values with their rows: each count may be `undercount` too low, and
    it is None if they are too many to count. Of numbers and times there are `quantiles` (share,
    value), `mean` and a `histogram`, of numbers the sample `deviation`; quantiles and histogram are
    those of a random `sample` of so many values if there are too many of them. A `sensitive` column
    shows no values.
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
    undercount: int = 0
    sample: int | None = None
