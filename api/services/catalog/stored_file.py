"""Opens the stored file of a dataset's version for a process that reads it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any, NamedTuple

from autolearn.api.http.problems import Problem
from autolearn.api.shared.artifact_files import unavailable
from autolearn.api.shared.uploads import EXAMINED_PACE, EXAMINED_SECONDS
from autolearn.api.state.context import ApiContext
from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.reader_process import ReadRange
from autolearn.artifacts.store.errors import ArtifactError
from autolearn.schemas.catalog import DatasetSpec


class StoredFile(NamedTuple):
    """The stored file of a version: its bytes, and the function that reads some of them."""

    size: int
    read: ReadRange


@asynccontextmanager
async def opened(context: ApiContext, spec: DatasetSpec) -> AsyncIterator[StoredFile]:
    """Yield the stored file of a version, when it is the turn of the user to read one.

    Raises:
        Problem: it is not in the store, or cannot be read.
    """
    ref, run = spec.ref, context.executors.artifacts.run
    key = context.vault.key(ref.keyid).derived("artifacts") if ref.keyid else None
    store = context.artifacts.with_key(None, key)
    try:
        async with context.executors.reading.turn():
            with closing(await run(lambda: store.dataset_ranges(ref))) as file:
                yield StoredFile(
                    file.size, lambda offset, length: run(lambda: file.read(offset, length))
                )
    except ArtifactError as error:
        raise unavailable(error) from None
    except DatasetRefused as refused:
        title = "The file cannot be read"
        raise Problem(422, "dataset-unreadable", title, refused.detail) from None


def limits_of(spec: DatasetSpec) -> dict[str, Any]:
    """Return the fields that all jobs about a version have."""
    return {
        "options": spec.read,
        "types": {column.name: column.type for column in spec.columns},
        "quiet": bool(spec.sensitive),
        "cpu_s": EXAMINED_SECONDS + spec.bytes // EXAMINED_PACE,
    }
