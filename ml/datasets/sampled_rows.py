"""A uniform sample of the rows of a dataset that is read in batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from autolearn.ml.datasets.hash_split import hashes_of_numbers
from autolearn.ml.datasets.row_batches import UsableRows


class SampledRows:
    """A uniform sample of rows, which depends on their numbers alone."""

    def __init__(self, most: int, seed: int) -> None:
        self.most, self.seed = most, seed
        self.parts: list[UsableRows] = []
        self.hashes = np.zeros(0, np.uint64)
        self.largest = np.uint64(2**64 - 1)

    def add(self, rows: UsableRows) -> None:
        """Take rows into account."""
        hashes = hashes_of_numbers(rows.numbers, self.seed)
        chosen = hashes <= self.largest
        if not chosen.any():
            return
        self.parts.append(rows.take(chosen))
        self.hashes = np.append(self.hashes, hashes[chosen])
        if len(self.hashes) > 2 * self.most:
            self._cut()

    def _cut(self) -> None:
        rows = _joined(self.parts)
        kept = np.arange(len(self.hashes))
        if len(kept) > self.most:
            kept = np.sort(np.argsort(self.hashes, kind="stable")[: self.most])
            self.largest = self.hashes[kept].max()
        self.parts, self.hashes = [rows.take(kept)], self.hashes[kept]

    def rows(self) -> UsableRows | None:
        """Return the sample, in the order of the rows; None if there was none."""
        if not self.parts:
            return None
        self._cut()
        return self.parts[0]


def _joined(parts: list[UsableRows]) -> UsableRows:
    import pandas as pd

    def together(values: list[Any]) -> Any:
        return None if values[0] is None else np.concatenate(values)

    return UsableRows(
        np.concatenate([one.numbers for one in parts]),
        pd.concat([one.features for one in parts], ignore_index=True),
        together([one.answers for one in parts]),
        together([one.weights for one in parts]),
        np.concatenate([one.held_out for one in parts]),
    )
