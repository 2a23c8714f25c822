"""The changes of one version of a dataset against another."""

from __future__ import annotations

from rich.console import Group, RenderableType

from autolearn.client.cli.output import figure, rows, sentence
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
    found, earlier = _findings(now), _findings(before)
    for about, words in sorted(found.items()):
        if about not in earlier:
            parts.append(sentence(f"- new: {words}"))
        elif words != earlier[about]:
            parts.append(sentence(f"- changed: {words} Before: {earlier[about]}"))
    parts += [sentence(f"- gone: {earlier[about]}") for about in sorted(earlier.keys() - found)]
    return Group(*parts)


def _findings(one: Dataset) -> dict[tuple[str, str], str]:
    """Return the words of the findings by column and kind, of which a version has one each."""
    return {(finding.column, finding.code): finding.words for finding in one.findings}


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
    return figure(value)
