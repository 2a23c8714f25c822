"""The route with which a model that was made elsewhere becomes a version.

What is sent is checked by a process of its own, and kept encrypted with the key of the model.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from msgspec.structs import replace
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import pending
from autolearn.api.http.openapi import UPLOAD, answers
from autolearn.api.http.problems import Problem, check_id
from autolearn.api.identity.principal import Who
from autolearn.api.services.models.registration import registered, require_registering
from autolearn.api.shared import uploads
from autolearn.api.state.context import ApiContext
from autolearn.ml.imports.process import ImportJob, ImportRefused, import_apart
from autolearn.projections.rows.command_answers import Answer
from autolearn.schemas.bounds import LONGEST_NOTE
from autolearn.schemas.commands import RegisterVersion
from autolearn.schemas.models.versions import VersionSource
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.models import ModelVersion
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import DatasetRef, TrainedArtifact

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
                    source = await kept(model, file.path, asked)
                    command = RegisterVersion(source=source, note=note)
                    answer = await register(model, command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return registered(context, model, answer, asked)

    async def kept(model: str, sent: Path, asked: CommandRequest) -> VersionSource:
        """Check what was sent, and store the artifact under the key of the model.

        Raises:
            Problem: it is refused; or there is no key now.
        """
        lane = context.executors.uploads
        with tempfile.TemporaryDirectory(dir=context.scratch, prefix="import-") as scratch:
            folder = Path(scratch)
            try:
                async with context.executors.examining.turn():
                    facts = await import_apart(ImportJob(str(sent), str(folder)))
            except ImportRefused as error:
                words = f"{error.detail}. {error.advice}".strip()
                raise Problem(422, "import-refused", error.title, words) from None
            keyid = await context.commands.key_of(stream("model", model), asked)
            artifact = await lane.run(partial(_stored, context, keyid, folder))
        return VersionSource(
            estimator=facts.estimator,
            task=facts.task,
            target=facts.target,
            library_version=facts.library_version,
            dataset=DatasetRef("", ""),
            artifact=replace(artifact, methods=facts.methods),
            schema_hash=facts.schema_hash,
            features=facts.features,
        )

    async def register(
        model: str, command: RegisterVersion, asked: CommandRequest
    ) -> Answer | Accepted:
        """Post the command; delete the artifact if it is refused."""
        try:
            return await context.commands.post(stream("model", model), command, asked)
        except Problem as problem:
            folder = command.source.artifact.stored
            if folder and problem.status_code < 500:  # otherwise it may still be registered
                await context.executors.uploads.run(lambda: context.artifacts.delete_folder(folder))
            raise


def _stored(context: ApiContext, keyid: str, folder: Path) -> TrainedArtifact:
    """Store a folder, encrypted if there is a key (blocks)."""
    key = context.vault.find(keyid).derived("artifacts") if keyid else None
    return context.artifacts.with_key(key).put_folder(folder)
