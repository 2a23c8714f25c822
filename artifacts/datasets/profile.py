"""Profiles a dataset's file in bounded memory: columns, findings, class balance.

The task of a target (`_task_of`):

    string, boolean                                              classification
    integer with at most 20 different values, each on average
      in two rows or more                                        classification
    any other integer, number                                    regression
    timestamp                                                    refused

Numbers can be the target of both: a training has the task of its estimator.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.inspection import inspect
from autolearn.artifacts.datasets.inspection_result import ColumnProfile, Inspected
from autolearn.artifacts.datasets.typed_inspection import Each
from autolearn.schemas.bounds import LONGEST_NAME, cut
from autolearn.schemas.catalog import (
    CLASSIFICATION,
    MOST_CLASSES,
    REGRESSION,
    DatasetSpec,
    few_values,
)
from autolearn.schemas.datasets.read_options import ReadHints
from autolearn.schemas.values import Column

_FORMATS = ("csv", "parquet", "arrow", "jsonl", "excel")


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
    hints: ReadHints = ReadHints(),  # noqa: B008 - it is frozen
    before: Mapping[str, str] | None = None,
    accepted: bool = False,
    wanted: Collection[str] = (),
    each: Each | None = None,
) -> DatasetSpec:
    """Read a whole file, a few MiB at a time, and return its specification.

    `hints` decide how it is read, `before` the types of columns in the version before, which are
    kept where the values fit them.

    Values of `sensitive` columns are hidden, and the columns marked. The columns `wanted` may be
    without any value. `each` counts the rows of a file of typed columns elsewhere.

    Raises DatasetRefused with a sentence per fault.
    """
    if format not in _FORMATS:
        raise DatasetRefused(
            f"{format!r} is not a format that can be read: send {', '.join(_FORMATS)}."
        )
    quiet = bool(sensitive)
    found = inspect(
        path,
        format,
        hints,
        target=target,
        before=before or {},
        quiet=quiet,
        wanted=wanted,
        each=each,
    )
    faults = list(_faults_of(found.columns, found.rows, wanted))
    task, classes = None, {}
    if target is not None:
        chosen = next((column for column in found.columns if column.name == target), None)
        if chosen is None:
            faults.append(_no_target(target, found))
        elif chosen.missing < found.rows:
            try:
                task = _task_of(chosen, found.rows, secret=target in sensitive)
                few = few_values(chosen.distinct, found.rows - chosen.missing)
                classes = _classes_of(chosen) if few or task == CLASSIFICATION else {}
            except DatasetRefused as refused:
                faults += refused.sentences
    if faults:
        raise DatasetRefused(faults)
    columns = tuple(map(_column_of, found.columns))
    spec = DatasetSpec(
        name=name,
        version=version,
        format=format,
        bytes=bytes,
        rows=found.rows,
        columns=columns,
        schema_hash=schema_hash((column.name, column.type) for column in columns),
        target=target,
        task=task,
        classes=classes,
        origin=origin,
        summary=summary,
        read=found.options,
        hints=None if hints == ReadHints() else hints,
        findings=tuple(found.findings),
        accepted=accepted,
    )
    return spec.masked(sensitive)


def schema_hash(columns: Iterable[tuple[str, str]]) -> str:
    """Return the SHA-256 (hex) of the columns' names and types, in their order."""
    text = json.dumps([list(column) for column in columns], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _column_of(found: ColumnProfile) -> Column:
    return Column(
        name=found.name,
        type=found.type,
        missing=found.missing,
        distinct=found.distinct,
        minimum=found.minimum,
        maximum=found.maximum,
    )


def _faults_of(columns: list[ColumnProfile], rows: int, wanted: Collection[str]) -> Iterable[str]:
    """Yield the faults of unusable columns."""
    for column in columns:
        if column.missing == rows and column.name not in wanted:
            yield (
                f"Column {column.name} is empty, all of its {rows} values are missing: "
                "leave it out or fill it."
            )
        if column.infinite and column.type == "number":
            yield (
                f"Column {column.name} holds {column.infinite} infinite values: "
                "leave them empty or give finite numbers."
            )


def _no_target(target: str, found: Inspected) -> str:
    """Describe the fault of a target that is no column, and its likely cause."""
    names = [column.name for column in found.columns]
    alike = next((one for one in names if one.casefold() == target.strip().casefold()), "")
    said = [f"Perhaps {alike} is meant."] if alike else []
    said += [
        f"{one.say()} {one.advice()}" for one in found.findings if one.code == "perhaps-columns"
    ]
    shown = _shortened(names)
    more = "".join(f" {one}" for one in said)
    return f"There is no column {target!r} to be the target; the columns are {shown}.{more}"


def _task_of(column: ColumnProfile, rows: int, *, secret: bool = False) -> str:
    """Return the task of a target, by the rule above. Raises DatasetRefused."""
    labels, distinct = column.labels, column.distinct
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
        return CLASSIFICATION if few_values(distinct, rows - column.missing) else REGRESSION
    return CLASSIFICATION


def _classes_of(column: ColumnProfile) -> dict[str, int]:
    """Return the rows per class. Raises DatasetRefused when there are too many classes."""
    labels = column.labels
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


def _shortened(names: list[str]) -> str:
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more
