"""The route with which a model that was made elsewhere becomes a version.

What is sent is checked by a process of its own, and kept as the training of an experiment of its
own: so all that is asked of a training is asked of it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from msgspec.structs import replace
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest, Prefer, derive
from autolearn.api.commands.responses import pending
from autolearn.api.http.openapi import UPLOAD, answers
from autolearn.api.http.problems import Problem, check_id, unavailable, unreadable
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.services.models.registration import (
    VersionCandidate,
    hold,
    registered,
    require_registering,
    source_of,
)
from autolearn.api.shared import uploads
from autolearn.api.state.context import ApiContext
from autolearn.ml.imports.process import ImportJob, ImportRefused, import_apart
from autolearn.schemas.bounds import LONGEST_NOTE
from autolearn.schemas.commands import CommitSession, ImportTraining, OpenSession, RegisterVersion
from autolearn.schemas.messages import Command
from autolearn.schemas.models.imports import ImportFacts
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.models import ModelVersion
from autolearn.schemas.results import TrainingResult
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import RunId, SessionId, TrainedArtifact

_EXPIRES = 24 * 3600
"""Seconds after which the session of an import ends that was broken off before its commit."""
_SHARED = {*ImportTraining.__struct_fields__} & {*ImportFacts.__struct_fields__}
"""The facts that the command repeats."""
Note = Annotated[str, Query(max_length=LONGEST_NOTE)]


def add_import_route(routes: APIRouter, context: ApiContext) -> None:
    """Add the route to a router."""

    @routes.put(
        "/{model}/versions",
        status_code=201,
        openapi_extra=UPLOAD,
        responses=answers({201: ModelVersion, 202: CommandState}, "Location"),
    )
    async def import_version(request: Request, model: str, who: Who, note: Note = "") -> Response:
        """Register a model that was made elsewhere as the next version; the first makes the model.

        The body is a zip file of `model.skops` or `model.onnx`, `schema.json` and `examples.csv`:
        rows that the model must answer now.
        """
        check_id("model", model)
        early = CommandRequest.of(request, None)  # before all of a large file is read in vain
        context.commands.require_room(stream("model", model), early.id)
        await require_registering(context, who, model)
        with context.uploads.room(who.name) as room:
            lane = context.executors.uploads
            async with uploads.received(context.scratch, lane, request, room) as file:
                asked = CommandRequest.of(request, [file.digest, note])
                if context.queries.answer(asked.id) is not None:
                    answer = await context.commands.post(stream("model", model), None, asked)
                else:
                    asked = asked._replace(via=await require_registering(context, who, model))
                    made = await imported(who, model, file.path, asked)
                    source = source_of(context.queries.now(), made.experiment, made.training)
                    await hold(context, made, model, asked)
                    command = RegisterVersion(
                        experiment=made.experiment, training=made.training, source=source, note=note
                    )
                    answer = await context.commands.post(stream("model", model), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return registered(context, model, answer, asked)

    async def imported(
        who: Principal, model: str, sent: Path, asked: CommandRequest
    ) -> VersionCandidate:
        """Check what was sent, and keep it as the training of an experiment of its own.

        Raises:
            Problem: it is refused; or the experiment cannot be made now.
        """
        session, run = SessionId(derive(asked.id, "session")), RunId(derive(asked.id, "run"))
        owner = stream("session", session)

        async def step(name: str, command: Command) -> None:
            one = asked._replace(id=derive(asked.id, name), via="", prefer=Prefer(None, False))
            if isinstance(await context.commands.post(owner, command, one), Accepted):
                raise unavailable("The import was not decided in time. Try again.")

        with tempfile.TemporaryDirectory(dir=context.scratch, prefix="import-") as scratch:
            folder = Path(scratch)
            try:
                async with context.executors.examining.turn():
                    facts = await import_apart(ImportJob(str(sent), str(folder)))
            except ImportRefused as error:
                words = f"{error.detail}. {error.advice}".strip()
                raise Problem(422, "import-refused", error.title, words) from None
            if context.queries.answer(derive(asked.id, "open")) is None:
                context.taken.take(context.settings.quotas, context.queries, who.name, "sessions")
            await step("open", OpenSession(f"{model}: {facts.estimator}, imported", _EXPIRES))
            if context.queries.answer(derive(asked.id, "import")) is None:
                artifact = await stored(session, folder)
                result = TrainingResult(
                    artifact=replace(artifact, methods=facts.methods),
                    parameters={"classes": facts.classes} if facts.classes else {},
                    environment=facts.environment,
                    rows_train=0,
                    rows_test=0,
                    fit_seconds=0.0,
                    seconds=0.0,
                )
                known = {name: getattr(facts, name) for name in _SHARED}
                await step("import", ImportTraining(run=run, result=result, **known))
        await step("commit", CommitSession((run,)))
        return VersionCandidate(session, run, "")

    async def stored(session: SessionId, folder: Path) -> TrainedArtifact:
        """Store a folder, encrypted with the key of the session if there is one."""
        keyid = context.queries.latest().sessions.keyid(session)
        if keyid is None:
            raise unreadable()
        key = context.vault.find(keyid).derived("artifacts") if keyid else None
        store = context.artifacts.with_key(key)
        return await context.executors.uploads.run(lambda: store.put_folder(folder))
