"""Registers a training as a version: checks it, and holds its experiment."""

from __future__ import annotations

import time
from typing import NamedTuple

from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest, Prefer, derive
from autolearn.api.commands.responses import created
from autolearn.api.http.problems import Problem, unavailable, unreadable
from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import Level, access_to, model_access
from autolearn.api.services.models import resources
from autolearn.api.shared.authorization import forbidden
from autolearn.api.shared.id_prefixes import session_or_training
from autolearn.api.shared.lookup import RunOwner, find_experiment
from autolearn.api.shared.models.checks import require_model
from autolearn.api.shared.training_choice import choose_training
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.evaluations import figures_of, newest_held_out
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.rows.command_answers import Answer
from autolearn.runtime.timestamps import millis, now, text
from autolearn.schemas.commands import HoldExperiment
from autolearn.schemas.models.versions import VersionSource
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import NO_RUN, RunId, SessionId

_HOLD_MS = 60_000
"""Milliseconds within which a version is registered after its experiment was held."""


class VersionCandidate(NamedTuple):
    """A training that is to become a version, and the group whose grant allows it."""

    experiment: SessionId
    training: RunId
    via: str


async def require_registering(context: ApiContext, who: Principal, model: str) -> str:
    """Return the group whose grant lets one register, "" for none or for a new model.

    Raises:
        Problem: the model is somebody else's (409), or the grant is less (403).
    """
    row = context.queries.latest().models.stored(model)
    if row is None:
        await context.reader.fresh()
        row = context.queries.latest().models.stored(model)
    if row is None:
        return ""
    level, _ = model_access(who, context.queries.latest(), model)
    if level < Level.READ:
        raise Problem(
            409,
            "model-taken",
            "The name is taken",
            f"{model} is somebody else's model: choose another name.",
        )
    return await require_model(context, who, model, Level.WORK)


def registered(context: ApiContext, model: str, answer: Answer, asked: CommandRequest) -> Response:
    """Return the version that a command has registered."""
    snapshot = context.queries.now()
    number = snapshot.models.registered_at(model, answer.sequence)
    row = snapshot.models.version(model, number)
    assert row is not None, "it was just registered"
    shown = resources.model_version(row)
    return created(shown, f"/v1/models/{model}/versions/{number}", asked)


async def find_candidate(context: ApiContext, who: Principal, given: str) -> VersionCandidate:
    """Return a training of an experiment, by an id or the start of one.

    Raises:
        Problem: there is none, its session is open, or one may not work on its experiment.
    """
    session, run = await session_or_training(context, who, given)
    if context.queries.latest().sessions.is_open(session):
        raise Problem(
            409,
            "session-open",
            "The session is open",
            f"The training is in the open session {session[:8]}: commit it first, so that what "
            "answers is kept (autolearn commit).",
        )
    await find_experiment(context, session)
    level, via = access_to(who, context.queries.latest(), session)
    if via:
        await context.reader.fresh()
        level, via = access_to(who, context.queries.latest(), session)
    if level < Level.WORK:
        raise forbidden("The experiment is for its owner, and for those who may work in it.")
    training = await choose_training(context, RunOwner("experiment", session), run)
    return VersionCandidate(session, training, via)


def source_of(snapshot: Snapshot, experiment: SessionId, training: RunId) -> VersionSource:
    """Return the facts about a training of an experiment (decrypts).

    Raises:
        Problem: it has no artifact, or cannot be read.
    """
    row = snapshot.runs.training(experiment, training)
    if row is None or row.unreadable:
        raise unreadable()
    if row.artifact is None:
        detail = f"The training {training[:8]} is {row.status}: only a completed one has a model."
        raise Problem(409, "training-incomplete", "The training has no artifact", detail)
    evaluation = newest_held_out(snapshot, experiment, training)
    return VersionSource(
        estimator=row.estimator,
        task=row.task,
        target=row.target,
        library_version=row.library_version,
        dataset=row.dataset,
        artifact=row.artifact,
        schema_hash=row.schema_hash,
        features=row.features,
        metrics=figures_of(evaluation) if evaluation else {},
        evaluation=evaluation.id if evaluation else NO_RUN,
        imported=row.imported,
    )


async def hold(
    context: ApiContext, candidate: VersionCandidate, model: str, asked: CommandRequest
) -> None:
    """Hold an experiment, so that it is not deleted while its version is registered.

    Raises:
        Problem: it is refused, or not decided in time: nothing was registered.
    """
    until = text(millis(now()) + _HOLD_MS)
    first = asked._replace(
        id=derive(asked.id, "hold"), via=candidate.via, prefer=Prefer(None, False)
    )
    began = time.monotonic()
    held = await context.commands.post(
        stream("session", candidate.experiment), HoldExperiment(model, until), first
    )
    if isinstance(held, Accepted) or (time.monotonic() - began) * 1000 > _HOLD_MS / 2:
        raise unavailable("The experiment was not held in time: nothing was registered. Try again.")
