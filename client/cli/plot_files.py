"""Draws the plots of an evaluation into a file, with matplotlib (the extra `plots`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autolearn.schemas.errors import AutoLearnError, ExitCode

FORMATS = ("svg", "png", "pdf")


class CannotDraw(AutoLearnError):
    """A plot cannot be drawn."""

    title = "The plots cannot be drawn"
    exit_code = ExitCode.REFUSED


def draw(found: Mapping[str, Any], title: str, path: Path) -> None:
    """Draw all plots into one file; its name's ending is the format.

    Raises:
        CannotDraw: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise CannotDraw(
            "matplotlib is not installed.", advice="Install it: pip install 'autolearn[plots]'."
        ) from None
    mpl.rcParams["svg.hashsalt"] = "autolearn"  # the same plot is the same file
    columns = min(2, len(found))
    lines = math.ceil(len(found) / columns)
    figure = Figure(figsize=(6.4 * columns, 4.8 * lines), layout="constrained")
    figure.suptitle(title)
    for place, (name, data) in enumerate(found.items(), 1):
        axes = figure.add_subplot(lines, columns, place)
        axes.set_title(name.replace("-", " "))
        _DRAWN[name](axes, data)
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, metadata=metadata)


def _confusion(axes: Any, data: Mapping[str, Any]) -> None:
    labels = data["labels"]
    axes.imshow(data["matrix"], cmap="Blues")
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="true")
    most = max(map(max, data["matrix"])) or 1
    if len(labels) <= 20:
        for row, counts in enumerate(data["matrix"]):
            for column, count in enumerate(counts):
                shade = "white" if count > most / 2 else "black"
                axes.text(column, row, f"{count:,}", ha="center", va="center", color=shade)


def _roc(axes: Any, data: Mapping[str, Any]) -> None:
    for name, one in data["classes"].items():
        label = f"{name} (area {one['area']:.3f})"
        axes.plot(one["false_positive_rate"], one["true_positive_rate"], label=label)
    axes.plot([0, 1], [0, 1], "--", color="grey", label="chance")
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.legend()


def _precision_recall(axes: Any, data: Mapping[str, Any]) -> None:
    for name, one in data["classes"].items():
        (line,) = axes.plot(
            one["recall"], one["precision"], label=f"{name} ({one['average_precision']:.3f})"
        )
        axes.axhline(one["share"], linestyle=":", color=line.get_color())
    axes.set(xlabel="recall", ylabel="precision", ylim=(0, 1.05))
    axes.legend(title="average precision (dotted: chance)")


def _calibration(axes: Any, data: Mapping[str, Any]) -> None:
    for name, one in data["classes"].items():
        axes.plot(one["predicted"], one["share"], "o-", label=name)
    axes.plot([0, 1], [0, 1], "--", color="grey", label="calibrated")
    axes.set(xlabel="predicted probability", ylabel="share of rows")
    axes.legend()


def _residuals(axes: Any, data: Mapping[str, Any]) -> None:
    if "predicted" in data:
        axes.scatter(data["predicted"], data["residual"], s=8, alpha=0.6)
        axes.axhline(0, color="grey")
        axes.set(xlabel="predicted", ylabel="truth - predicted")
        return
    axes.stairs(data["histogram"]["rows"], data["histogram"]["edges"], fill=True)
    axes.set(xlabel="truth - predicted", ylabel="rows")


def _importance(axes: Any, data: Mapping[str, Any]) -> None:
    columns = data["columns"][::-1]
    axes.barh(
        [one["column"] for one in columns],
        [one["mean"] for one in columns],
        xerr=[one["deviation"] for one in columns],
    )
    axes.set(xlabel=f"loss of {data['score']} when shuffled")


def _partial_dependence(axes: Any, data: Mapping[str, Any]) -> None:
    for column, one in data["columns"].items():
        for name, means in one["answers"].items():
            places = [place / max(1, len(means) - 1) for place in range(len(means))]
            axes.plot(places, means, label=f"{column}: {name}")
    axes.set(xlabel="from the lowest to the highest value", ylabel="mean answer")
    axes.legend(fontsize="small")


def _learning_curve(axes: Any, data: Mapping[str, Any]) -> None:
    for part, label in (("training", "fitted rows"), ("held_out", "other rows")):
        means = [math.nan if one is None else one for one in data[part]["mean"]]
        offs = [0 if one is None else one for one in data[part]["deviation"]]
        axes.errorbar(data["rows"], means, yerr=offs, marker="o", capsize=3, label=label)
    axes.set(xlabel="training rows", ylabel=data["score"])
    axes.legend()


_DRAWN = {
    "confusion": _confusion,
    "roc": _roc,
    "precision-recall": _precision_recall,
    "calibration": _calibration,
    "residuals": _residuals,
    "importance": _importance,
    "partial-dependence": _partial_dependence,
    "learning-curve": _learning_curve,
}
