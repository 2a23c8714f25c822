"""The rows of a dataset that a training can use, some at a time, with the part of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autolearn.artifacts.datasets.table import DatasetTable, table_batches
from autolearn.ml.datasets.split import held_out_of
from autolearn.ml.datasets.subject import answers_of, check_finite, keys_of
from autolearn.ml.errors import InputError
from autolearn.schemas.bounds import LONGEST_NAME
from autolearn.schemas.catalog import ANOMALY_DETECTION, CLASSIFICATION, MOST_CLASSES
from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.values import Split

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

_MOST_ROWS = 65_536
_CELLS = 4_000_000
"""Numbers of a batch, in float64 32 MB: a part of the least memory that a run has."""


def rows_of_batch(columns: int) -> int:
    """Return the rows of a batch of so many columns."""
    return max(256, min(_MOST_ROWS, _CELLS // max(1, columns)))


def types_in(file: Path, read: ReadOptions | None) -> dict[str, str]:
    """Return the types of a dataset's columns. Raises InputError when it has no rows."""
    for table in table_batches(file, read, 1):
        return table.types
    raise InputError("the dataset has no rows")


@dataclass(frozen=True)
class UsableRows:
    """Some rows: their numbers in the dataset, features, answers, weights, and parts."""

    numbers: Array
    features: pd.DataFrame
    answers: Array | None
    weights: Array | None
    held_out: Array

    def take(self, chosen: Array) -> UsableRows:
        """Return those rows that are `chosen` (a mask or positions)."""
        return UsableRows(
            self.numbers[chosen],
            self.features[chosen] if chosen.dtype == bool else self.features.iloc[chosen],
            None if self.answers is None else self.answers[chosen],
            None if self.weights is None else self.weights[chosen],
            self.held_out[chosen],
        )


@dataclass
class RowBatches:
    """A dataset's file, of which the rows that can be used are read in batches.

    `features` are the types of the columns to learn from. `rows` and `without_target` count those
    of the last reading.
    """

    file: Path
    read: ReadOptions | None
    features: Mapping[str, str]
    target: str | None
    task: str
    split: Split
    seed: int
    weight: str | None = None
    written: Collection[str] = ()
    rows: int = 0
    without_target: int = 0

    def batches(self, rows: int) -> Iterator[UsableRows]:
        """Yield the rows that can be used, up to so many at a time. Raises InputError."""
        self.rows = self.without_target = 0
        also = (self.target, self.weight, self.split.column or None)
        wanted = None if self.split.whole else {*self.features, *filter(None, also)}
        written = [self.target or "", *self.written]
        for table in table_batches(self.file, self.read, rows, wanted=wanted, written=written):
            batch = self._batch(table)
            self.rows += table.rows
            self.without_target += table.rows - len(batch.numbers)
            yield batch

    def _batch(self, table: DatasetTable) -> UsableRows:
        features = table.features(self.features)
        check_finite(features)
        answers, usable = self._answers(table)
        places = np.arange(table.rows) if usable.all() else np.flatnonzero(usable)
        if len(places) < table.rows:
            features = features.iloc[places]
            answers = None if answers is None else answers[places]
        numbers = places + self.rows
        return UsableRows(
            numbers,
            features,
            answers,
            None if self.weight is None else table.numbers(self.weight)[places],
            held_out_of(numbers, keys_of(table, self.split, places), self.split, self.seed),
        )

    def _answers(self, table: DatasetTable) -> tuple[Array | None, Array]:
        """Return the answers, and which rows can be used."""
        everything = np.ones(table.rows, dtype=bool)
        if self.target is None:
            return None, everything
        if self.task != CLASSIFICATION:
            answers, present = answers_of(table, self.target, self.task, classes=1)
            return answers, everything if self.task == ANOMALY_DETECTION else present
        places, labels = table.codes(self.target)
        if len(labels) > MOST_CLASSES or max(map(len, labels), default=0) > LONGEST_NAME:
            answers_of(table, self.target, self.task, classes=1)  # says what is wrong
        return np.array([*labels, ""])[places], places >= 0
