"""The changes of one version of a dataset against another."""

from __future__ import annotations

from rich.console import Group, RenderableType

from autolearn.client.cli.output import number, rows, sentence
from autolearn.schemas.dataset_changes import changes_of
from autolearn.schemas.rest.catalog import Dataset
from autolearn.schemas.values import Column


def changes(now: Dataset, before: Dataset) -> RenderableType:
    """Return the changes of one version of a dataset against another."""
    told = changes_of(now, before)
    parts: list[RenderableType] = [
        sentence(
            "Columns, types, rows and classes are the same." if told is None else f"{told.say()}."
        )
    ]
    was = {column.name: column for column in before.columns}
    lines = [
        (
            column.name,
            _both(was[column.name].missing, column.missing),
            *_ends(was[column.name], column),
        )
        for column in now.columns
        if column.name in was and _differs(was[column.name], column)
    ]
    if lines:
        parts += ["", rows(("column", "missing", "distinct", "minimum", "maximum"), lines)]
    came, gone = (_found(one) - _found(other) for one, other in ((now, before), (before, now)))
    parts += [sentence(f"- new: {words}") for words in sorted(came)]
    parts += [sentence(f"- gone: {words}") for words in sorted(gone)]
    return Group(*parts)


def _found(one: Dataset) -> set[str]:
    return {finding.words for finding in one.findings}


def _differs(was: Column, now: Column) -> bool:
    """Return whether a column that both have has other figures."""
    return (was.missing, was.distinct, was.minimum, was.maximum) != (
        now.missing,
        now.distinct,
        now.minimum,
        now.maximum,
    )


def _ends(was: Column, now: Column) -> tuple[str, str, str]:
    return (
        _both(was.distinct, now.distinct),
        _both(was.minimum, now.minimum),
        _both(was.maximum, now.maximum),
    )


def _both(was: float | None, now: float | None) -> str:
    """Return a figure before and now, once if it is the same."""
    return _word(now) if was == now else f"{_word(was)} → {_word(now)}"


def _word(value: float | None) -> str:
    if value is None:
        return "-"
    return number(value) if isinstance(value, float) else str(value)
