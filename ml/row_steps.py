"""The row-wise steps of a pipeline as the first part of a model.

They make features from raw rows with the very functions that made them for the training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.base import BaseEstimator, TransformerMixin

from autolearn.artifacts.datasets.table import DatasetTable
from autolearn.ml.errors import InputError
from autolearn.ml.plugins import find_step
from autolearn.ml.steps import tables
from autolearn.ml.steps.call import call
from autolearn.ml.steps.context import StepContext
from autolearn.schemas.bounds import cut
from autolearn.schemas.training.row_steps import RowStep

Array = np.ndarray[Any, Any]
_MICROSECONDS = 1e6
_EXACT = 2.0**53
"""Whole numbers below this are exact in a data frame."""
_ARROW: dict[str, Any] = {
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us"),
}
_TYPES = {str(kind): name for name, kind in _ARROW.items()}


class RowSteps(TransformerMixin, BaseEstimator):
    """Makes features from a data frame of raw columns, as `DatasetTable.features` gives it.

    `steps` are `RowStep`s as JSON, done in their order; `types` are the types of the raw columns
    as JSON. A raw column that is not in the frame is missing in every row. `others` are, as JSON,
    the columns that are no features and are as the steps have made them: the target, say.
    """

    def __init__(self, steps: str = "[]", types: str = "{}", others: str = "[]") -> None:
        self.steps, self.types, self.others = steps, types, others

    def fit(self, rows: pd.DataFrame, y: object = None) -> Self:
        """Note the raw columns; nothing is learned."""
        self.feature_names_in_ = np.array(list(rows.columns), dtype=object)
        self.n_features_in_ = len(rows.columns)
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the features of rows. Raises InputError: a step cannot be done."""
        table = self.applied(self._table_of(rows))
        types = types_of(table)
        arrays = {name: table[name].combine_chunks() for name in types}
        found = DatasetTable(types, arrays, table.num_rows).features(types)
        return found.set_index(rows.index)

    def applied(self, table: pa.Table, context: StepContext | None = None) -> pa.Table:
        """Return a raw table after all steps."""
        for one in msgspec.json.decode(self.steps, type=list[RowStep]):
            step = find_step(one.function)
            whose = f"the step {one.function}, which is part of the model,"
            if one.package not in ("", "autolearn") and step.spec().digest != one.digest:
                raise InputError(
                    f"{whose} was of {one.package} {one.package_version}, and other code is "
                    "installed here",
                    advice="Install that version of the package, or train again.",
                )
            before = table.num_rows
            table = call(step, whose, [table], None, one.parameters, context or StepContext())
            if table.num_rows != before:
                raise InputError(f"{whose} makes {table.num_rows:,} rows of {before:,}")
        return table

    def are_own(self) -> bool:
        """Return whether all steps are AutoLearn's own."""
        steps = msgspec.json.decode(self.steps, type=list[RowStep])
        return all(one.package in ("", "autolearn") for one in steps)

    def with_others(self, table: DatasetTable) -> DatasetTable:
        """Return a raw dataset, of which `others` are as the steps make them.

        Raises InputError: a step cannot be done.
        """
        names: list[str] = msgspec.json.decode(self.others)
        return replaced(table, self.applied(raw_of(table)), names) if names else table

    def _table_of(self, rows: pd.DataFrame) -> pa.Table:
        """Return raw rows as the steps had them in the training."""
        types: Mapping[str, str] = msgspec.json.decode(self.types)
        return pa.table(
            {
                name: _arrow(name, rows[name].to_numpy(), kind)
                if name in rows
                else pa.nulls(len(rows), _ARROW[kind])
                for name, kind in types.items()
            }
        )


def types_of(table: pa.Table) -> dict[str, str]:
    """Return the types of the columns of a step's table, as datasets have them."""
    return {
        name: _TYPES[str(kind)]
        for name, kind in zip(table.column_names, table.schema.types, strict=True)
    }


def raw_of(table: DatasetTable) -> pa.Table:
    """Return a dataset as steps have it."""
    arrays = {
        name: values.cast(_ARROW["timestamp"]) if table.types[name] == "timestamp" else values
        for name, values in table.arrays.items()
    }
    return tables.of_arrays(arrays)


def replaced(table: DatasetTable, made: pa.Table, names: Sequence[str]) -> DatasetTable:
    """Return a dataset with some columns of the table that steps made of it, where it has them."""
    there = {name: kind for name, kind in types_of(made).items() if name in names}
    return DatasetTable(
        {**table.types, **there},
        {**table.arrays, **{name: made[name] for name in there}},
        table.rows,
        {name: values for name, values in table.written.items() if name not in there},
    )


def sources_of(
    before: Sequence[str], after: Sequence[str], made_from: Mapping[str, Sequence[str]]
) -> dict[str, set[str]]:
    """Return the columns before some steps from which each column after them was made.

    A new column of which no step says anything is made of all.
    """
    known = {name: {name} for name in before}
    for name, sources in made_from.items():
        known[name] = set[str]().union(*(known.get(one, set(before)) for one in sources))
    return {name: known.get(name, set(before)) for name in after}


def _arrow(name: str, values: Array, kind: str) -> Any:
    """Return a column of a frame as an array of its type; NaN is missing.

    Raises InputError: a whole number may be another one than was given.
    """
    missing = pd.isna(values)
    if kind in ("integer", "timestamp"):
        numbers = np.where(missing, 0.0, values).astype(np.float64)
        if kind == "timestamp":
            numbers = np.rint(numbers * _MICROSECONDS)
        elif (np.abs(numbers) >= _EXACT).any():
            raise InputError(
                f"the column {cut(name)} has whole numbers of 2^53 and beyond, which the steps "
                "that are part of a model do not get exactly",
                advice="Leave it out before these steps, or make text of it where the data come "
                "from (types: {NAME: text}).",
            )
        whole = pa.array(numbers.astype(np.int64), pa.int64(), mask=missing)
        return whole.cast(_ARROW[kind])
    if kind == "number":
        return pa.array(values.astype(np.float64), pa.float64(), mask=missing)
    texts = [None if gone else one for one, gone in zip(values.tolist(), missing, strict=True)]
    if kind == "boolean":
        return pa.array([None if one is None else one == "true" for one in texts], pa.bool_())
    return pa.array(texts, pa.string())
