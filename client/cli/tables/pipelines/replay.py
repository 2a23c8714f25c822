"""The table of a check of a pipeline's run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from autolearn.client.cli.output import count, rows, sentence, short
from autolearn.client.cli.tables.pipelines.runs import in_short
from autolearn.schemas.reports.pipeline_replay import PipelineReplay, ReplayedStep
from autolearn.schemas.reports.retrain import Difference

_COLOURS = {"identical": "green", "not repeated": "yellow"}
_MOST_COLUMNS = 10


def check(found: PipelineReplay) -> RenderableType:
    """Return a check: a line for each step, then the differences of the environment."""
    lines = [
        (
            one.step,
            Text(one.verdict, _COLOURS.get(one.verdict, "red")),
            "" if one.seconds is None else f"{one.seconds:.2f}",
            "; ".join(_remarks(one)),
        )
        for one in found.steps
    ]
    parts: list[RenderableType] = [rows(("step", "verdict", "s", "remark"), lines)]
    parts += _environments(found.steps)
    parts.append(sentence(_verdict(found)))
    return Group(*parts)


def _remarks(one: ReplayedStep) -> Iterator[str]:
    """Yield what is to be said about a step: what differs, why, and whose result it is."""
    if one.files:
        yield f"files that differ: {', '.join(one.files)}"
    if one.columns:
        first = [f"{name} in {count(many, 'row')}" for name, many in one.columns.items()]
        more = f" and {len(first) - _MOST_COLUMNS} more columns" * (len(first) > _MOST_COLUMNS)
        yield f"columns that differ: {', '.join(first[:_MOST_COLUMNS])}{more}"
    if one.detail:
        yield in_short(one.detail)
    if one.made_by:
        yield f"from run {short(one.made_by)}"


def _environments(found: Iterable[ReplayedStep]) -> Iterator[RenderableType]:
    """Yield the differences of the environment, each once, with its steps."""
    whose: dict[Difference, list[str]] = {}
    for one in found:
        for difference in one.environment:
            whose.setdefault(difference, []).append(one.step)
    if whose:
        lines = [(d.what, d.recorded, d.present, ", ".join(steps)) for d, steps in whose.items()]
        yield rows(("environment", "recorded", "present", "steps"), lines)


def _verdict(found: PipelineReplay) -> str:
    """Say how many steps are identical, and how many were not repeated."""
    many = {
        verdict: sum(one.verdict == verdict for one in found.steps)
        for verdict in ("identical", "differs", "failed", "not repeated")
    }
    words = ", ".join(f"{number} {verdict}" for verdict, number in many.items() if number)
    said = "Identical" if found.same else "Not identical"
    took = f"{found.seconds:.0f}" if found.seconds >= 10 else f"{found.seconds:.1f}"
    return f"{said}: run {short(found.run)} of {found.pipeline}: {words} ({took} s)."
