"""What a run would do: which steps would run, and which results come from the cache."""

from __future__ import annotations

from collections.abc import Mapping

from autolearn.api.identity.principal import Principal
from autolearn.api.services.pipelines import step_cache
from autolearn.api.state.context import ApiContext
from autolearn.schemas.commands import RequestPipeline
from autolearn.schemas.pipelines.definition import Step
from autolearn.schemas.pipelines.results import StepGave, StepOutcome
from autolearn.schemas.pipelines.steps import StepSpec
from autolearn.schemas.rest.pipelines.runs import PipelinePlan, PlannedStep

_CELL = 8
"""Bytes of a value in memory."""
_COPIES = 3
"""Copies of a table that a step holds at a time: what it takes, what it gives, and between."""


def plan_of(
    context: ApiContext,
    who: Principal,
    pipeline: str,
    command: RequestPipeline,
    kinds: Mapping[str, StepSpec],
) -> PipelinePlan:
    """Return the plan of a run (blocks: cached results are read, and checked by their hashes)."""
    planned: list[PlannedStep] = []
    gave: dict[str, StepGave] = {}
    whole: set[str] = set()
    before = _newest_outcomes(context, pipeline)
    secret = step_cache.secret_of(context, pipeline)
    definition = command.definition
    for step in definition.steps:
        source = command.sources.get(step.name)
        why = step_cache.why_forced(definition, step, command.start_at, no_cache=command.no_cache)
        unknown = [name for name in step.inputs if name not in gave]
        if unknown:
            words = why or f"{', '.join(unknown)} before it: that result decides"
            planned.append(_planned(step, "run" if why else "unknown", words, before))
            continue
        more = step_cache.data_of(definition, kinds, step, source, gave)
        given = {name: gave[name] for name in step.inputs}
        inputs = step_cache.inputs_of(step, kinds[step.kind], definition.seed, given, more)
        key = step_cache.key_of(inputs, step.inputs, secret)
        hit = None if why else context.queries.now().pipelines.cached(pipeline, key)
        if hit is not None and step.kind == "promote":  # it is the same version again
            gave[step.name] = hit[1].gave
        if hit is not None:
            why = step_cache.unusable(context, who, pipeline, command.run, hit, whole)
        if hit is not None and not why:
            gave[step.name] = hit[1].gave
            maker = step_cache.made_by(*hit)
            planned.append(
                _planned(step, "cached", f"made by run {maker[:8]}", {step.name: hit[1]})
            )
            continue
        why = why or step_cache.why_run(inputs, before.get(step.name))
        if source is not None and step.kind == "source":
            gave[step.name] = StepGave(table=source)
            outcome = StepOutcome(
                step=step.name, kind=step.kind, status="completed", gave=gave[step.name]
            )
            planned.append(_planned(step, "run", why, {step.name: outcome}))
            continue
        planned.append(_planned(step, "run", why, before))
    return PipelinePlan(pipeline=pipeline, pipeline_version=command.pipeline_version, steps=planned)


def _newest_outcomes(context: ApiContext, pipeline: str) -> dict[str, StepOutcome]:
    """Return the outcomes of the newest run that has ended, by step."""
    now = context.queries.now()
    for _, run in now.pipelines.newest_runs(pipeline):
        if told := now.pipelines.outcomes(pipeline, run):
            return {name: outcome for name, (outcome, _) in told.items()}
    return {}


def _planned(step: Step, plan: str, why: str, known: Mapping[str, StepOutcome]) -> PlannedStep:
    """Return the plan of a step, with rows and memory as of a known outcome."""
    outcome = known.get(step.name)
    table = outcome.gave.table if outcome is not None else None
    memory = None
    if table is not None:
        memory = max(1, _COPIES * _CELL * table.rows * len(table.columns) >> 20)
    return PlannedStep(
        name=step.name,
        kind=step.kind,
        plan=plan,
        why=why,
        rows=None if table is None else table.rows,
        memory=memory,
    )
