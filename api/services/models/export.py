"""Versions as files: made by a process of their own, and sent."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query
from starlette.responses import Response

from autolearn.api.http.problems import Problem, unreadable
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.identity.visibility import Level, access_to
from autolearn.api.shared.artifact_files import send, unavailable
from autolearn.api.shared.authorization import forbidden
from autolearn.api.shared.models.checks import require_experiment, require_model, version_of
from autolearn.api.state.context import ApiContext
from autolearn.artifacts.store.errors import ArtifactError
from autolearn.artifacts.store.store import ArtifactStore, Content
from autolearn.ml.export.process import ExportJob, ExportRefused, export_apart
from autolearn.schemas.bounds import MIB
from autolearn.schemas.models.exports import ExportForm
from autolearn.schemas.rest.models import ModelVersionRow
from autolearn.schemas.values import DatasetRef
from autolearn.security.data_key import Unreadable

_BLOCK = 1 << 20
_MOST_BYTES = 256 * MIB
"""The largest dataset whose held-out rows are compared."""
_ENDINGS = {"python": ("zip", "application/zip"), "onnx": ("onnx", "application/octet-stream")}
Form = Annotated[
    ExportForm,
    Query(
        alias="as", description="A file of ONNX; or a zip file with the artifact and predict.py."
    ),
]


class _Exported(NamedTuple):
    """An exported file, open and without a name any more: its bytes, and their SHA-256."""

    content: Content
    digest: str


def add_export_route(routes: APIRouter, context: ApiContext) -> None:
    """Add the route to a router."""

    @routes.get("/{model}/versions/{version}/export", response_class=Response)
    async def export_version(model: str, version: str, form: Form, who: Who) -> Response:
        """Send a version as a file that answers without AutoLearn.

        It has the artifact, so it is for those who may also read the version's experiment.
        """
        await require_model(context, who, model, Level.READ)
        now = context.queries.now()
        row = now.models.version(model, version_of(now, model, version))
        assert row is not None, "it was found at this moment"
        require_experiment(row)
        await _require_artifact(context, who, row)
        made = await _exported(context, row, form)
        ending, media = _ENDINGS[form]
        name = f"{model}-{row.version}.{ending}"
        return await send(context, lambda: made.content, name, made.digest, media)


async def _require_artifact(context: ApiContext, who: Principal, row: ModelVersionRow) -> None:
    """Raise a problem unless a principal may read the artifact of a version that is not retired."""
    if row.retired:
        detail = f"Version {row.version} of {row.model} is retired."
        raise Problem(410, "version-retired", "The version is retired", detail)
    level, via = access_to(who, context.queries.latest(), row.experiment)
    if level < Level.READ or via:  # the membership may have ended, through another process
        await context.reader.fresh()
        level, _ = access_to(who, context.queries.latest(), row.experiment)
    if level < Level.READ:
        raise forbidden(
            "An export has the artifact, and so example rows of the training: it is for those who "
            "may read the experiment as well (experiment share)."
        )


async def _exported(context: ApiContext, row: ModelVersionRow, form: ExportForm) -> _Exported:
    """Export a version into a file.

    Raises:
        Problem: it has no such form, or its artifact cannot be read.
    """
    if row.source is None:
        raise unreadable()
    artifact, keyid = row.source.artifact, context.queries.latest().sessions.keyid(row.experiment)
    if artifact.methods is not None and "predict" not in artifact.methods:
        detail = f"{row.source.estimator} assigns no rows but those that it was fitted on."
        raise Problem(409, "model-unfit", "The version does not answer", detail)
    try:
        key = context.vault.key(keyid).derived("artifacts") if keyid and artifact.stored else None
    except Unreadable:
        raise unreadable() from None
    source, run = row.source, context.executors.artifacts.run
    store = context.artifacts.with_key(key, _data_key(context, source.dataset))
    with tempfile.TemporaryDirectory(dir=context.scratch, prefix="export-") as scratch:
        folder, into = Path(scratch, "artifact"), Path(scratch, "out", "file")
        for one in (folder, into.parent):
            one.mkdir()
        try:
            found = await run(lambda: store.fetch_folder(artifact.folder, folder))
            data = None
            if form == "onnx" and not row.imported:
                data = await run(partial(_fetched, store, source.dataset, Path(scratch)))
            job = ExportJob(
                form,
                str(found.resolve()),
                str(into),
                f"{row.model}@{row.version}",
                str(data.resolve()) if data else "",
            )
            async with context.executors.examining.turn():
                await export_apart(job)
        except ArtifactError as error:
            raise unavailable(error) from None
        except ExportRefused as error:
            words = f"{error.detail}. {error.advice}".strip()
            raise Problem(409, "export-refused", error.title, words) from None
        return await run(partial(_opened, into))


def _data_key(context: ApiContext, dataset: DatasetRef) -> bytes | None:
    """Return the key of a dataset's file, None for none, or if it is gone."""
    try:
        return context.vault.key(dataset.keyid).derived("artifacts") if dataset.keyid else None
    except Unreadable:
        return None


def _fetched(store: ArtifactStore, dataset: DatasetRef, into: Path) -> Path | None:
    """Return a local file with a dataset, None if it is gone or too large (blocks)."""
    try:
        with closing(store.dataset_ranges(dataset)) as found:
            if found.size > _MOST_BYTES:
                return None
        return store.fetch_dataset(dataset, into)
    except ArtifactError:
        return None


def _opened(path: Path) -> _Exported:
    """Open a file, which may be deleted then (blocks)."""
    file = path.open("rb")
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = file.tell()
    file.seek(0)

    def chunks() -> Iterator[bytes]:
        with file:
            while chunk := file.read(_BLOCK):
                yield chunk

    return _Exported(Content(size, chunks()), digest)
