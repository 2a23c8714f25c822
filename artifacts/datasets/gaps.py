"""The rows of a dataset in which a column has no value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute

pc: Any = compute


def gaps_of(batches: Iterable[Any]) -> bytes:
    """Return a bit for each row, the lowest one of a byte first: 1 where the value is missing."""
    marks = [np.asarray(_missing(one).to_numpy(zero_copy_only=False)) for one in batches]
    return np.packbits(np.concatenate(marks), bitorder="little").tobytes() if marks else b""


def _missing(values: Any) -> Any:
    return pc.is_null(values, nan_is_null=pa.types.is_floating(values.type))
