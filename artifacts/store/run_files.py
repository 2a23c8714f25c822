"""The artifact store of a run: fetched files, and a place for its own.

A run's process has neither the store's address nor its keys. The agent puts the run's input into
`in`, by digest (a link where the store is local), and stores what the run leaves in `out`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from autolearn.artifacts.store.content_names import check_file, manifest_of
from autolearn.artifacts.store.errors import missing
from autolearn.artifacts.store.store import MANIFEST, Blob
from autolearn.schemas.values import DatasetRef, TrainedArtifact


class Artifacts(Protocol):
    """The artifacts of a kind of work: part of `ArtifactStore`, and its twin for runs."""

    def put_blob(self, content: Iterable[bytes] | Path) -> Blob:
        """Store bytes."""

    def fetch_blob(self, digest: str, into: Path) -> Path:
        """Return a local file with a blob's bytes."""

    def fetch_dataset(self, ref: DatasetRef, into: Path) -> Path:
        """Return a local file with a dataset's bytes."""

    def put_folder(self, local: Path) -> TrainedArtifact:
        """Store the files of a flat folder."""

    def fetch_folder(self, digest: str, into: Path) -> Path:
        """Return a local folder with the stored files."""


class RunFiles:
    """The artifacts of one run, in its folder."""

    def __init__(self, folder: Path) -> None:
        self.inputs, self.outputs = folder / "in", folder / "out"

    def put_blob(self, content: Iterable[bytes] | Path) -> Blob:
        """Leave bytes for the agent to store."""
        data = content.read_bytes() if isinstance(content, Path) else b"".join(content)
        digest = hashlib.sha256(data).hexdigest()
        (self.outputs / digest).write_bytes(data)
        return Blob(digest, len(data))

    def fetch_blob(self, digest: str, into: Path) -> Path:  # noqa: ARG002 - it is here already
        """Return the file, checked against the digest. Raises ArtifactMissing and Tampered."""
        path = self.inputs / digest
        if not path.is_file() and not (path := self.outputs / digest).is_file():
            raise missing("dataset", digest)
        check_file(path, digest)
        return path.resolve()

    def fetch_dataset(self, ref: DatasetRef, into: Path) -> Path:
        """Return the file, checked against its version. Raises ArtifactMissing and Tampered."""
        return self.fetch_blob(ref.version, into)

    def put_folder(self, local: Path) -> TrainedArtifact:
        """Move the files of a flat folder to where the agent stores them."""
        files = {path.name: path for path in sorted(local.iterdir()) if path.name != MANIFEST}
        hashes, manifest, digest = manifest_of(files)
        size = sum(path.stat().st_size for path in files.values()) + len(manifest)
        left = self.outputs / digest
        left.mkdir(exist_ok=True)
        for name, path in files.items():
            path.replace(left / name)
        return TrainedArtifact(digest=digest, files=hashes, bytes=size)

    def fetch_folder(self, digest: str, into: Path) -> Path:  # noqa: ARG002 - it is here already
        """Return the folder; its files were checked when fetched. Raises ArtifactMissing."""
        path = self.inputs / digest
        if not path.is_dir():
            raise missing("model", digest)
        return path.resolve()
