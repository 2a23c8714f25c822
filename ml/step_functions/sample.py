"""Sample: some rows of a table, by chance."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pyarrow as pa
from msgspec import Meta

from autolearn.ml.errors import InputError
from autolearn.ml.steps.context import context, report


def sample(
    table: pa.Table,
    *,
    rows: Annotated[int, Meta(ge=1)] | None = None,
    fraction: Annotated[float, Meta(gt=0, le=1)] | None = None,
    seed: int | None = None,
) -> pa.Table:
    """Keep rows that are drawn by chance, without replacement, in their order.

    Args:
        table: the table
        rows: how many rows; all if there are fewer
        fraction: which part of the rows, rounded to a whole row, at least one
        seed: of the draw; by default that of the run
    """
    if (rows is None) == (fraction is None):
        raise InputError("a sample has rows or a fraction, one of the two")
    count = rows if rows is not None else max(1, round((fraction or 0) * table.num_rows))
    if count >= table.num_rows:
        return table
    draw = np.random.default_rng(context().seed if seed is None else abs(seed))
    chosen = np.sort(draw.choice(table.num_rows, count, replace=False))
    report.removed("not drawn", table.num_rows - count)
    return table.take(chosen)
