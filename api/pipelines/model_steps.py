"""The step that registers what was chosen as a version of a model, and promotes it."""

from __future__ import annotations

import asyncio

import structlog
from msgspec.structs import replace

from autolearn.agents.command_client import command_id
from autolearn.api.http.problems import Problem
from autolearn.api.identity.visibility import Level
from autolearn.api.pipelines.run import ConductedRun, StepFailed, StepWork, words_of
from autolearn.api.services.evaluations.checks import request_evaluation
from autolearn.api.services.models.evidence import evidence_for, requirement_in
from autolearn.api.services.models.registration import require_registering, source_of
from autolearn.api.shared.bodies import DatasetBody, EvaluationBody
from autolearn.api.shared.lookup import RunOwner
from autolearn.api.shared.models.checks import require_model
from autolearn.projections.queries.evaluations import evaluations_of, figures_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.runtime.timestamps import millis, now, text
from autolearn.schemas.commands import CommitSession, HoldExperiment, Promote, RegisterVersion
from autolearn.schemas.models.promotion import Requirement
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.pipelines.results import StepGave
from autolearn.schemas.rest.models import ModelVersionRow
from autolearn.schemas.rest.runs import EvaluationRow
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import RunId, SessionId

log = structlog.stdlib.get_logger("autolearn.pipelines")
_NOT_PROMOTED = ("gate-closed", "evidence-missing", "evidence-of-others", "other-rows")
"""The kinds of problems of a version that stays without the alias; the run goes on."""
_ON_A_DATASET = "; `evaluate: {dataset: NAME}` measures both on rows that neither has learned from"
_HOLD_MS = 60_000
"""Milliseconds within which the version is registered after its experiment was held."""


async def commit(by: ConductedRun, session: SessionId) -> None:
    """Commit a session, once; all its completed trainings are kept.

    It is that of the run, or of one before it that has failed, whose trainings came from the cache.
    """
    latest, at, tried = by.context.queries.latest(), stream("session", session), 0
    async with by.opening:
        while latest.sessions.is_open(session):
            try:
                await by.commands.act(at, CommitSession(None), "commit", session, tried)
            except Problem as problem:
                if problem.kind != "run-active":
                    raise
                await by.until_idle(session)  # another run evaluates in it, too
                tried += 1
        if session == by.session:
            by.committed = by.context.queries.latest().sessions.is_committed(session)


async def promote(by: ConductedRun, work: StepWork) -> StepGave:
    """Register the chosen training as a version of a model, and let it answer if it may.

    That of a horizon becomes a version of `<model>-<horizon>`, such as load-1h. A version that
    does not meet what is required is registered, and not promoted.

    Raises:
        StepFailed: more than one training is there, and none was chosen.
        Problem: it is refused.
    """
    given = work.first(lambda gave: gave.trainings)
    if not given.chosen:
        raise StepFailed("there are several models: a compare step chooses the one to promote")
    experiment = given.session
    await commit(by, experiment)
    name, gave = str(work.step.parameters["model"]), given.models
    for horizon, training in given.chosen.items():
        model = f"{name}-{horizon}" if horizon else name
        part = (work.step.name, horizon) if horizon else (work.step.name,)
        number = await _register(by, part, model, experiment, training)
        notes = await _promote(by, work, part, model, number)
        if horizon:
            notes = (*gave.notes, *(f"{model}: {note}" for note in notes))
            versions = {**gave.versions, model: number}
            gave = replace(gave, versions=versions, bests=given.chosen, notes=notes)
        else:
            gave = replace(gave, model=model, version=number, best=training, notes=notes)
    return gave


async def _register(
    by: ConductedRun, part: tuple[str, ...], model: str, experiment: SessionId, training: RunId
) -> int:
    """Register a training as a version of a model, and return its number."""
    who = by.commands.principal()
    via = await require_registering(by.context, who, model)
    source = await by.read(lambda now, _: source_of(now, experiment, training))
    hold = HoldExperiment(model, text(millis(now()) + _HOLD_MS))
    await by.commands.act(stream("session", experiment), hold, "hold", *part)
    command = RegisterVersion(
        experiment=experiment,
        training=training,
        source=source,
        note=f"{by.pipeline}, run {by.id[:8]}",
    )
    at = stream("model", model)
    try:
        answer = await by.commands.act(at, command, "register", *part, via=via)
        return by.context.queries.now().models.registered_at(model, answer.sequence)
    except Problem as problem:
        if problem.kind != "already-registered":  # a run before did that: this one goes on from it
            raise
        return await by.read(lambda now, _: _number_of(now, model, experiment, training))


