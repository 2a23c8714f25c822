"""The plots of an evaluation in a terminal: tables, bars and sparklines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType

from autolearn.client.cli.output import rows, sentence

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDE = 24
"""Characters of a sparkline or of the longest bar."""


def plots(found: Mapping[str, Any]) -> RenderableType:
    """Return all plots of an evaluation, one below the other."""
    parts: list[RenderableType] = []
    for name, data in found.items():
        parts += ["", sentence(_TITLES.get(name, name)), _SHOWN[name](data)]
    return Group(*parts[1:])


_TITLES = {
    "confusion": "Rows by true class (lines) and predicted class (columns)",
    "roc": "True by false positives (ROC), each class against the others",
    "precision-recall": "Precision by recall of each class",
    "calibration": "Share of a class by its predicted probability",
    "residuals": "Residuals (truth - prediction)",
    "importance": "How much worse the score gets when a column is shuffled",
    "partial-dependence": "Mean answer by the value of a column",
    "learning-curve": "Score by the number of training rows",
}


def _confusion(data: Mapping[str, Any]) -> RenderableType:
    heads = ["true \\ predicted", *data["labels"]]
    lines = [[label, *counts] for label, counts in zip(data["labels"], data["matrix"], strict=True)]
    return rows(heads, lines)


def _roc(data: Mapping[str, Any]) -> RenderableType:
    lines = [
        (name, one["area"], _curve(one["false_positive_rate"], one["true_positive_rate"]))
        for name, one in data["classes"].items()
    ]
    return rows(("class", "area", "0 to 1"), lines)


def _precision_recall(data: Mapping[str, Any]) -> RenderableType:
    lines = [
        (name, one["average_precision"], one["share"], _curve(one["recall"], one["precision"]))
        for name, one in data["classes"].items()
    ]
    return rows(("class", "average precision", "by chance", "0 to 1"), lines)


def _calibration(data: Mapping[str, Any]) -> RenderableType:
    lines = [
        (name, predicted, share, count)
        for name, one in data["classes"].items()
        for predicted, share, count in zip(one["predicted"], one["share"], one["rows"], strict=True)
    ]
    return rows(("class", "predicted", "share", "rows"), lines)


def _residuals(data: Mapping[str, Any]) -> RenderableType:
    edges, counts = data["histogram"]["edges"], data["histogram"]["rows"]
    lines = [
        (low, high, count, _bar(count, counts))
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]
    quantiles = ", ".join(f"{share:.0%} {value:.4g}" for share, value in data["quantiles"])
    return Group(rows(("from", "to", "rows", ""), lines), sentence(f"Quantiles: {quantiles}"))


def _importance(data: Mapping[str, Any]) -> RenderableType:
    means = [one["mean"] for one in data["columns"]]
    lines = [
        (one["column"], one["mean"], f"± {one['deviation']:.4f}", _bar(one["mean"], means))
        for one in data["columns"]
    ]
    table = rows(("column", data["score"], "deviation", ""), lines)
    return Group(table, sentence(f"{data['rows']:,} rows, {data['repeats']} repetitions."))


def _partial_dependence(data: Mapping[str, Any]) -> RenderableType:
    lines = []
    for column, one in data["columns"].items():
        for name, means in one["answers"].items():
            ends = f"{_word(one['values'][0])} … {_word(one['values'][-1])}"
            lines.append((column, ends, name, min(means), max(means), spark(means)))
    return rows(("column", "values", "of", "lowest", "highest", ""), lines)


def _learning_curve(data: Mapping[str, Any]) -> RenderableType:
    lines = [
        (count, of_training, of_held_out, "" if off is None else f"± {off:.4f}")
        for count, of_training, of_held_out, off in zip(
            data["rows"],
            data["training"]["mean"],
            data["held_out"]["mean"],
            data["held_out"]["deviation"],
            strict=True,
        )
    ]
    return rows(("rows", f"{data['score']} of them", "of others", "deviation"), lines)


_SHOWN = {
    "confusion": _confusion,
    "roc": _roc,
    "precision-recall": _precision_recall,
    "calibration": _calibration,
    "residuals": _residuals,
    "importance": _importance,
    "partial-dependence": _partial_dependence,
    "learning-curve": _learning_curve,
}


def _curve(x: Sequence[float], y: Sequence[float]) -> str:
    """Return a curve as a sparkline: the mean height of each part of the way from 0 to 1."""
    heights = []
    for at in range(_WIDE):
        here = [b for a, b in zip(x, y, strict=True) if at <= a * _WIDE <= at + 1]
        near = min(range(len(x)), key=lambda one: abs(x[one] * _WIDE - at - 0.5))
        heights.append(sum(here) / len(here) if here else y[near])
    return spark(heights, 0.0, 1.0)


def spark(values: Sequence[float], low: float | None = None, high: float | None = None) -> str:
    """Return numbers as a sparkline, a block each."""
    bottom = min(values) if low is None else low
    top = max(values) if high is None else high
    reach = (top - bottom) or 1.0
    steps = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round(steps * min(1, max(0, (v - bottom) / reach)))] for v in values)


def _bar(value: float, all_values: Sequence[float]) -> str:
    longest = max((abs(one) for one in all_values), default=0.0) or 1.0
    return ("█" if value >= 0 else "░") * round(_WIDE * abs(value) / longest)


def _word(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
