"""Copies all content of one artifact store to another."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from autolearn.artifacts.store.errors import ArtifactMissing
from autolearn.artifacts.store.store import ArtifactStore


class StoreSize(Struct, frozen=True):
    """The content of a store: blobs (datasets), folders (artifacts), and all bytes."""

    blobs: int
    folders: int
    bytes: int


def held_by(store: ArtifactStore) -> StoreSize:
    """Return the size of a store; incoming content does not count."""
    blobs, folders = store.blobs(), store.folders()
    return StoreSize(len(blobs), len(folders), sum(blobs.values()) + sum(folders.values()))


def copy_all(
    source: ArtifactStore, target: ArtifactStore, told: Callable[[int, int], None]
) -> StoreSize:
    """Copy every present artifact of `source`, and return their size.

    Every byte is checked against the artifact's name: of copied content, and of `target`'s own.
    `told` receives the bytes done, and the total.

    Raises:
        Tampered: an artifact of either store was changed after it was stored.
    """
    blobs, folders = source.blobs(), source.folders()
    total, done = sum(blobs.values()) + sum(folders.values()), 0
    work = [(_copy_blob, *each) for each in blobs.items()]
    work += [(_copy_folder, *each) for each in folders.items()]
    for copy, digest, size in work:
        with tempfile.TemporaryDirectory(prefix="autolearn-copy-") as scratch:
            copy(source, target, digest, Path(scratch))
        done += size
        told(done, total)
    return StoreSize(len(blobs), len(folders), total)


def _copy_blob(source: ArtifactStore, target: ArtifactStore, digest: str, scratch: Path) -> None:
    """Copy one blob, or check the one that is there."""
    if target.exists(digest):
        target.fetch_blob(digest, scratch)
        return
    try:
        target.put_blob(source.fetch_blob(digest, scratch))
    except ArtifactMissing:  # it was deleted meanwhile
        if source.exists(digest):
            raise


def _copy_folder(source: ArtifactStore, target: ArtifactStore, digest: str, scratch: Path) -> None:
    """Copy one folder, or check the existing one; no key is needed for that.

    A folder that was deleted meanwhile, with its session, is left out.
    """
    if target.folder_exists(digest):
        target.check_folder(digest, scratch)
        return
    try:
        target.copy_folder(digest, source, scratch)
    except ArtifactMissing:
        if source.folder_exists(digest):
            raise
