"""Steps whose work is done in the session of a run: to train and to evaluate."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace
from pydantic import ValidationError

from autolearn.agents.command_client import command_id
from autolearn.api.http.body import invalid_body
from autolearn.api.limits.quotas import check_run
from autolearn.api.pipelines.kept_steps import KeptSteps, kept_steps
from autolearn.api.pipelines.run import ConductedRun, StepFailed, StepWork
from autolearn.api.services.evaluations.checks import request_evaluation
from autolearn.api.services.pipelines.kinds import session_of
from autolearn.api.services.trainings.checks import request_training
from autolearn.api.services.trainings.study_checks import request_study
from autolearn.api.shared.bodies import EvaluationBody, StudyBody, TrainingBody
from autolearn.api.shared.lookup import RunOwner
from autolearn.projections.queries.evaluations import figures_of
from autolearn.schemas.bounds import cut
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.commands import (
    OpenSession,
    RequestEvaluation,
    RequestStudy,
    RequestTraining,
    ShareSession,
)
from autolearn.schemas.pipelines.results import StepGave
from autolearn.schemas.rest.runs import AnyRunRow, EvaluationRow, StudyRow, TrainingRow
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import JsonValue, May, RunId, SessionId

_DAY = 24 * 3600
_OF_STEP = ("candidates", "estimator", "hyperparameters")
"""The parameters of a train step that are of its candidates."""


async def _open_session(by: ConductedRun) -> SessionId:
    """Open the session of a run, once, and return its id."""
    async with by.opening:
        if not by.opened:  # the process before may have opened it, and not shared it yet
            session = session_of(by.id)
            title = cut(f"{by.pipeline} {by.row.requested[:16].replace('T', ' ')}", 200)
            expires = round(by.context.settings.retention.session_expires * _DAY)
            at = stream("session", session)
            await by.commands.act(at, OpenSession(title, expires, by.pipeline), "session")
            for user, may in _readers(by).items():
                await by.commands.act(at, ShareSession(user, may), "share", user)
            by.session, by.opened = session, True
    return by.session


def _readers(by: ConductedRun) -> dict[str, May]:
    """Return the users and groups that may see the session, as they may see the pipeline."""
    pipelines = by.context.queries.now().pipelines
    row, user = pipelines.stored(by.pipeline), by.commands.principal().name
    found: dict[str, May] = {grant.user: grant.may for grant in pipelines.grants(by.pipeline)}
    if row is not None and row.owner:
        found[row.owner] = "work"
    return {name: may for name, may in found.items() if name != user}


async def train(by: ConductedRun, work: StepWork) -> StepGave:
    """Train the candidates, all at once; those that fail are left out if others do not.

    Raises:
        StepFailed: none has an artifact.
        Problem: a request does not fit.
    """
    given = work.first(lambda gave: gave.table)
    return await train_on(by, work, given, kept_steps(by, work.step))


async def train_on(
    by: ConductedRun, work: StepWork, given: StepGave, kept: KeptSteps, part: str = ""
) -> StepGave:
    """Train the candidates on a table as it is split; if there are several, each names its `part`.

    Raises:
        StepFailed: none has an artifact.
        Problem: a request does not fit.
    """
    session = await _open_session(by)
    wanted = _candidates(work.step.parameters)
    requests = [
        await by.read(partial(_request_candidate, by, work, one, f"{part}{at}", given, kept))
        for at, one in enumerate(wanted)
    ]
    await asyncio.gather(*(_until_done(by, session, one) for one in requests))
    return await _trained(by, session, requests)


def _candidates(parameters: Mapping[str, JsonValue]) -> list[dict[str, Any]]:
    """Return the candidates of a train step, each with an `estimator`."""
    named = parameters.get("candidates")
    if named is None:
        named = [{name: parameters[name] for name in _OF_STEP[1:] if name in parameters}]
    return [{"estimator": one} if isinstance(one, str) else dict(one) for one in named]


def _request_candidate(
    by: ConductedRun,
    work: StepWork,
    candidate: Mapping[str, Any],
    at: str,
    given: StepGave,
    kept: KeptSteps,
    now: Any,
    may: Any,
) -> RequestTraining | RequestStudy:
    """Return the command for a candidate: a study for a grid or a search, else a training.

    Raises:
        Problem: it does not fit the data or the catalog.
    """
    assert given.table is not None, "a training has a table"
    shared = {name: value for name, value in work.step.parameters.items() if name not in _OF_STEP}
    body: dict[str, Any] = {
        "dataset": _named(given.table),
        "seed": by.definition.seed,
        **({"split": dict(given.split)} if given.split else {}),
        **{name: limit for name, limit in _limits(work).items() if limit is not None},
        **shared,
        "estimator": candidate.get("estimator"),
        "hyperparameters": candidate.get("hyperparameters", {}),
    }
    settings, run = by.context.settings, RunId(command_id("train", by.id, work.step.name, at))
    tune = candidate.get("tune")
    if "grid" in candidate:
        space = {name: {"choices": values} for name, values in candidate["grid"].items()}
        tune = {"sampler": "grid", "space": space, **(tune or {})}
        many = math.prod(len(values) for values in candidate["grid"].values())
        tune.setdefault("trials", many)
    if tune is None:
        asked = request_training(run, _body_of(TrainingBody, body), now, settings, may)
        return kept.asked_of(asked)
    searched = _body_of(StudyBody, {**body, **tune})
    slots = max(1, sum(beat.slots for beat, _ in by.context.heartbeats.workers()))
    return kept.asked_of(request_study(run, session_of(by.id), searched, now, settings, may, slots))


def _named(table: DatasetSpec) -> str | dict[str, str]:
    """Return a table as a body names it."""
    return table.name if table.folder else {"name": table.name, "version": table.version}


def _limits(work: StepWork) -> dict[str, float | int | None]:
    return {"time_limit": work.step.time_limit, "memory_limit": work.step.memory_limit}


def _body_of(kind: type[Any], content: Mapping[str, Any]) -> Any:
    """Return a body. Raises a Problem if its values do not fit."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise invalid_body(error) from None


