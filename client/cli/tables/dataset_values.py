"""The values of a dataset: its first rows, and one column."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Group, RenderableType

from autolearn.client.cli.output import number, pairs, rows, sentence
from autolearn.schemas.dataset_changes import changes_of
from autolearn.schemas.datasets.look import ColumnSummary, TableRows
from autolearn.schemas.rest.catalog import Dataset
from autolearn.schemas.values import Column, JsonValue

_LONGEST = 24
"""Characters of a value, or of a column's name, in a table of rows."""
_BAR = 24
_FEW = 5
"""Top values of a column that has a histogram as well."""


def first_rows(found: TableRows, width: int) -> RenderableType:
    """Return rows as a table of so many characters; columns that do not fit are counted."""
    hidden = {*found.hidden}
    columns = [
        [_short(name), *("(hidden)" if name in hidden else _word(row[at]) for row in found.rows)]
        for at, name in enumerate(found.columns)
    ]
    fits, used = 0, 0
    for column in columns:
        used += max(map(cell_len, column)) + (3 if fits else 0)
        if fits and used > width:
            break
        fits += 1
    heads = [column[0] for column in columns[:fits]]
    lines = [[column[at + 1] for column in columns[:fits]] for at in range(len(found.rows))]
    table = rows(heads, lines)
    if fits == len(columns):
        return table
    more = len(columns) - fits
    names = ", ".join(map(_short, found.columns[fits : fits + 8]))
    told = f"{more} more column{'s' if more > 1 else ''}: {names}{', …' if more > 8 else ''}"
    return Group(table, sentence(f"{told} (--columns shows them)"))


def column_summary(one: ColumnSummary) -> RenderableType:
    """Return the counts, quantiles and histogram of a column."""
    share = f" ({one.missing / one.rows:.1%})" if one.missing else ""
    about = pairs(
        {
            "column": one.name,
            "type": one.type,
            "rows": f"{one.rows:,}",
            "missing": f"{one.missing:,}{share}",
            "distinct": "too many to count" if one.distinct is None else f"{one.distinct:,}",
            "mean": None if one.mean is None else _word(one.mean),
            "deviation": None if one.deviation is None else _word(one.deviation),
            "values": "hidden: the column is sensitive" if one.sensitive else "",
        }
    )
    parts: list[RenderableType] = [about]
    if one.top:
        most = one.top[0][1]
        top = (
            one.top[:_FEW]
            if one.histogram is not None and one.distinct != len(one.top)
            else one.top
        )
        lines = [
            (_word(value), f"{count:,}", f"{count / one.rows:.1%}", _bar(count, most))
            for value, count in top
        ]
        parts += ["", rows(("value", "rows", "share", ""), lines)]
        if one.distinct is not None and one.distinct > len(top):
            parts.append(sentence(f"and {one.distinct - len(top):,} more values"))
    if one.quantiles:
        shown = [(f"{share:.0%}", _word(value)) for share, value in one.quantiles]
        if one.type == "timestamp":  # too long for one line
            parts += ["", rows(("quantile", "value"), shown)]
        else:
            parts += ["", rows([head for head, _ in shown], [[value for _, value in shown]])]
    if one.histogram is not None:
        edges, counts = one.histogram.edges, one.histogram.rows
        lines = [
            (_word(low), _word(high), f"{count:,}", _bar(count, max(counts)))
            for low, high, count in zip(edges, edges[1:], counts, strict=False)
        ]
        parts += ["", rows(("from", "to", "rows", ""), lines)]
    return Group(*parts)


def _bar(value: float, most: float) -> str:
    return "█" * round(_BAR * value / (most or 1))


def _word(value: JsonValue) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return number(value)
    text = str(value)
    if text.endswith("T00:00:00Z"):  # a date
        text = text[:10]
    return _short(text)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


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
