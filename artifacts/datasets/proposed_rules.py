"""Proposes what may be expected of a dataset, by the profile and the findings of a version."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from autolearn.schemas.bounds import DATASET_RULES
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.datasets.rules import DataRule, Expectations
from autolearn.schemas.values import Column

FEW_VALUES = 20
"""Different values of a column that may be categories."""
_MARGIN = 0.1
"""The share of its range by which a column's values may leave it."""
_SLACK = 0.05
"""The share of rows that may miss values, besides those that do."""
_FEWER = 0.5
"""The share of its rows that a later version has at least."""
_ALL_DIFFERENT = {"all-different", "row-number", "rising"}
_OTHER_TYPES = {
    *("partly-numbers", "not-all-numbers", "partly-times", "not-all-times", "partly-booleans"),
    *("numbers-in-quotes", "typed-text", "ambiguous-dates", "perhaps-thousands", "mixed-zones"),
    *("dates-as-numbers", "leading-zeros", "numbers-with-words", "unread-form"),
}
"""Findings by which the type of a column may be another one."""
_NO_RANGE = {*_ALL_DIFFERENT, "missing-number", "dates-as-numbers"}


def columns_of_categories(spec: DatasetSpec) -> list[str]:
    """Return the columns whose values may be categories; their values are not in the profile."""
    return [
        one.name
        for one in spec.columns
        if one.type == "string"
        and one.sensitive is not True
        and one.distinct is not None
        and one.distinct <= FEW_VALUES
        and one.distinct * 2 <= spec.rows - one.missing
    ]


def proposed_rules(
    spec: DatasetSpec, categories: Mapping[str, tuple[str, ...]] | None = None
) -> Expectations:
    """Return rules that a version is thought to meet; guesses are soft.

    Hard are the types of columns, and that ids are unique. Of sensitive columns no value is in a
    rule. `categories` are the values of the columns that have few, by their names.
    """
    rules = [DataRule(kind="rows", severity="soft", minimum=_floor(spec.rows * _FEWER))]
    odd: dict[str, set[str]] = {}
    for finding in spec.findings:
        odd.setdefault(finding.column, set()).add(finding.code)
    for column in spec.columns:
        rules += _of_column(spec, column, odd.get(column.name, set()), categories or {})
    return Expectations((*rules[:DATASET_RULES],))


def _of_column(
    spec: DatasetSpec, column: Column, odd: set[str], categories: Mapping[str, tuple[str, ...]]
) -> Iterator[DataRule]:
    names, role = (column.name,), spec.roles.get(column.name)
    if role == "ignore":
        return
    yield DataRule(
        kind="type",
        severity="soft" if odd & _OTHER_TYPES else "hard",
        columns=names,
        type=column.type,
    )
    if not column.missing:
        yield DataRule(kind="filled", severity="soft", columns=names)
    elif (least := math.floor(100 * (1 - column.missing / spec.rows - _SLACK))) > 0:
        yield DataRule(kind="complete", severity="soft", columns=names, minimum=least / 100)
    if role == "id" or (odd & _ALL_DIFFERENT and column.type in ("string", "integer")):
        yield DataRule(kind="unique", severity="hard" if role == "id" else "soft", columns=names)
    elif column.name in categories:
        values = categories[column.name]
        yield DataRule(kind="known", severity="soft", columns=names, values=values)
    if odd & _NO_RANGE or role == "id" or column.minimum is None or column.maximum is None:
        return
    low, high = _with_margin(column.minimum, column.maximum, whole=column.type == "integer")
    yield DataRule(kind="range", severity="soft", columns=names, minimum=low, maximum=high)


def _with_margin(low: float, high: float, *, whole: bool) -> tuple[float, float]:
    """Return a range with a margin at both ends, of few digits; what is not negative stays so."""
    margin = (high - low) * _MARGIN or abs(high) * _MARGIN or 1.0
    step = 1.0 if whole else 10.0 ** math.floor(math.log10(margin))
    lowest = math.floor((low - margin) / step) * step
    highest = math.ceil((high + margin) / step) * step
    lowest = max(lowest, 0.0) if low >= 0 else lowest
    highest = min(highest, 0.0) if high <= 0 else highest
    return _short(lowest), _short(highest)


def _short(number: float) -> float:
    """Return a number without the last digits, which are by chance."""
    return float(f"{number:.12g}")


def _floor(rows: float) -> float:
    """Return a number of rows of two digits, at least one row."""
    size = 10 ** max(0, math.floor(math.log10(max(rows, 1))) - 1)
    return float(max(1, math.floor(rows / size) * size))
