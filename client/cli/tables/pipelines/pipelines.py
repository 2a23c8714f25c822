"""Tables of pipelines: their versions, graphs and differences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import UNSET
from rich.console import Group, RenderableType

from autolearn.client.cli.output import count, pairs, rows, sentence, shortened, when
from autolearn.schemas.pipelines.definition import Definition, Parameter
from autolearn.schemas.pipelines.diff import PipelineDifference
from autolearn.schemas.pipelines.graph import PipelineGraph
from autolearn.schemas.rest.pipelines.definitions import Pipeline, PipelineSummary, PipelineVersion
from autolearn.schemas.rest.users import QuotaState

_SHORT = 40
"""Characters of a value in a table."""


def pipelines(found: Iterable[PipelineSummary]) -> RenderableType:
    """Return pipelines, a line each."""
    lines = [
        (
            one.name,
            one.steps,
            one.versions,
            one.runs,
            one.last_status,
            when(one.last_requested) or "",
            one.owner,
            one.summary,
        )
        for one in found
    ]
    heads = ("pipeline", "steps", "versions", "runs", "last run", "requested", "owner", "summary")
    return rows(heads, lines, leave=("requested", "owner", "versions"), wraps=("summary",))


def pipeline(one: Pipeline, quotas: Iterable[QuotaState] = ()) -> RenderableType:
    """Return a pipeline with its newest version, and the use of its quotas."""
    about = {
        "pipeline": one.name,
        "summary": one.summary,
        "owner": one.owner,
        "shared with": ", ".join(f"{grant.user} ({grant.may})" for grant in one.grants),
        "version": one.versions,
        "runs": f"{one.runs}, the newest {one.last_status}" if one.last else "none",
        **_settings(one.definition),
        "quotas": ", ".join(
            f"{quota.name} {quota.used:,} of {quota.limit:,}"
            for quota in quotas
            if quota.used is not None
        ),
    }
    return Group(pairs(about), *_parts(one.definition))


def version(one: PipelineVersion) -> RenderableType:
    """Return a version of a pipeline."""
    about = {
        "pipeline": one.pipeline,
        "version": one.number,
        "applied": f"{when(one.applied)} by {one.actor}" if one.applied else "not yet",
        "note": one.note,
        "summary": one.definition.summary,
        **_settings(one.definition),
    }
    return Group(pairs(about), *_parts(one.definition))


def versions(found: Iterable[PipelineVersion]) -> RenderableType:
    """Return the versions of a pipeline."""
    lines = [
        (one.number, len(one.definition.steps), when(one.applied), one.actor, one.note)
        for one in found
    ]
    return rows(("version", "steps", "applied", "by", "note"), lines, leave=("steps",))


def graph(found: PipelineGraph) -> RenderableType:
    """Return the graph of a pipeline: each step with what it takes, and from which."""
    lines = []
    for node in found.nodes:
        takes = [
            f"{edge.port} of {edge.giver}" if edge.port else edge.giver
            for edge in found.edges
            if edge.taker == node.step
        ]
        goes = [edge.taker for edge in found.edges if edge.giver == node.step]
        lines.append((node.step, node.kind, ", ".join(takes), ", ".join(goes), node.keep_as))
    heads = ("step", "kind", "takes", "goes to", "kept as")
    if not any(line[-1] for line in lines):
        return rows(heads[:-1], [line[:-1] for line in lines], wraps=("takes", "goes to"))
    return rows(heads, lines, wraps=("takes", "goes to"))


def differences(found: Iterable[PipelineDifference]) -> RenderableType:
    """Return the differences of two versions."""
    lines = [
        (
            one.what,
            one.step or "(all steps)",
            one.pointer.removeprefix("/").replace("/", "."),
            _value(one.before),
            _value(one.after),
        )
        for one in found
    ]
    return rows(("what", "step", "where", "before", "after"), lines, wraps=("before", "after"))


def _settings(definition: Definition) -> dict[str, object]:
    return {"seed": definition.seed, "commit": definition.commit, "runs are kept": definition.keep}


def _parts(definition: Definition) -> list[RenderableType]:
    """Return the parameters and steps of a definition."""
    found: list[RenderableType] = []
    if definition.parameters:
        lines = [
            (name, one.type, _value(one.default) or "must be given", _range(one), one.summary)
            for name, one in definition.parameters.items()
        ]
        heads = ("parameter", "type", "default", "values", "summary")
        found += ["", rows(heads, lines, leave=("summary",))]
    lines_of_steps = [
        (
            step.name,
            step.kind if step.kind != step.name else "",
            ", ".join(step.inputs),
            ", ".join(f"{name}: {shortened(v, _SHORT)}" for name, v in step.parameters.items()),
        )
        for step in definition.steps
    ]
    return [*found, "", rows(("step", "kind", "from", "parameters"), lines_of_steps)]


def _range(one: Parameter) -> str:
    if one.choices:
        return ", ".join(map(str, one.choices))
    low = "" if one.minimum is None else f"{one.minimum:g}"
    high = "" if one.maximum is None else f"{one.maximum:g}"
    return f"{low}..{high}" if low or high else ""


def _value(value: Any) -> str:
    return "" if value is UNSET else shortened(value, _SHORT)


def unchanged(name: str, before: int, after: int) -> RenderableType:
    """Say that two versions do not differ."""
    return sentence(f"Versions {before} and {after} of {name} do not differ.")


def applied(one: PipelineVersion, *, new: bool) -> RenderableType:
    """Say which version a file is."""
    what = (
        f"Applied {one.pipeline}, version {one.number}"
        if new
        else (f"{one.pipeline}, version {one.number}, has this definition already")
    )
    return sentence(f"{what}: {count(len(one.definition.steps), 'step')}")
