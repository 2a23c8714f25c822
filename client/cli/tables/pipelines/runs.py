"""Tables of the runs of pipelines, and words for their steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from rich.console import Group, RenderableType

from autolearn.client.cli.output import count, number, pairs, rows, sentence, short, when
from autolearn.client.cli.tables.pipelines.forecasts import forecasts
from autolearn.schemas.bounds import cut
from autolearn.schemas.pipelines.results import StepGave
from autolearn.schemas.rest.pipelines.runs import (
    PipelinePlan,
    PipelineRun,
    PipelineRunSummary,
    StepState,
)

_LONGEST_REASON = 300
"""Characters of a reason in a table."""
_SIGNS = {"completed": "✓", "cached": "✓", "failed": "✗", "cancelled": "-", "skipped": "-"}


def runs(found: Iterable[PipelineRunSummary]) -> RenderableType:
    """Return runs, a line each."""
    lines = [
        (
            short(one.id),
            one.pipeline,
            one.status,
            _between(one.started, one.ended),
            when(one.requested),
            one.actor,
        )
        for one in found
    ]
    heads = ("run", "pipeline", "status", "took", "requested", "by")
    return rows(heads, lines, leave=("by",), wraps=())


def run(one: PipelineRun) -> RenderableType:
    """Return a run with its steps."""
    given = ", ".join(f"{name}={value}" for name, value in one.parameters.items())
    about = {
        "run": one.id,
        "pipeline": f"{one.pipeline}, version {one.pipeline_version}",
        "status": one.status,
        "steps": ", ".join(f"{many} {status}" for status, many in one.counts.items()),
        "parameters": given,
        "cache": "not used" if one.no_cache else "",
        "from step": one.start_at,
        "requested": f"{when(one.requested)} by {one.actor}",
        "took": _between(one.started, one.ended),
        "reason": f"{one.reason}: {in_short(one.detail)}" if one.reason else "",
    }
    beside = forecasts(one)
    return Group(pairs(about), "", steps(one), *(() if beside is None else ("", beside)))


def steps(one: PipelineRun) -> RenderableType:
    """Return the steps of a run: how each has ended, its rows, and why it ran or did not."""
    lines = [
        (
            step.name,
            f"{_SIGNS.get(step.status, ' ')} {step.status}",
            "" if step.seconds is None else f"{step.seconds:.2f}",
            _rows_of(step),
            _remark(step),
        )
        for step in one.steps
    ]
    return rows(("step", "status", "s", "rows", "remark"), lines)


def plan(found: PipelinePlan) -> RenderableType:
    """Return the plan of a run."""
    lines = [
        (
            one.name,
            one.plan,
            "" if one.rows is None else f"{one.rows:,}",
            "" if one.memory is None else f"{one.memory:,}",
            one.why,
        )
        for one in found.steps
    ]
    title = sentence(f"A run of {found.pipeline}, version {found.pipeline_version}, would do this:")
    return Group(title, rows(("step", "plan", "rows", "MiB", "why"), lines))


def step_words(step: StepState) -> str:
    """Return the state of a step in one line, as it changes."""
    sign = _SIGNS.get(step.status, "")
    took = "" if step.seconds is None else f" ({step.seconds:.2f} s)"
    words = f"{sign} {step.status}{took}".strip()
    told = [f"{_rows_of(step)} rows" if _rows_of(step) else "", _remark(step)]
    return ", ".join([words, *filter(None, told)])


def _remark(step: StepState) -> str:
    """Return the result of a step, and from which run that is, or why the step ran."""
    from_ = f"from run {short(step.made_by)}" if step.made_by else ""
    return "; ".join(
        filter(None, (_made_words(step.gave), *step.gave.notes, from_, in_short(step.why)))
    )


def in_short(why: str) -> str:
    """Return the first line of a reason, which may end with a log."""
    first, _, more = why.strip().partition("\n")
    words = cut(first, _LONGEST_REASON)
    return f"{words} …" if more else words


def _rows_of(step: StepState) -> str:
    """Return the rows of a step's table, after those that it took if these are others."""
    gave = step.gave
    if gave.table is None:
        return ""
    taken, given = sum(gave.report.rows_in), gave.table.rows
    return f"{taken:,} → {given:,}" if taken and taken != given else f"{given:,}"


def _made_words(gave: StepGave) -> str:
    """Return in words what a step has made besides a table."""
    if gave.registered:
        return ", ".join(f"{model}@{version}" for model, version in gave.registered.items())
    if gave.file:
        return f"file {gave.file}"
    if gave.dataset is not None:
        return f"dataset {gave.dataset.name}@{short(gave.dataset.version)}"
    if gave.best:
        scores = gave.scores.get(gave.best, {})
        said = ", ".join(f"{name} {number(value)}" for name, value in scores.items())
        return f"best {short(gave.best)}{f' ({said})' if said else ''}"
    if gave.bests:
        return ""  # notes say which is the best of each horizon
    if gave.evaluations:
        return count(len(gave.evaluations), "evaluation")
    if gave.trainings:
        return count(len(gave.trainings), "training")
    rows = {
        what: sum(one.rows for one in gave.report.changes if one.what == what)
        for what in ("changed", "warned")
    }
    return ", ".join(f"{many:,} {what}" for what, many in rows.items() if many)


def made(one: PipelineRun, written: Mapping[str, Path]) -> Iterator[str]:
    """Yield what a run has made, each with the next command to type."""
    if at := one.links.get("session", ""):
        kind = "experiment" if at.startswith("/v1/experiments/") else "session"
        name = short(at.rpartition("/")[2])
        yield f"{kind} {name}\tautolearn {kind} show {name}"
        if kind == "session" and one.ended:
            yield f"to keep it\tautolearn commit {name}"
    for step in one.steps:
        gave = step.gave
        if step.status not in ("completed", "cached"):
            continue
        for model, version in gave.registered.items() if step.kind == "promote" else ():
            name = f"{model}@{version}"
            yield f"model {name}\tautolearn model show {name}"
        if gave.dataset is not None:
            name = gave.dataset.name
            yield (f"dataset {name}@{short(gave.dataset.version)}\tautolearn dataset head {name}")
    for path in written.values():
        yield f"file {path}\thead {path}"


def _between(started: str | None, ended: str | None) -> str:
    if not started or not ended:
        return ""
    took = datetime.fromisoformat(ended) - datetime.fromisoformat(started)
    return f"{took.total_seconds():.1f} s"
