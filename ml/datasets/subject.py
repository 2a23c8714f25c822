"""The data of a training: the features of all rows, and the answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autolearn.artifacts.datasets.table import DatasetTable
from autolearn.ml.datasets.hash_split import hashes_of_rows
from autolearn.ml.datasets.split import SplitRows, part
from autolearn.ml.errors import InputError
from autolearn.schemas.bounds import LONGEST_NAME
from autolearn.schemas.catalog import ANOMALY_DETECTION, CLASSIFICATION, REGRESSION
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.values import HeldOut, JsonValue, Split

if TYPE_CHECKING:
    import pandas as pd


Array = np.ndarray[Any, Any]

_MOST_CLASSES = 1_000


@dataclass(frozen=True)
class Subject:
    """The training data: the features of all rows, and the answers.

    `rows` are the numbers of the rows that can be used: those with a target, all for the detection
    of anomalies, which does not learn it. `answers` has one entry per row of the file (labels as
    strings, "" where missing, or float64), or is None without a target.
    """

    types: dict[str, str]
    features: pd.DataFrame
    answers: Array | None
    rows: Array

    def strata(self, task: str, split: Split) -> Array | None:
        """Return the labels by which the split is balanced, if it is."""
        if task != CLASSIFICATION or not split.stratify or self.answers is None:
            return None
        return np.asarray(self.answers[self.rows], dtype=str)

    def schema(self, request: TrainingRequested) -> dict[str, JsonValue]:
        """Return `schema.json`: the required form of a row for this artifact."""
        columns = [
            self._column(name, kind, name in request.sensitive) for name, kind in self.types.items()
        ]
        target: dict[str, JsonValue] | None = None
        if request.target is not None and self.answers is not None:
            target = {"name": request.target, "task": request.task}
            if request.target in request.sensitive:
                target["sensitive"] = True
            elif request.task == CLASSIFICATION:
                target["classes"] = np.unique(self.answers[self.rows].astype(str)).tolist()
        return {"columns": columns, "target": target}

    def _column(self, name: str, kind: str, sensitive: bool) -> dict[str, JsonValue]:
        values = self.features[name].to_numpy()[self.rows]
        found: dict[str, JsonValue] = {"name": name, "type": kind}
        if sensitive:
            missing = sum(value != value for value in values.tolist())
            return {**found, "nullable": missing > 0, "sensitive": True}
        if values.dtype == np.float64:
            present = values[~np.isnan(values)]
            if len(present):
                found |= {"minimum": float(present.min()), "maximum": float(present.max())}
        else:
            present = np.array([value for value in values if isinstance(value, str)], dtype=object)
            categories = sorted(set(present.tolist()))
            if len(categories) <= _MOST_CLASSES:
                found["categories"] = categories
        return {**found, "nullable": len(present) < len(values)}


def subject_of(table: DatasetTable, target: str | None, task: str, names: Iterable[str]) -> Subject:
    """Take the features of these `names`, and the answers, from a table. Raises InputError."""
    types = {name: table.types[name] for name in names}
    check_columns(types, table.types, target, task)
    features = table.features(types)
    check_finite(features)
    return Subject(types, features, *_usable(table, target, task))


def _usable(table: DatasetTable, target: str | None, task: str) -> tuple[Array | None, Array]:
    """Return the answers, and the numbers of the rows that can be used. Raises InputError."""
    if target is None:
        return None, np.arange(table.rows)
    answers, present = answers_of(table, target, task)
    rows = np.arange(table.rows) if task == ANOMALY_DETECTION else np.flatnonzero(present)
    if not len(rows):
        raise InputError(f"the target {target} is missing in every row")
    return answers, rows


def held_out_by(table: DatasetTable, training: HeldOut) -> Array:
    """Return the numbers of the rows that a training holds out of a table. Raises InputError."""
    if training.target not in (None, *table.types):
        raise InputError(f"the dataset lacks the target {training.target}")
    import pandas as pd

    answers = _usable(table, training.target, training.task)
    subject = Subject({}, pd.DataFrame(), *answers)
    return split_rows(subject, table, training.task, training.split, training.seed).test


def check_columns(
    features: Collection[str], columns: Collection[str], target: str | None, task: str
) -> None:
    """Raise InputError unless there are features, and the target that the task learns."""
    if not features:
        raise InputError(
            "the dataset has no column besides the target",
            advice="Choose a dataset with at least one feature.",
        )
    named = ", ".join(list(columns)[:20])
    if target is None and task in (CLASSIFICATION, REGRESSION):
        raise InputError(
            f"{task} learns a target, and none was named",
            advice=f"Name one of the columns: {named}.",
        )
    if target is not None and target not in columns:
        raise InputError(
            f"the dataset has no column {target!r} to be the target",
            advice=f"Its columns are {named}.",
        )


def check_finite(features: pd.DataFrame) -> None:
    """Raise InputError when a column of numbers holds infinite values."""
    for name, column in features.items():
        if column.dtype == np.float64 and np.isinf(column.to_numpy()).any():
            raise InputError(f"column {name} holds infinite values")


def split_rows(
    subject: Subject, table: DatasetTable, task: str, split: Split, seed: int
) -> SplitRows:
    """Split the rows that can be used. Raises InputError."""
    keys = keys_of(table, split, subject.rows)
    return part(subject.rows, subject.strata(task, split), split, seed, keys)


def keys_of(table: DatasetTable, split: Split, rows: Array) -> Array | None:
    """Return the values by which some rows are split, None for a random split. Raises InputError.

    Times are float64, other values text (None where missing); of whole rows they are hashes.
    """
    if split.whole:
        return hashes_of_rows(table)[rows]
    if not split.column:
        return None
    _check_column(table, split.column, "by which the rows are split")
    values = table.numbers(split.column) if split.kind == "time" else table.labels(split.column)
    return np.asarray(values[rows])


def unrepeated(features: pd.DataFrame, answers: Array | None) -> Array:
    """Return the positions of the rows that repeat no earlier one, nor its answer; ascending."""
    whole = features.copy(deep=False)
    if answers is not None:
        whole[len(whole.columns)] = answers  # no name of a column, for those are text
    return np.flatnonzero(~whole.duplicated().to_numpy())


def weights_of(table: DatasetTable, weight: str | None, rows: Array) -> Array | None:
    """Return the weights of some rows, float64, if a column has them. Raises InputError."""
    if weight is None:
        return None
    _check_column(table, weight, "with the weights of rows")
    weights = table.numbers(weight)[rows]
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise InputError(
            f"the weights in {weight} are not all numbers of at least 0, some above it",
            advice="Mend them, or train without weights.",
        )
    return np.asarray(weights)


def _check_column(table: DatasetTable, name: str, what: str) -> None:
    if name not in table.types:
        raise InputError(
            f"the dataset has no column {name!r}, {what}",
            advice=f"Its columns are {', '.join(list(table.types)[:20])}.",
        )


def answers_of(
    table: DatasetTable, target: str, task: str, *, classes: int = 2
) -> tuple[Array, Array]:
    """Return the target of every row, and in which rows it is present.

    Raises InputError when it does not fit the task, or has fewer than `classes` classes.
    """
    if task == CLASSIFICATION:
        labels = table.labels(target)
        present = np.array([label is not None for label in labels], dtype=bool)
        answers = np.asarray(np.where(present, labels, ""), dtype=str)
        longest = max(map(len, answers[present]), default=0)
        if longest > LONGEST_NAME:
            raise InputError(
                f"the target {target} has labels of up to {longest:,} characters; a label has at "
                f"most {LONGEST_NAME}",
                advice="Choose another target, or give every class a short name.",
            )
        found = len(np.unique(answers[present]))
        if 0 < found < classes:
            raise InputError(
                f"the target {target} has one class only, {answers[present][0]}",
                advice="Choose another target, or add rows of another class.",
                quiet=f"the target {target} has one class only",
            )
        if found > _MOST_CLASSES:
            raise InputError(
                f"the target {target} has {found} different values, too many for classes",
                advice=f"At most {_MOST_CLASSES} can be learned; a regression model may fit.",
            )
        return answers, present
    if task == REGRESSION and table.types[target] not in ("integer", "number"):
        raise InputError(
            f"the target {target} holds {table.types[target]} values; regression wants numbers",
            advice="Choose a classification model, or a target of numbers.",
        )
    if task == ANOMALY_DETECTION or table.types[target] in ("string", "boolean"):
        labels = table.labels(target)
        present = np.array([label is not None for label in labels], dtype=bool)
        return np.asarray(np.where(present, labels, ""), dtype=str), present
    numbers = table.numbers(target)
    return numbers, np.isfinite(numbers)
