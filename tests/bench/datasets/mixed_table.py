"""The data of the benches of answers: 10 numbers and 4 categories with gaps, and two labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa


def mixed_table(rows: int, seed: int) -> pa.Table:
    """Return so many rows: n0 to n9, c0 to c3 of six words each, and the target y."""
    some = np.random.default_rng(seed)
    table: dict[str, Any] = {}
    for number in range(10):
        values = some.normal(size=rows)
        values[some.random(rows) < 0.02] = np.nan
        table[f"n{number}"] = pa.array(values, from_pandas=True)
    for number in range(4):
        words = np.array([f"c{number}_{value}" for value in range(6)], dtype=object)
        texts = words[some.integers(0, 6, rows)]
        texts[some.random(rows) < 0.02] = None
        table[f"c{number}"] = pa.array(texts, pa.string())
    first = np.nan_to_num(table["n0"].to_numpy(zero_copy_only=False))
    table["y"] = pa.array(np.where(first + some.normal(size=rows) > 0, "yes", "no"))
    return pa.table(table)
