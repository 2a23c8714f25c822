"""Rows that are kept for one prediction, for a day, under the key of its session."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from starlette.responses import Response

from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.http.problems import Problem, unreadable
from autolearn.api.shared.lookup import RunOwner
from autolearn.api.shared.runs import request_run
from autolearn.api.state.context import ApiContext
from autolearn.schemas.commands import RequestPrediction
from autolearn.schemas.values import DatasetRef


async def store_rows(
    context: ApiContext, file: Path, name: str, digest: str, owner: RunOwner
) -> DatasetRef:
    """Store a file of rows with a SHA-256, and return where it is.

    Raises:
        Problem: the key of the session is shredded (410).
    """
    keyid = context.queries.latest().sessions.keyid(owner.id)
    if keyid is None:
        raise unreadable()

    def put() -> DatasetRef:
        store = context.artifacts.passing()
        if not keyid:
            store.put_blob(file)
            return DatasetRef(name, digest)
        key = context.vault.find(keyid).derived("artifacts")
        return DatasetRef(name, digest, store.put_sealed(file, key, digest).digest, keyid)

    return await context.executors.uploads.run(put)


async def request_with_rows(
    context: ApiContext, asked: CommandRequest, owner: RunOwner, command: RequestPrediction
) -> Response:
    """Have a prediction of stored rows accepted; the rows are deleted if it is refused."""
    try:
        return await request_run(context, asked, owner, "prediction", command)
    except Problem as problem:
        stored = command.dataset.stored
        if stored and problem.status_code < 500:  # otherwise it may be accepted
            delete = context.artifacts.passing().delete_blob
            await context.executors.uploads.run(partial(delete, stored))
        raise
