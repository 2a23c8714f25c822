"""The rows of an evaluation or a prediction: those held out, or all of another dataset."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autolearn.artifacts.datasets.table import DatasetTable, read_table, table_batches
from autolearn.ml.datasets.subject import (
    answers_of,
    held_out_by,
    split_rows,
    subject_of,
    unrepeated,
)
from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import LABELS, methods_of
from autolearn.ml.evaluation.categories import Categories, known_categories
from autolearn.ml.metrics.metric import Metric
from autolearn.ml.row_steps import RowSteps
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.catalog import ANOMALY_DETECTION, CLASSIFICATION
from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.values import DatasetRef, HeldOut

if TYPE_CHECKING:
    import pandas as pd


from autolearn.ml.evaluation.stored_artifact import StoredArtifact, TrainingRecord

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class EvaluatedRows:
    """The rows to score: features, and the true answers (None without a target).

    `numbers` are theirs in the dataset. `unseen` counts by column the rows with an unknown value;
    `notes` describe the mapped values.
    """

    features: pd.DataFrame
    truth: Array | None
    numbers: Array
    unseen: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def held_out(dataset: DatasetRef, model: StoredArtifact, table: DatasetTable) -> EvaluatedRows:
    """Return the held-out rows of the training, or its own rows if no others can be predicted.

    Of the detection of anomalies, those with a label if some have one. Raises InputError.
    """
    training = model.training
    require_version(dataset, training)
    names = [column.name for column in model.schema.columns]
    subject = subject_of(table, training.target, training.task, names)
    parts = split_rows(subject, table, training.task, training.split, training.seed)
    if parts.fingerprint != training.held_out_sha256:
        raise InputError(
            "the split gives other held-out rows than it did for the training, so this library "
            "version would score the model on rows that it has seen",
            advice="Train again with the library version that is installed now.",
        )
    chosen = parts.test
    notes: tuple[str, ...] = ()
    if LABELS in methods_of(model.pipeline):
        told = f"measured on the rows that it was fitted on: {training.estimator} assigns no others"
        chosen, notes = parts.train, (told,)
        if training.preprocessing.drop_duplicates:
            chosen = chosen[unrepeated(subject.features.iloc[chosen], None)]
    if subject.answers is None:
        return EvaluatedRows(subject.features.iloc[chosen], None, chosen, notes=notes)
    if training.task == ANOMALY_DETECTION:
        labelled = chosen[subject.answers[chosen] != ""]
        if not len(labelled):
            return EvaluatedRows(subject.features.iloc[chosen], None, chosen)
        chosen = labelled
    return EvaluatedRows(
        subject.features.iloc[chosen], subject.answers[chosen], chosen, notes=notes
    )


def require_version(dataset: DatasetRef, training: TrainingRecord) -> None:
    """Raise InputError unless this is the version of the dataset that was trained on."""
    if dataset.version != training.dataset.version:
        raise InputError(
            f"the model was trained on {training.dataset.name} in the version "
            f"{training.dataset.version[:12]}, not {dataset.version[:12]}",
            advice="Evaluate on that version, or on all rows of this dataset as another one.",
        )


def read_for(model: StoredArtifact, file: Path, read: ReadOptions | None) -> DatasetTable:
    """Load a dataset; columns that are text for the artifact keep their written form.

    Of an artifact that keeps steps, the target is as these make it.
    """
    table = read_table(file, read, written=written_columns(model))
    steps = steps_in(model.pipeline)
    return table if steps is None else steps.with_others(table)


def steps_in(pipeline: Any) -> RowSteps | None:
    """Return the row-wise steps that a pipeline begins with, if it keeps some."""
    first = next(iter(getattr(pipeline, "named_steps", {}).values()), None)
    return first if isinstance(first, RowSteps) else None


def batches_for(
    model: StoredArtifact, file: Path, read: ReadOptions | None, rows: int, wanted: Collection[str]
) -> Iterator[DatasetTable]:
    """Yield the `wanted` columns of a dataset in batches of `rows`, as `read_for` reads them."""
    return table_batches(file, read, rows, wanted=wanted or None, written=written_columns(model))


def written_columns(model: StoredArtifact) -> list[str]:
    """Return the columns whose numbers keep their written form for an artifact."""
    texts = [column.name for column in model.schema.columns if column.type == "string"]
    return [model.training.target or "", *texts]


def other(
    model: StoredArtifact,
    table: DatasetTable,
    metrics: Iterable[Metric],
    sensitive: Collection[str] = (),
    *,
    truth: bool = False,
    by: HeldOut | None = None,
) -> EvaluatedRows:
    """Return all rows with a target of another dataset, mapped to the artifact's values.

    The target is needed by some metrics, and for the `truth` of plots. Of those that a training
    holds out (`by`), only these are returned.
    Raises InputError when the dataset has other columns or kinds of values than the training's, or
    when no class or category of a column is known.
    """
    require_columns(model, table)
    target = model.schema.target
    categories = Categories(table, secret_columns(model, sensitive))
    features = features_of_model(model, categories)
    wanted = truth or any(metric.needs != "features" for metric in metrics)
    unlearned = target is not None and target.task == ANOMALY_DETECTION
    if target is None or not wanted or (unlearned and not _has_labels(table, target.name)):
        everything = _of_part(np.arange(table.rows), table, by)
        return EvaluatedRows(
            features, None, everything, categories.unseen(everything), categories.told()
        )
    if target.name not in table.types:
        raise InputError(
            f"the dataset lacks the target {target.name}, so nothing can be compared",
            advice="Evaluate on a dataset that has it.",
        )
    answers, present = answers_of(table, target.name, target.task, classes=1)
    rows = np.flatnonzero(present)
    if not len(rows):
        raise InputError(f"the target {target.name} is missing in every row")
    if target.task == CLASSIFICATION:
        classes = [str(one) for one in getattr(model.pipeline, "classes_", target.classes)]
        if classes:  # a plug-in's estimator may not list the known ones
            answers = categories.labels(target.name, classes, of="classes")
    without = table.rows - len(rows)
    rows = _of_part(rows, table, by)
    answers = answers[rows]
    if target.task == CLASSIFICATION:
        answers = answers.astype(str)
    unseen, notes = categories.unseen(rows), categories.told()
    if without:
        notes += (f"left out for want of {cut(target.name)}: {without:,} rows",)
    return EvaluatedRows(features.iloc[rows], answers, rows, unseen, notes)


def _of_part(rows: Array, table: DatasetTable, by: HeldOut | None) -> Array:
    """Return those rows that a training holds out, all without one. Raises InputError."""
    if by is None:
        return rows
    kept = rows[np.isin(rows, held_out_by(table, by))]
    if not len(kept):
        raise InputError("none of the rows that the other training holds out has a target")
    return kept


def require_columns(model: StoredArtifact, table: DatasetTable) -> None:
    """Raise InputError unless a table has all columns that an artifact needs."""
    absent = [column.name for column in model.schema.columns if column.name not in table.types]
    if absent:
        raise InputError(
            f"the file lacks columns that the model needs: {listed(absent)}",
            advice="Give data with the same columns as the training's.",
        )


def secret_columns(model: StoredArtifact, sensitive: Collection[str]) -> set[str]:
    """Return the columns whose values are hidden: these, and those that were in the training."""
    target = model.schema.target
    secret = {column.name for column in model.schema.columns if column.sensitive}.union(sensitive)
    return secret | ({target.name} if target is not None and target.sensitive else set())


def _has_labels(table: DatasetTable, target: str) -> bool:
    return target in table.types and table.arrays[target].null_count < table.rows


def features_of_model(
    model: StoredArtifact, categories: Categories, *, needed: bool = True
) -> pd.DataFrame:
    """Return a table's columns for the artifact, as DatasetTable.features does. Raises InputError.

    If it is `needed`, a value of each column must be known, except of one like an id, in which most
    rows of the training had a value of their own. Raw columns of an artifact that keeps steps stay
    as they are written: the steps decide what they mean.
    """
    import pandas as pd

    imported = model.training.imported
    raw = steps_in(model.pipeline) is not None
    known = {} if imported else known_categories(model.pipeline)
    columns: dict[str, Any] = {}
    for column in model.schema.columns:
        if column.type not in ("string", "boolean"):
            ends = (column.minimum, column.maximum)
            columns[column.name] = categories.numbers(column.name, column.type, *ends)
            continue
        there = known.get(column.name, column.categories)
        if there is None or (imported and not there):
            values = categories.table.labels(column.name)
        else:
            some = needed and len(there) > 0 and len(there) * 2 <= model.training.rows_train
            values = categories.labels(
                column.name, there, of="categories", needed=some and not raw, exact=raw
            )
        values[pd.isna(values)] = float("nan")
        columns[column.name] = pd.Series(values, dtype=object)
    return pd.DataFrame(columns, copy=False)