async def _until_done(
    by: ConductedRun, session: SessionId, command: RequestTraining | RequestStudy
) -> None:
    """Ask for a training or study, and wait for its end."""
    kind = "study" if isinstance(command, RequestStudy) else "training"
    await _request(by, session, command)
    await by.until_ended(session, kind, command.run)


async def _request(
    by: ConductedRun,
    session: SessionId,
    command: RequestTraining | RequestStudy | RequestEvaluation,
) -> None:
    """Ask for a run of the session, within its quotas."""
    if by.context.queries.latest().runs.stored(session, _kind_of(command), command.run) is None:
        check_run(by.context.settings.quotas, by.context.queries.now(), session)
    await by.commands.act(stream("session", session), command, "request", command.run)


def _kind_of(command: RequestTraining | RequestStudy | RequestEvaluation) -> str:
    if isinstance(command, RequestStudy):
        return "study"
    return "training" if isinstance(command, RequestTraining) else "evaluation"


async def _trained(
    by: ConductedRun, session: SessionId, requests: list[RequestTraining | RequestStudy]
) -> StepGave:
    """Return the trainings that have an artifact, one of each candidate."""
    trainings: list[TrainingRow] = []
    studies: list[RunId] = []
    failed: list[str] = []
    for one in requests:
        kind = _kind_of(one)
        row = await by.read(lambda now, _, kind=kind, run=one.run: now.runs.get(session, kind, run))  # type: ignore[misc]
        name = one.estimator if isinstance(one, RequestTraining) else one.candidates[0].estimator
        if row is None or row.unreadable:
            raise StepFailed("the session of the run has ended")
        if row.status != "completed":
            failed.append(
                f"{name}: {row.reason}: {row.detail}" if row.reason else f"{name} was cancelled"
            )
            continue
        if isinstance(row, StudyRow):
            studies.append(row.id)
            best = row.best
            row = await by.read(lambda now, _, run=best: now.runs.training(session, run))  # type: ignore[misc]
        assert isinstance(row, TrainingRow), "the best of a study is a training"
        trainings.append(row)
    if not trainings:
        raise StepFailed("; ".join(failed))
    return StepGave(
        session=session,
        trainings=tuple(row.id for row in trainings),
        artifacts={row.id: row.artifact for row in trainings if row.artifact is not None},
        estimators={row.id: row.estimator for row in trainings},
        studies=tuple(studies),
        notes=tuple(failed),
        scores={
            row.id: {name: folds.mean for name, folds in row.cross_validation.items()}
            for row in trainings
            if row.cross_validation
        },
    )


async def evaluate(by: ConductedRun, work: StepWork) -> StepGave:
    """Evaluate each training: on its held-out rows, or on all rows of a dataset.

    Raises:
        StepFailed: an evaluation has failed.
        Problem: a metric does not fit.
    """
    given = work.first(lambda gave: gave.trainings)
    content = {name: one for name, one in work.step.parameters.items() if name != "dataset"}
    source = by.row.sources.get(work.step.name)
    if source is not None:
        content["dataset"] = {"name": source.name, "version": source.version}
    elif work.tables and "dataset" in work.step.parameters:
        content["dataset"] = _named(work.tables[-1])
    body = _body_of(EvaluationBody, content)
    owner, most = RunOwner("session", given.session), by.context.settings.workers
    chosen = tuple(given.chosen.values()) or given.trainings

    async def requested(training: RunId) -> RequestEvaluation:
        run = RunId(command_id("evaluate", by.id, work.step.name, training))
        return await by.read(
            lambda now, may: request_evaluation(run, owner, training, body, now, most, may)
        )

    async def done(training: RunId) -> EvaluationRow:
        command = await requested(training)
        await _request(by, given.session, command)
        await by.until_ended(given.session, "evaluation", command.run)
        row = await by.run_of(given.session, "evaluation", command.run)
        if not isinstance(row, EvaluationRow) or row.unreadable:
            raise StepFailed("the session of the run has ended")
        if row.status != "completed":
            raise StepFailed(_why(row))
        return row

    rows = await asyncio.gather(*map(done, chosen))
    scores: dict[str, dict[str, float]] = {row.training: figures_of(row) for row in rows}
    return replace(
        given.models,
        evaluations=tuple(row.id for row in rows),
        scores={**given.scores, **scores},
        naive={} if body.dataset is not None else given.naive,  # those are of the held-out rows
    )


def _why(row: AnyRunRow) -> str:
    return f"{row.reason}: {row.detail}" if row.reason else "it was cancelled"
