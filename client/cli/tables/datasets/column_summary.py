"""The values of one column of a dataset."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType

from autolearn.client.cli.output import figure, pairs, rows, sentence, short
from autolearn.schemas.datasets.look import ColumnSummary, Histogram
from autolearn.schemas.datasets.read_options import type_word
from autolearn.schemas.rest.catalog import Dataset
from autolearn.schemas.values import JsonValue

_BAR = 24
_WIDEST = 30
"""Characters of a value."""
_FEW = 5
"""Top values of a column that has a histogram as well."""
_NAMES = {0.0: "smallest", 0.5: "median", 1.0: "largest"}


def column_summary(one: ColumnSummary, of: Dataset) -> RenderableType:
    """Return counts, top values, quantiles and a histogram of a column of a dataset."""
    role = "target" if one.name == of.target else of.roles.get(one.name)
    about = pairs(
        {
            "column": f"{one.name} of {of.name}@{short(of.version)}",
            "type": type_word(one.type),
            "role": role,
            "rows": f"{one.rows:,}",
            "missing": f"{one.missing:,}{_percent(one.missing, one.rows)}",
            "distinct": "too many to count" if one.distinct is None else f"{one.distinct:,}",
            "mean": _measure(one.mean),
            "deviation": _measure(one.deviation),
            "values": "hidden, for they are sensitive" if one.sensitive else "",
        }
    )
    parts = [about, *_top(one)]
    if one.quantiles:
        names = [_NAMES.get(share, f"{share:.0%}") for share, _ in one.quantiles]
        words = _words([value for _, value in one.quantiles], one.type)
        parts += ["", rows(("quantile", "value"), list(zip(names, words, strict=True)))]
    if one.histogram is not None and len(one.histogram.rows) > 1:
        parts += ["", _histogram(one.histogram, one.type)]
    if one.sample is not None:
        said = f"Quantiles and bins are of {one.sample:,} values, which were chosen at random."
        parts += ["", sentence(said)]
    for found in of.findings:
        if found.column == one.name:
            parts += ["", sentence(f"{'!' if found.severe else '-'} {found.words}")]
            parts += [sentence(f"  {found.remedy}")] if found.remedy else []
    return Group(*parts)


def _top(one: ColumnSummary) -> list[RenderableType]:
    """Return the most frequent values, if any is there twice."""
    measured = one.histogram is not None and one.distinct != len(one.top or ())
    top = (one.top or [])[: _FEW if measured else None]
    if not top or top[0][1] == 1:
        return []
    most, least = top[0][1], ">= " if one.undercount else ""
    lines = [
        (word, f"{least}{count:,}", f"{count / one.rows:.1%}", _bar(count, most))
        for word, (_, count) in zip(_words([value for value, _ in top], one.type), top, strict=True)
    ]
    parts: list[RenderableType] = [
        "",
        rows(("value", "rows", "share", ""), lines, leave=("",), wraps=()),
    ]
    if one.distinct is None or one.distinct > len(top):
        others = "other" if one.distinct is None else f"{one.distinct - len(top):,} other"
        parts.append(sentence(f"and {others} values"))
    return parts


def _histogram(one: Histogram, kind: str) -> RenderableType:
    """Return a histogram as bars; the bins of integers end with their last one."""
    lows, highs = one.edges[:-1], one.edges[1:]
    if kind == "integer":
        highs = [edge - 1 for edge in highs]
    most = max(one.rows)
    words = _words([*lows, *highs], kind)
    lines = [
        (low, high, f"{count:,}", _bar(count, most))
        for low, high, count in zip(words, words[len(lows) :], one.rows, strict=False)
    ]
    return rows(("from", "to", "rows", ""), lines, leave=("",), wraps=())


def _bar(count: int, most: int) -> str:
    """Return a bar that is there for any row."""
    return "█" * max(round(_BAR * count / (most or 1)), count > 0)


def _percent(part: int, of: int) -> str:
    return f" ({part / of:.1%})" if part else ""


def _words(values: Sequence[JsonValue], kind: str) -> list[str]:
    """Return values of a type as text; times are days if all of them are."""
    if kind != "timestamp":
        return [_word(one) for one in values]
    times = [str(one) for one in values]
    days = all(one.endswith("T00:00:00Z") for one in times)
    return [one[:10] if days else _time(one) for one in times]


def _word(value: JsonValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = " ".join(value.split())
        return text if cell_len(text) <= _WIDEST else f"{set_cell_size(text, _WIDEST - 1)}…"
    return _measure(value) or "-"


def _measure(value: JsonValue) -> str:
    """Format a number or a time."""
    return figure(value) if isinstance(value, int | float) else _time(value)


def _time(value: str | None) -> str:
    return (value or "").replace("T", " ").removesuffix("Z")
