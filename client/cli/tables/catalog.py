"""Tables of estimators, metrics, steps and datasets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import UNSET
from rich.console import Group, RenderableType

from autolearn.client.cli.output import count, figure, pairs, rows, sentence, short, shortened, when
from autolearn.schemas.datasets.read_options import type_word
from autolearn.schemas.pipelines.steps import StepParameter
from autolearn.schemas.rest.catalog import CatalogEstimator, CatalogMetric, CatalogStep, Dataset
from autolearn.schemas.values import Column


def estimators(found: Iterable[CatalogEstimator]) -> RenderableType:
    """Return a table of estimators."""
    lines = [
        (one.name, one.task, f"{one.library} {one.library_version}", one.summary) for one in found
    ]
    return rows(("estimator", "task", "library", ""), lines, leave=("library",))


def estimator(one: CatalogEstimator) -> RenderableType:
    """Return an estimator in detail."""
    lines = [
        (
            p.name,
            " or ".join(map(str, p.domains)),
            shortened(p.default),
            *([str(one.space.get(p.name, ""))] if one.space else []),
        )
        for p in one.hyperparameters
    ]
    about = pairs(
        {"estimator": one.name, "task": one.task, "library": f"{one.library} {one.library_version}"}
    )
    heads = ("hyperparameter", "value", "default", *(["tune tries"] if one.space else []))
    return Group(sentence(one.summary), about, "", rows(heads, lines))


def metrics(found: Iterable[CatalogMetric]) -> RenderableType:
    """Return a table of metrics."""
    better = {True: "higher", False: "lower", None: "-"}
    lines = [
        (
            one.name,
            ", ".join(one.tasks),
            one.result,
            better[one.greater_is_better],
            f"{one.library} {one.library_version}",
            one.summary,
        )
        for one in found
    ]
    return rows(
        ("metric", "tasks", "result", "better", "library", ""),
        lines,
        leave=("library", "result", "better"),
        wraps=("tasks", ""),
    )


def steps(found: Iterable[CatalogStep]) -> RenderableType:
    """Return a table of kinds of steps."""
    lines = [(one.name, _package_of(one), one.gives, one.summary) for one in found]
    return rows(("step", "package", "gives", ""), lines, leave=("package", "gives"))


def step(one: CatalogStep) -> RenderableType:
    """Return a kind of step in detail."""
    lines = [
        (
            p.name,
            " or ".join(map(str, p.domains)) + _each_in(p),
            "must be given" if p.default is UNSET else shortened(p.default),
            p.summary,
        )
        for p in one.parameters
    ]
    about = {
        "step": one.name,
        "package": _package_of(one),
        "takes": ", ".join(" or ".join(ports) for ports in one.takes) or "nothing",
        "gives": one.gives,
        "row by row": _kept_in_model(one),
        "network": "yes: it may connect to other machines" if one.network else "no",
    }
    heads = ("parameter", "value", "default", "")
    return Group(sentence(one.summary), pairs(about), "", rows(heads, lines, wraps=("value", "")))


def _kept_in_model(one: CatalogStep) -> str:
    if not one.row_wise:
        return "no"
    without = f", without {', '.join(one.needs_rows)}" if one.needs_rows else ""
    return f"yes: it can be kept in a model{without}"


def _each_in(parameter: StepParameter) -> str:
    """Return the words for the elements of an array, or the values of an object."""
    if parameter.each is None:
        return ""
    return f" of {' or '.join(map(str, parameter.each.domains))}"


def _package_of(one: CatalogStep) -> str:
    return f"{one.package} {one.package_version}".strip() or "-"


def _owner_of(one: Dataset) -> str:
    """Return the owner of a dataset."""
    return "everybody" if one.everybody else one.owner


def datasets(found: Iterable[Dataset]) -> RenderableType:
    """Return a table of datasets, each in its newest version."""
    lines = [
        (
            one.name,
            _owner_of(one),
            one.rows,
            len(one.columns),
            sum(column.missing for column in one.columns),
            one.target,
            one.task,
            one.origin,
            short(one.version),
            one.summary,
        )
        for one in found
    ]
    heads = (
        "dataset",
        "owner",
        "rows",
        "columns",
        "missing",
        "target",
        "task",
        "origin",
        "version",
        "",
    )
    leave = ("", "origin", "version", "missing", "columns", "task")
    return rows(heads, lines, leave=leave, wraps=())


FEW = 10
"""Findings that are shown by default."""


def _findings_of(one: Dataset, most: int | None) -> list[RenderableType]:
    """Return the findings of a version, severe ones first; `most` of them, or all with remedies."""
    if not one.findings:
        return []
    lines: list[RenderableType] = [""]
    for found in one.findings[:most]:
        lines.append(sentence(f"{'!' if found.severe else '-'} {found.words}"))
        if found.remedy and (most is None or found.severe):
            lines.append(sentence(f"  {found.remedy}"))
    if most is not None and len(one.findings) > most:
        lines.append(
            sentence(f"… and {len(one.findings) - most} more: dataset show {one.name} --findings")
        )
    if any(found.severe for found in one.findings) and not one.accepted:
        lines.append(
            sentence("Nothing is trained on it before what is marked ! is mended or accepted.")
        )
    return lines


def added(one: Dataset, *, new: bool) -> RenderableType:
    """Return the version that an upload made, in a line, with its changes and findings."""
    columns = f"{one.rows:,} rows, {count(len(one.columns), 'column')}"
    what = "Added" if new else "Unchanged:"
    target = f", target {one.target}{_balance(one)}" if one.target else ", no target"
    parts: list[RenderableType] = [
        sentence(f"{what} {one.name} (version {short(one.version)}): {columns}{target}.")
    ]
    if new and one.changes is not UNSET:
        parts.append(sentence(f"{one.changes.say()}."))
    return Group(*parts, *_findings_of(one, FEW))


def _balance(one: Dataset) -> str:
    """Return the share of the rarer of two classes, or the number of classes."""
    if not one.classes:
        return ""
    if len(one.classes) != 2:
        return f" ({count(len(one.classes), 'class', 'classes')})"
    rare = min(one.classes, key=one.classes.__getitem__)
    return f" ({one.classes[rare] / sum(one.classes.values()):.1%} {rare})"


def _class_head(one: Dataset) -> str:
    return f"{one.target}" if one.task == "classification" else f"{one.target} (as classes)"


def _mark_of(one: Dataset, column: Column) -> str:
    """Return the role of a column, and whether it is sensitive."""
    role = "target" if column.name == one.target else one.roles.get(column.name, "")
    return ", ".join(filter(None, (role, "sensitive" if column.sensitive is True else "")))


def dataset(
    one: Dataset, versions: Sequence[Dataset], *, findings: int | None = FEW
) -> RenderableType:
    """Return a dataset in detail, with so many of its findings (None: all)."""
    about = pairs(
        {
            "dataset": one.name,
            "version": one.version,
            "owner": _owner_of(one),
            "rows": f"{one.rows:,}",
            "file": f"{one.format}, {one.bytes:,} bytes, {one.origin}",
            "target": one.target,
            "task": one.task,
            "positive": one.positive,
            "added": when(one.registered) if one.registered else "not added (dry run)",
            "summary": one.summary,
        }
    )
    marked = ("",) if one.sensitive or one.roles else ()
    schema = rows(
        ("column", "type", "missing", "distinct", "minimum", "maximum", *marked),
        [
            (
                column.name,
                type_word(column.type),
                column.missing,
                column.distinct,
                _figure(column.minimum),
                _figure(column.maximum),
                *(_mark_of(one, column) for _ in marked),
            )
            for column in one.columns
        ],
        leave=("maximum", "minimum"),
    )
    parts: list[RenderableType] = [about]
    if one.changes is not UNSET:
        parts += ["", sentence(f"{one.changes.say()}.")]
    parts += ["", schema, *_findings_of(one, findings)]
    if one.classes:
        total = sum(one.classes.values())
        lines = [(name, count, f"{count / total:.0%}") for name, count in one.classes.items()]
        parts += ["", rows((_class_head(one), "rows", "share"), lines)]
    if len(versions) > 1:
        older = [(short(v.version), v.rows, when(v.registered)) for v in versions]
        parts += ["", rows(("version", "rows", "added"), older)]
    return Group(*parts)


def _figure(value: float | None) -> str | None:
    return None if value is None else figure(value)
