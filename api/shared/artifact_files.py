"""Artifacts over HTTP: the list of files, and the files themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial

from starlette.responses import Response, StreamingResponse

from autolearn.api.http.problems import Problem, unknown
from autolearn.api.state.context import ApiContext
from autolearn.artifacts.store.errors import ArtifactError
from autolearn.artifacts.store.store import ArtifactStore, Content
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.rest.runs import Artifact, ArtifactFile
from autolearn.schemas.values import RunId, SessionId, TrainedArtifact


def artifact_shown(snapshot: Snapshot, session: SessionId, run: RunId, base: str) -> Artifact:
    """Return the artifact of a training for clients; `base` as in `artifact_of`.

    Raises:
        Problem: as `artifact_of`.
    """
    artifact, at = artifact_of(snapshot, session, run, base), f"{base}/trainings/{run}/artifact"
    files = [
        ArtifactFile(name, digest, {"self": f"{at}/{name}"})
        for name, digest in sorted(artifact.files.items())
    ]
    return Artifact(artifact.digest, artifact.bytes, files)


def artifact_of(snapshot: Snapshot, session: SessionId, run: RunId, base: str) -> TrainedArtifact:
    """Return the artifact of a training; `base` is the path of its session or experiment.

    Raises:
        Problem: there is no such training, or it has no artifact.
    """
    row = snapshot.runs.training(session, run)
    if row is None:
        raise Problem(
            404, "run-unknown", "There is no such training", f"{base} has no training {run}."
        )
    if row.artifact is None:
        raise Problem(
            409,
            "training-incomplete",
            "The training has no artifact",
            f"The training {run} is {row.status}; only a completed one has an artifact.",
        )
    return row.artifact


async def send_file(
    context: ApiContext,
    snapshot: Snapshot,
    session: SessionId,
    artifact: TrainedArtifact,
    name: str,
    of: ArtifactStore | None = None,
    media: str = "",
) -> Response:
    """Send one file of an artifact of a session, decrypted as the client reads it.

    `of` is the store, if it is another part of it. Without a `media` type it is that of the name.

    Raises:
        Unreadable: the session's key is gone.
        Problem: there is no such file, or its stored bytes are damaged.
    """
    return await send_stored(
        context, of or context.artifacts, artifact, name, snapshot.sessions.keyid(session), media
    )


async def send_stored(
    context: ApiContext,
    store: ArtifactStore,
    artifact: TrainedArtifact,
    name: str,
    keyid: str | None,
    media: str = "",
) -> Response:
    """Send one file of an artifact that is encrypted with a key ("" or None: with none).

    Raises:
        Unreadable: the key is gone.
        Problem: there is no such file, or its stored bytes are damaged.
    """
    if name not in artifact.files:
        raise unknown("file", name, artifact.files, "the list of files, one level up")
    key = context.vault.key(keyid).derived("artifacts") if keyid and artifact.stored else None
    store = store.with_key(key)
    media = media or ("application/json" if name.endswith(".json") else "application/octet-stream")
    read = partial(store.read_file, artifact, name)
    return await send(context, read, name, artifact.files[name], media)


def unavailable(error: ArtifactError) -> Problem:
    """Return the problem of content that is missing, or damaged."""
    detail = f"{error.detail}. {error.advice}".strip()
    return Problem(500, "artifact-unavailable", error.title, detail)


async def send(
    context: ApiContext, read: Callable[[], Content], name: str, digest: str, media: str
) -> Response:
    """Send a file of the store in parts; a file that was changed there is cut before its end.

    Raises:
        Problem: its stored bytes are damaged, as far as the beginning shows.
    """
    run = context.executors.artifacts.run
    try:
        size, chunks = await run(read)
        first = await run(lambda: next(chunks, b""))
    except ArtifactError as error:
        raise unavailable(error) from None

    async def content() -> AsyncIterator[bytes]:
        chunk = first
        while chunk:
            yield chunk
            chunk = await run(lambda: next(chunks, b""))

    headers = {
        "Content-Length": str(size),
        "ETag": f'"{digest}"',
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return StreamingResponse(content(), media_type=media, headers=headers)
