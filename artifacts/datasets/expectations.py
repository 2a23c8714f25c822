"""Checks a dataset's file by what is expected of it, a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from autolearn.artifacts.datasets.checks.rule_checks import TableChecker
from autolearn.artifacts.datasets.column_profile import label_of
from autolearn.artifacts.datasets.files.content import FileContent
from autolearn.artifacts.datasets.proposed_rules import FEW_VALUES
from autolearn.artifacts.datasets.typed_batches import typed_batches
from autolearn.schemas.bounds import LONGEST_NAME
from autolearn.schemas.datasets.findings import DataFinding
from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.datasets.rules import Expectations, RuleOutcome

Categories = dict[str, tuple[str, ...]]
"""The different values of columns, in order."""


def check_content(
    content: FileContent,
    options: ReadOptions | None,
    types: Mapping[str, str],
    expectations: Expectations,
    *,
    now: float,
    hidden: Collection[str] = (),
    categories_of: Sequence[str] = (),
) -> tuple[tuple[RuleOutcome, ...], Categories]:
    """Return the outcome of each rule for a file that is read with the options of its version.

    And the different values of some columns, of those with few alone. `types`, `hidden` and `now`
    are as in a TableChecker.

    Raises DatasetRefused.
    """
    checker = TableChecker(expectations.rules, types, now=now, hidden=hidden)
    found = {name: set[Any]() for name in categories_of}
    wanted = [*dict.fromkeys([*checker.columns(), *categories_of])] or [*types][:1]
    for batch in typed_batches(content, options, types, wanted):
        checker.add(batch, len(next(iter(batch.values()))))
        for name in [*found]:
            found[name].update(batch[name].unique().drop_null().to_pylist())
            if len(found[name]) > FEW_VALUES:
                del found[name]
    values = {
        name: (*sorted(label_of(one, types[name]) for one in some),)
        for name, some in found.items()
        if some and not any(isinstance(one, str) and _is_odd(one) for one in some)
    }
    return checker.outcomes(), values


def _is_odd(value: str) -> bool:
    """Return whether a text is no word of a rule."""
    return len(value) > LONGEST_NAME or not value.isprintable()


def findings_of(outcomes: Iterable[RuleOutcome]) -> list[DataFinding]:
    """Return the findings of rules that are not met."""
    return [
        DataFinding(
            "expectation",
            column=one.columns[0] if len(one.columns) == 1 else "",
            count=one.broken,
            of=one.of,
            detail=f"{one.rule}, but {one.found}",
        )
        for one in outcomes
        if not one.met
    ]
