"""What a dataset's file holds, found in bounded memory: columns, missing values, class balance.

The task that a target makes (`task_of`):

    string, boolean                                              classification
    integer with at most 20 different values, each on average
      in two rows or more                                        classification
    any other integer, number                                    regression
    timestamp                                                    refused
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from pathlib import Path

from autolearn.artifacts.columns import ColumnTally
from autolearn.artifacts.csv_files import CsvFile
from autolearn.artifacts.parquet_files import ParquetFile
from autolearn.artifacts.refusals import DatasetRefused
from autolearn.schemas.bounds import LONGEST_NAME, cut
from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION, DatasetSpec

__all__ = ["profile", "schema_hash", "task_of"]

FORMATS = ("csv", "parquet")
FEW_INTEGERS = 20
MOST_CLASSES = 1_000
COUNTED = 10_000
COUNTED_TOGETHER = 1_000_000


def profile(
    path: Path,
    *,
    name: str,
    format: str,  # noqa: A002 - the word of DatasetSpec
    version: str,
    bytes: int,  # noqa: A002 - the word of DatasetSpec
    target: str | None = None,
    origin: str = "uploaded",
    summary: str = "",
    sensitive: Collection[str] = (),
) -> DatasetSpec:
    """Read a whole file, a few MiB at a time, and return what it holds.

    Of `sensitive` columns no value is told: those that it has are marked so.

    Raises DatasetRefused with a sentence per fault.
    """
    tallies, rows = tally(path, format, quiet=bool(sensitive))
    if not rows:
        raise DatasetRefused("There are no rows: send at least one row of values under the header.")
    faults = list(faults_of(tallies, rows))
    task, classes = None, {}
    if target is not None:
        chosen = next((column for column in tallies if column.name == target), None)
        if chosen is None:
            faults.append(
                f"There is no column {target!r} to be the target; the columns are "
                f"{shortened([column.name for column in tallies])}."
            )
        elif chosen.kind is not None:
            try:
                task = task_of(chosen, rows, secret=target in sensitive)
                classes = classes_of(chosen) if task == CLASSIFICATION else {}
            except DatasetRefused as refused:
                faults += refused.sentences
    if faults:
        raise DatasetRefused(faults)
    columns = tuple(column.column() for column in tallies)
    spec = DatasetSpec(
        name=name,
        version=version,
        format=format,
        bytes=bytes,
        rows=rows,
        columns=columns,
        schema_hash=schema_hash((column.name, column.type) for column in columns),
        target=target,
        task=task,
        classes=classes,
        origin=origin,
        summary=summary,
    )
    return spec.masked(sensitive)


def schema_hash(columns: Iterable[tuple[str, str]]) -> str:
    """Return the SHA-256 (hex) of the columns' names and types, in their order."""
    text = json.dumps([list(column) for column in columns], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def tally(
    path: Path,
    format: str,  # noqa: A002
    *,
    quiet: bool,
) -> tuple[list[ColumnTally], int]:
    """Return the statistics of every column, and the number of rows."""
    if format not in FORMATS:
        raise DatasetRefused(f"{format!r} is not a format that can be read: send csv or parquet.")
    rows = 0
    if format == "csv":
        text = CsvFile(path, quiet=quiet)
        tallies = [ColumnTally(name, limit=limit_of(text.names)) for name in text.names]
        for batch in text.batches():
            rows += len(batch[0])
            for column, values in zip(tallies, batch, strict=True):
                column.add_text(values)
        return tallies, rows
    parquet = ParquetFile(path)
    named = zip(parquet.names, parquet.kinds, strict=True)
    tallies = [ColumnTally(name, kind, limit=limit_of(parquet.names)) for name, kind in named]
    for batch in parquet.batches():
        rows += len(batch[0])
        for column, values in zip(tallies, batch, strict=True):
            column.add_typed(values)
    return tallies, rows


def limit_of(names: list[str]) -> int:
    """Return how many different values are counted per column, so that memory stays bounded."""
    return min(COUNTED, COUNTED_TOGETHER // max(1, len(names)))


def faults_of(tallies: list[ColumnTally], rows: int) -> Iterable[str]:
    """Yield what makes columns unusable."""
    for column in tallies:
        if column.missing == rows:
            yield (
                f"Column {column.name} is empty, all of its {rows} values are missing: "
                "leave it out or fill it."
            )
        if column.infinite and column.type == "number":
            yield (
                f"Column {column.name} holds {column.infinite} infinite values: "
                "leave them empty or give finite numbers."
            )


def task_of(column: ColumnTally, rows: int, *, secret: bool = False) -> str:
    """Return the task that a target makes, by the rule above. Raises DatasetRefused."""
    labels = column.labels()
    distinct = None if labels is None else len(labels)
    if distinct == 1 and labels:
        which = "" if secret else f", {cut(next(iter(labels)))}"
        raise DatasetRefused(
            f"The target {column.name} has one value only{which}: there is nothing to learn, so "
            "choose another target or add rows of another class."
        )
    if column.type == "timestamp":
        raise DatasetRefused(
            f"The target {column.name} is a timestamp, which cannot be learned: make it a number."
        )
    if column.type == "number":
        return REGRESSION
    if column.type == "integer":
        present = rows - column.missing
        few = distinct is not None and distinct <= FEW_INTEGERS and distinct * 2 <= present
        return CLASSIFICATION if few else REGRESSION
    return CLASSIFICATION


def classes_of(column: ColumnTally) -> dict[str, int]:
    """Return the rows per class. Raises DatasetRefused when there are too many classes."""
    labels = column.labels()
    if labels is None or len(labels) > MOST_CLASSES:
        raise DatasetRefused(
            f"The target {column.name} has more than {MOST_CLASSES:,} different values, too many "
            "for classes: choose another target."
        )
    longest = max(map(len, labels), default=0)
    if longest > LONGEST_NAME:
        raise DatasetRefused(
            f"The target {column.name} has labels of up to {longest:,} characters; a label has at "
            f"most {LONGEST_NAME}: choose another target, or give every class a short name."
        )
    return labels


def shortened(names: list[str]) -> str:
    """Return names for people, the first twenty of them."""
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more
