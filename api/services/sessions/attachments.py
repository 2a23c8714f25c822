"""The routes of the files that users attach to trainings."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import json, pending
from autolearn.api.http.openapi import UPLOAD, answers
from autolearn.api.http.problems import Problem, check_id, unknown, unreadable
from autolearn.api.identity.principal import Who
from autolearn.api.limits.disk_room import require_disk
from autolearn.api.shared import uploads
from autolearn.api.shared.artifact_files import send
from autolearn.api.state.context import ApiContext
from autolearn.schemas.bounds import LARGEST_ATTACHMENT, LONGEST_NAME
from autolearn.schemas.commands import AnnotateSession
from autolearn.schemas.rest.annotations import Attachment
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import ATTACHED, AttachedFile, RunId, SessionId, TrainedArtifact

_AT = "/{session}/trainings/{run}/attachments"
_UNSAID = "application/octet-stream"
Name = Annotated[
    str,
    Query(
        min_length=1,
        max_length=LONGEST_NAME,
        pattern=r"^[^/\\\x00-\x1f\x7f]+$",
        description="The name of the file, without a folder.",
    ),
]


def add_attachment_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes, of trainings of sessions and experiments alike."""

    @routes.put(
        _AT,
        status_code=201,
        openapi_extra=UPLOAD,
        responses=answers({201: Attachment, 202: CommandState}),
    )
    async def attach_file(
        request: Request, session: SessionId, run: RunId, who: Who, name: Name
    ) -> Response:
        """Attach a file to a training: the body is the file itself.

        It replaces one of the same name. It is encrypted like all of the session, and kept as long
        as the training.
        """
        check_id("session", session)
        check_id("session", run, "training")
        media = request.headers.get("content-type", "").partition(";")[0].strip()[:LONGEST_NAME]
        early = CommandRequest.of(request, None)  # before all of a large file is read in vain
        context.commands.require_room(stream("session", session), early.id)
        require_disk(context.settings.limits, context.uploads.folders)
        executor = context.executors.uploads
        with context.uploads.room(who.name) as room:
            async with uploads.received(context.scratch, executor, request, room) as file:
                if file.size > LARGEST_ATTACHMENT:
                    raise _too_large(file.size)
                asked = CommandRequest.of(request, [file.digest, name, media])
                command = None
                if context.queries.answer(asked.id) is None:
                    artifact = await executor.run(partial(_stored, context, session, file.path))
                    attached = AttachedFile(name, media or _UNSAID, file.size, artifact)
                    command = AnnotateSession(run, file=attached)
                answer = await context.commands.post(stream("session", session), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        now = context.queries.now().annotations
        said = await context.executors.lists.run(lambda: now.of(session, run))
        found = next((one for one in said.attachments if one.name == name), None)
        if found is None:  # repeated, and the session has ended since
            return json(CommandState(asked.id, "accepted", answer.stream))
        return json(found, 201, asked.prefer.applied())

    @routes.get(_AT, response_class=Response)
    async def get_attachment(session: SessionId, run: RunId, name: Name) -> Response:
        """Send a file that is attached to a training."""
        now = context.queries.now()
        file = await context.executors.lists.run(lambda: now.annotations.file(session, run, name))
        if file is None:
            await context.reader.fresh()
            now = context.queries.now()
            file = await context.executors.lists.run(
                lambda: now.annotations.file(session, run, name)
            )
        if file is None:
            said = await context.executors.lists.run(lambda: now.annotations.of(session, run))
            names = [one.name for one in said.attachments]
            raise unknown("attachment", name, names, f"the training {run}")
        keyid = now.sessions.keyid(session)
        artifact = file.artifact
        key = context.vault.key(keyid).derived("artifacts") if keyid and artifact.stored else None
        read = partial(context.artifacts.with_key(key).read_file, artifact, ATTACHED)
        answer = await send(context, read, ATTACHED, file.sha256, _UNSAID)
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer


def _too_large(size: int) -> Problem:
    detail = (
        f"It has {size:,} bytes, and a file of at most {LARGEST_ATTACHMENT:,} is attached. No "
        "setting raises that: keep a table as a dataset."
    )
    return Problem(413, "too-large", "The file is too large", detail)


def _stored(context: ApiContext, session: SessionId, path: Path) -> TrainedArtifact:
    """Store a file under the key of its session (blocks).

    Raises:
        Problem: the session has no key any more.
    """
    keyid = context.queries.latest().sessions.keyid(session)
    if keyid is None:
        raise unreadable()
    key = context.vault.find(keyid).derived("artifacts") if keyid else None
    with tempfile.TemporaryDirectory(prefix="attach-", dir=context.scratch) as folder:
        Path(folder, ATTACHED).hardlink_to(path)
        return context.artifacts.with_key(key).put_folder(Path(folder))
