"""Uploads of datasets: received, examined in a process of their own, stored, registered.

Nothing of a refused file is kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from msgspec import to_builtins
from msgspec.structs import replace
from starlette.requests import ClientDisconnect, Request

from autolearn.api.http.problems import Problem, incomplete
from autolearn.api.limits.disk_room import Room
from autolearn.api.limits.executors import ThreadLane
from autolearn.api.shared.read_hints import Hints
from autolearn.api.state.context import ApiContext
from autolearn.artifacts.datasets.errors import DatasetRefused, ExpectationsFailed
from autolearn.artifacts.datasets.sandbox import ProfileJob, profile_apart
from autolearn.schemas.bounds import UPLOAD_PACE, UPLOAD_SECONDS
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.datasets.rules import Expectations
from autolearn.schemas.values import DatasetRef

BLOCK = 1 << 20
EXAMINED_SECONDS, EXAMINED_PACE = 120, 8 << 20
"""Processor seconds within which a file must be read: a base, and a second per so many bytes."""
_TYPES = {
    "text/csv": "csv",
    "application/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
    "application/parquet": "parquet",
    "application/x-parquet": "parquet",
    "application/vnd.apache.arrow.file": "arrow",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "excel",
}


class Received(NamedTuple):
    """A received file: its temporary path, the SHA-256 of its bytes, and their number."""

    path: Path
    digest: str
    size: int


@asynccontextmanager
async def received(
    folder: Path,
    executor: ThreadLane,
    request: Request,
    room: Room,
    seconds: float = UPLOAD_SECONDS,
) -> AsyncIterator[Received]:
    """Write the body of a request into a file of the folder, which is deleted at the end.

    Raises:
        Problem: the body is over the limit, is a form or too slow, or the client has gone away; or
        there is no `room` for it.
    """
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise Problem(
            415,
            "not-a-file",
            "The body is a form",
            "Send the bytes of the file themselves, such as curl --upload-file data.csv does.",
        )
    digest, size, block = hashlib.sha256(), 0, bytearray()
    with tempfile.NamedTemporaryFile(dir=folder, prefix="upload-") as file:

        def write(content: bytes) -> None:
            digest.update(content)
            file.write(content)
            file.flush()

        try:
            async with asyncio.timeout(seconds) as clock:
                began = asyncio.get_running_loop().time()
                async for chunk in request.stream():
                    size += len(chunk)
                    block += chunk
                    clock.reschedule(began + seconds + size / UPLOAD_PACE)
                    if len(block) >= BLOCK:
                        room.take(len(block))
                        await executor.run(partial(write, bytes(block)))
                        block.clear()
        except ClientDisconnect:
            raise incomplete() from None
        except TimeoutError:
            raise _too_slow(size) from None
        room.take(len(block))
        await executor.run(partial(write, bytes(block)))
        yield Received(Path(file.name), digest.hexdigest(), size)


@asynccontextmanager
async def stored(context: ApiContext, ref: DatasetRef, room: Room) -> AsyncIterator[Received]:
    """Copy the file of a version into a file of its own, in clear, which is deleted at the end.

    Raises:
        Problem: there is no `room` for it.
        ArtifactError: it is not in the store, or damaged.
    """
    executor = context.executors.uploads
    key = context.vault.key(ref.keyid).derived("artifacts") if ref.keyid else None
    with tempfile.NamedTemporaryFile(dir=context.scratch, prefix="upload-") as file:
        store = context.artifacts.with_key(key if ref.folder else None, key)
        size, chunks = await executor.run(lambda: store.read_dataset(ref))
        room.take(size)

        def copy() -> None:
            for chunk in chunks:
                file.write(chunk)
            file.flush()

        await executor.run(copy)
        yield Received(Path(file.name), ref.version, size)


def _too_slow(size: int) -> Problem:
    """Return the problem of a file that does not arrive. The connection is closed with it."""
    return Problem(
        408,
        "body-too-slow",
        "The file did not come in time",
        f"{size:,} bytes of it have come. An upload may take {UPLOAD_SECONDS:g} seconds, and one "
        f"more for each {UPLOAD_PACE:,} bytes that come; no setting raises that. Nothing was kept.",
        headers={"Connection": "close"},
    )


async def examine(
    file: Received,
    name: str,
    *,
    given: str | None,
    media: str,
    target: str | None,
    summary: str,
    sensitive: tuple[str, ...],
    hints: Hints,
    before: DatasetSpec | None,
    wanted: Collection[str] = (),
    hints_for: str = "",
    expectations: Expectations = Expectations(),  # noqa: B008 - it is frozen
) -> DatasetSpec:
    """Examine a file. The format is the `given` one, or detected by media type or bytes.

    Values of `sensitive` columns are hidden. The types of the version `before` are kept. `wanted`
    and `hints_for` as in a ProfileJob. Soft rules of the `expectations` that it breaks are
    findings.

    Raises:
        Problem: it cannot be used, or breaks hard rules; every fault is listed.
    """
    said = given or _TYPES.get(media.partition(";")[0].strip().lower())
    question = ProfileJob(
        path=str(file.path),
        name=name,
        format=said,
        version=file.digest,
        bytes=file.size,
        target=target,
        summary=summary,
        sensitive=sensitive,
        hints=hints.read,
        before={} if before is None else {one.name: one.type for one in before.columns},
        accepted=hints.accept_findings,
        wanted=tuple(wanted),
        hints_for=hints_for,
        expectations=expectations,
        now=time.time(),
        cpu_s=EXAMINED_SECONDS + file.size // EXAMINED_PACE,
    )
    try:
        return await profile_apart(question)
    except ExpectationsFailed as failed:
        raise Problem(
            422,
            "expectations-failed",
            failed.title,
            f"Of {name} is expected: {'; '.join(failed.sentences)}. Nothing was kept. Mend the "
            f"file, or change what is expected: dataset expect {name}.",
            errors=[
                {"detail": sentence, **to_builtins(one)}
                for sentence, one in zip(failed.sentences, failed.outcomes, strict=True)
            ],
        ) from None
    except DatasetRefused as refused:
        raise Problem(
            422,
            "dataset-refused",
            refused.title,
            " ".join(refused.sentences),
            errors=[{"detail": sentence} for sentence in refused.sentences],
        ) from None


async def discard(context: ApiContext, spec: DatasetSpec) -> None:
    """Delete the content that `keep` has stored for a version that was not registered.

    Content in clear may belong to another dataset too: it is collected if nothing refers to it.
    """

    def deleted() -> None:
        if not context.queries.now().catalog.has_version(spec.name, spec.version):
            context.artifacts.delete_blob(spec.stored)

    if spec.stored:
        await context.executors.uploads.run(deleted)


async def keep(context: ApiContext, file: Received, spec: DatasetSpec, keyid: str) -> DatasetSpec:
    """Store a file, encrypted if it has a key; return its content in the store.

    It is on the disk when this returns. The same version is stored once.
    """

    def put() -> DatasetSpec:
        present = context.queries.now().catalog.dataset(spec.name, spec.version)
        if present is not None and present.spec.keyid == keyid:
            return replace(spec, stored=present.spec.stored, keyid=keyid)
        if not keyid:
            context.artifacts.put_blob(file.path)
            return spec
        key = context.vault.find(keyid).derived("artifacts")
        blob = context.artifacts.put_sealed(file.path, key, file.digest)
        return replace(spec, stored=blob.digest, keyid=keyid)

    return await context.executors.uploads.run(put)