async def _promote(
    by: ConductedRun, work: StepWork, part: tuple[str, ...], model: str, number: int
) -> tuple[str, ...]:
    """Promote a version if it meets what is required; return notes about it."""
    parameters = work.step.parameters
    alias = str(parameters.get("alias") or CHAMPION)
    words = parameters.get("require") or []
    required = [requirement_in(str(one), f"#/require/{at}") for at, one in enumerate(words)]
    row = await by.read(lambda now, _: now.models.get(model))
    there = row.aliases if row is not None else {}
    absent = sorted({one.alias for one in required if one.alias and one.alias not in there})
    required = [one for one in required if not one.alias or one.alias in there]
    notes = [f"there is no {name} yet, so nothing is required of it" for name in absent]
    command: Promote | None = None
    via = await require_model(by.context, by.commands.principal(), model, Level.WORK)
    try:
        if not by.commands.answered("promote", *part):  # else it may be the champion now
            await _measure_alike(by, model, number, required)
            evidence = await by.read(lambda now, _: evidence_for(now, model, number, required))
            default = f"by the pipeline {by.pipeline}, run {by.id[:8]}"
            command = Promote(number, alias, evidence, str(parameters.get("reason") or default))
        await by.commands.act(stream("model", model), command, "promote", *part, via=via)
    except Problem as problem:
        if problem.kind == "alias-unchanged":
            return (*notes, f"version {number} answers as {alias} already")
        if problem.kind not in _NOT_PROMOTED:
            raise
        why = words_of(problem).removesuffix(".")
        advice = _ON_A_DATASET if problem.kind == "other-rows" else ""
        return (*notes, f"version {number} is not promoted: {why}{advice}")
    return (*notes, f"version {number} answers as {alias}")


def _number_of(now: Snapshot, model: str, experiment: SessionId, training: RunId) -> int:
    """Return the version that a training is."""
    return next(
        row.version
        for row in now.models.versions(model)
        if (row.experiment, row.training) == (experiment, training) and not row.retired
    )


async def _measure_alike(
    by: ConductedRun, model: str, number: int, required: list[Requirement]
) -> None:
    """Have the versions behind aliases evaluated on the dataset on which this one was.

    Rows that were held out of a training are not measured for another: those it may have learned.
    """
    mine = await _version(by, model, number)
    assert mine is not None, "it was just registered"

    def newest(of: ModelVersionRow, metric: str) -> EvaluationRow | None:
        found = evaluations_of(by.context.queries.now(), of.experiment, of.training)
        return next((row for row in found if metric in figures_of(row)), None)

    for one in required:
        row = await by.read(lambda now, _: now.models.get(model))
        other_number = row.aliases.get(one.alias, 0) if row is not None else 0
        if not other_number:
            continue
        other = await _version(by, model, other_number)
        measured = await asyncio.to_thread(newest, mine, one.metric)
        if other is None or measured is None or measured.held_out or not other.experiment:
            continue
        theirs = await asyncio.to_thread(newest, other, one.metric)
        if theirs is not None and theirs.dataset.is_content_of(measured.dataset):
            continue
        try:
            await _evaluate(by, other.experiment, other.training, measured, one.metric)
        except Problem as problem:  # its experiment may be another user's: the gate says it
            log.info("not measured", model=model, version=other_number, why=str(problem.detail))


async def _evaluate(
    by: ConductedRun, session: SessionId, training: RunId, like: EvaluationRow, metric: str
) -> None:
    """Evaluate a training of an experiment on the dataset of another evaluation."""
    run = RunId(command_id("beside", by.id, training, metric, like.dataset.version))
    dataset = DatasetBody(name=like.dataset.name, version=like.dataset.version)
    body = EvaluationBody(dataset=dataset, metrics=[metric], positive=like.positive)
    owner, most = RunOwner("experiment", session), by.context.settings.workers
    command = await by.read(
        lambda now, may: request_evaluation(run, owner, training, body, now, most, may)
    )
    await by.commands.act(stream("session", session), command, "beside", run)
    await by.until_ended(session, "evaluation", run)


async def _version(by: ConductedRun, model: str, number: int) -> ModelVersionRow | None:
    return await by.read(lambda now, _: now.models.version(model, number))
