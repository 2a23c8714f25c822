"""The artifact store: large content, kept outside the log and named by its SHA-256.

    datasets/<first two digits>/<sha256>      the bytes of one version of a dataset
    models/<sha256 of the manifest>/...       the files of one trained model
    models/<sha256 of the manifest>/manifest.json   {file: sha256}, sorted, written last
    incoming/<random>                         content on its way in

The models of a session that has a key are encrypted with it: every file is `<name>.aead` then
(artifacts.sealing), and the names and hashes are of what is stored. Two such models are never the
same, so nothing is shared between sessions, and a session's folders can be deleted with it.
Datasets are the catalog's, and stay as they are.

Content never changes under its name, so a second put is a no-op and any number of processes may
put at once. On a local file system everything is flushed to the disk before its name appears:
an event that names an artifact is never ahead of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from autolearn.artifacts.errors import (
    ArtifactMissing,
    ArtifactUnreadable,
    TooLarge,
    missing,
    tampered,
)
from autolearn.artifacts.sealing import CannotOpen, open_file, seal_file
from autolearn.schemas.values import TrainedModel

__all__ = ["ArtifactStore", "Blob"]

CHUNK = 1 << 20
MANIFEST = "manifest.json"
SEALED = ".aead"
"""The end of the name of an encrypted file."""


class Blob(NamedTuple):
    """Stored bytes: the SHA-256 (hex) that names them, and how many they are."""

    digest: str
    size: int


class ArtifactStore:
    """Content-addressed files at an fsspec URL, such as file:///var/lib/autolearn or s3://bucket.

    With a `key` (256 bits) the folders that are put are encrypted with it, and those that were are
    decrypted; others are read as they are.
    Calls block; none is for an event loop's own thread. Safe to use from many processes.
    """

    def __init__(self, url: str, key: bytes | None = None) -> None:
        self.url, self.key = url, key
        self._files, self._root = fsspec.core.url_to_fs(url)
        self._local = isinstance(self._files, LocalFileSystem)

    # blobs

    def put_blob(self, content: Iterable[bytes] | Path, *, max_bytes: int | None = None) -> Blob:
        """Keep the bytes of `content` (a file, or chunks as they come) and return their name.

        Raises TooLarge as soon as more than `max_bytes` have come; then nothing is left behind.
        """
        chunks = read_chunks(content) if isinstance(content, Path) else content
        digest, size = hashlib.sha256(), 0
        with self._incoming() as (temporary, handle):
            for chunk in chunks:
                size += len(chunk)
                if max_bytes is not None and size > max_bytes:
                    raise TooLarge(
                        f"there are more than {max_bytes:,} bytes, which is the limit",
                        advice="Send fewer rows or columns, or a Parquet file, or raise the limit.",
                    )
                digest.update(chunk)
                handle.write(chunk)
            self._sync(handle)
            blob = Blob(digest.hexdigest(), size)
            if not self.exists(blob.digest):
                self._move(temporary, self._blob(blob.digest))
        return blob

    def exists(self, digest: str) -> bool:
        """Say whether a blob is kept under this digest."""
        return bool(self._files.exists(self._blob(digest)))

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading. Raises ArtifactMissing."""
        try:
            return cast("BinaryIO", self._files.open(self._blob(digest), "rb"))
        except FileNotFoundError:
            raise missing("dataset", digest) from None

    def fetch_blob(self, digest: str, into: Path) -> Path:
        """Return a local file with the blob's bytes, checked against the digest.

        On a local file system it is the store's own file, and nothing is copied; otherwise it is
        `into`/<digest>. Raises ArtifactMissing and Tampered.
        """
        path = Path(self._blob(digest)) if self._local else into / digest
        if not self._local:
            with self.open(digest) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target, CHUNK)
        if not path.is_file():
            raise missing("dataset", digest)
        check_file(path, digest)
        return path

    # folders

    def put_folder(self, local: Path) -> TrainedModel:
        """Keep the files of a flat folder; the same files always get the same digest."""
        files = {path.name: path for path in sorted(local.iterdir()) if path.name != MANIFEST}
        hashes, manifest, digest = manifest_of(files)
        size = sum(path.stat().st_size for path in files.values()) + len(manifest)
        if self.key is None:
            self._keep_folder(digest, files, manifest)
            return TrainedModel(digest=digest, files=hashes, bytes=size)
        with tempfile.TemporaryDirectory(prefix="autolearn-") as scratch:
            sealed = {name + SEALED: Path(scratch, name + SEALED) for name in files}
            for name, path in files.items():
                with path.open("rb") as source, sealed[name + SEALED].open("wb") as target:
                    seal_file(source, target, self.key, name.encode())
            _, stored, folder = manifest_of(sealed)
            self._keep_folder(folder, sealed, stored)
        return TrainedModel(digest=digest, files=hashes, bytes=size, stored=folder)

    def fetch_folder(self, digest: str, into: Path) -> Path:
        """Return a local folder with the files that were put, every one checked by its hash.

        On a local file system it is the store's own folder, and nothing is copied; otherwise, and
        of files that are encrypted, it is `into`. Raises ArtifactMissing, Tampered, and
        ArtifactUnreadable; then nothing that was decrypted is left.
        """
        folder = self._fetch_stored(digest, into)
        if not any(path.suffix == SEALED for path in folder.iterdir()):
            return folder
        for path in folder.glob(f"*{SEALED}"):
            self._open_file(path, into / path.name.removesuffix(SEALED))
        return into

    def check_folder(self, digest: str, into: Path) -> None:
        """Check every file of a folder as it is stored by its hash; `into` is an empty folder.

        Raises ArtifactMissing and Tampered.
        """
        self._fetch_stored(digest, into)

    def delete_folder(self, digest: str) -> bool:
        """Delete a folder; say whether there was one. Its manifest goes first."""
        folder = self._folder(digest)
        self._files.invalidate_cache()
        if not self._files.exists(folder):
            return False
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(f"{folder}/{MANIFEST}")
        with contextlib.suppress(FileNotFoundError):
            self._files.rm(folder, recursive=True)
        return True

    def with_key(self, key: bytes | None) -> ArtifactStore:
        """Return the same store for what a session has."""
        return ArtifactStore(self.url, key)

    def _open_file(self, sealed: Path, clear: Path) -> None:
        """Decrypt a file. Raises ArtifactUnreadable."""
        if self.key is None:
            raise ArtifactUnreadable
        try:
            with sealed.open("rb") as source, clear.open("wb") as target:
                open_file(source, target, self.key, clear.name.encode())
        except CannotOpen:
            clear.unlink(missing_ok=True)
            raise ArtifactUnreadable from None

    def _fetch_stored(self, digest: str, into: Path) -> Path:
        """Return a local folder with the files as they are stored."""
        source, manifest = self._folder(digest), self._manifest(digest)
        target = Path(source) if self._local else into
        for name, expected in json.loads(manifest).items():
            if name != Path(name).name:
                raise tampered(f"{source}/{MANIFEST}")
            if not self._local:
                with contextlib.suppress(FileNotFoundError):
                    self._files.get_file(f"{source}/{name}", str(target / name))
            if not (target / name).is_file():
                raise missing("model's file", f"{digest}/{name}")
            check_file(target / name, expected)
        return target

    def copy_folder(self, digest: str, source: ArtifactStore, scratch: Path) -> None:
        """Keep a folder of another store, under the same digest; `scratch` is an empty folder.

        Raises ArtifactMissing and Tampered; then nothing of it is kept.
        """
        folder, manifest = source._fetch_stored(digest, scratch), source._manifest(digest)
        files = {name: folder / name for name in json.loads(manifest)}
        self._keep_folder(digest, files, manifest)

    def folder_exists(self, digest: str) -> bool:
        """Say whether a whole folder is kept under this digest."""
        return bool(self._files.exists(f"{self._folder(digest)}/{MANIFEST}"))

    # everything

    def blobs(self) -> dict[str, int]:
        """Return the digest and the bytes of every blob, in order."""
        found = {path.rpartition("/")[2]: size for path, size in self._sizes("datasets").items()}
        return {digest: found[digest] for digest in sorted(found) if is_digest(digest)}

    def folders(self) -> dict[str, int]:
        """Return the digest and the bytes of every whole folder, in order."""
        found: dict[str, int] = {}
        whole: set[str] = set()
        for path, size in self._sizes("models").items():
            digest, name = path.split("/")[-2:]
            found[digest] = found.get(digest, 0) + size
            whole |= {digest} if name == MANIFEST else set()
        return {digest: found[digest] for digest in sorted(whole) if is_digest(digest)}

    # inside

    def _sizes(self, kind: str) -> dict[str, int]:
        """Return the path and the bytes of every file of a kind."""
        self._files.invalidate_cache()  # what others have put since counts as well
        found = self._files.find(f"{self._root}/{kind}", detail=True)
        return {path: int(about["size"]) for path, about in found.items()}

    def _manifest(self, digest: str) -> bytes:
        path = f"{self._folder(digest)}/{MANIFEST}"
        try:
            manifest = bytes(self._files.cat_file(path))
        except FileNotFoundError:
            raise missing("model", digest) from None
        if hashlib.sha256(manifest).hexdigest() != digest:
            raise tampered(path)
        return manifest

    def _keep_folder(self, digest: str, files: Mapping[str, Path], manifest: bytes) -> None:
        if self.folder_exists(digest):
            return
        folder = self._folder(digest)
        if self._local:
            self._copy_in(files, manifest, Path(folder))
            return
        for name, path in files.items():
            self._write(f"{folder}/{name}", read_chunks(path))
        self._write(f"{folder}/{MANIFEST}", [manifest])

    def _blob(self, digest: str) -> str:
        return f"{self._root}/datasets/{digest[:2]}/{checked(digest)}"

    def _folder(self, digest: str) -> str:
        return f"{self._root}/models/{checked(digest)}"

    def _write(self, path: str, chunks: Iterable[bytes]) -> None:
        with self._incoming() as (temporary, handle):
            for chunk in chunks:
                handle.write(chunk)
            self._sync(handle)
            self._move(temporary, path)

    @contextlib.contextmanager
    def _incoming(self) -> Iterator[tuple[str, Any]]:
        """Open a temporary file; whatever happens, it is gone at the end."""
        incoming = f"{self._root}/incoming"
        temporary = f"{incoming}/{uuid.uuid4().hex}"
        self._files.makedirs(incoming, exist_ok=True)
        try:
            with self._files.open(temporary, "wb") as handle:
                yield temporary, handle
        finally:
            with contextlib.suppress(FileNotFoundError):
                self._files.rm_file(temporary)

    def _sync(self, handle: Any) -> None:
        if self._local:
            handle.flush()
            os.fsync(handle.fileno())
        else:
            handle.close()

    def _move(self, temporary: str, path: str) -> None:
        folder = path.rpartition("/")[0]
        self._files.makedirs(folder, exist_ok=True)
        if not self._local:
            self._files.mv(temporary, path)
            return
        Path(temporary).replace(path)
        sync(Path(folder))

    def _copy_in(self, files: Mapping[str, Path], manifest: bytes, folder: Path) -> None:
        """Copy files to a new folder that appears whole, or not at all."""
        incoming = Path(self._root, "incoming", uuid.uuid4().hex)
        incoming.mkdir(parents=True)
        try:
            for name, path in files.items():
                shutil.copyfile(path, incoming / name)
                sync(incoming / name)
            (incoming / MANIFEST).write_bytes(manifest)
            sync(incoming / MANIFEST)
            sync(incoming)
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                incoming.rename(folder)
            except OSError:
                if not (folder / MANIFEST).exists():  # otherwise another process was first
                    raise
            sync(folder.parent)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)


def manifest_of(files: Mapping[str, Path]) -> tuple[dict[str, str], bytes, str]:
    """Return the hashes of files, the manifest that has them, and its own, which names a folder."""
    hashes = {name: hash_file(path) for name, path in files.items()}
    manifest = json.dumps(hashes, indent=1, sort_keys=True).encode()
    return hashes, manifest, hashlib.sha256(manifest).hexdigest()


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_chunks(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes in order, a mebibyte at a time."""
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK):
            yield chunk


def hash_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_file(path: Path, digest: str) -> None:
    """Raise Tampered unless the file's bytes have this digest."""
    if hash_file(path) != digest:
        raise tampered(str(path))


def is_digest(name: str) -> bool:
    """Say whether a name is a SHA-256 in hex."""
    return len(name) == 64 and not set(name) - set("0123456789abcdef")


def checked(digest: str) -> str:
    """Return `digest` if it is a SHA-256 in hex; otherwise raise ArtifactMissing."""
    if not is_digest(digest):
        raise ArtifactMissing(f"{digest!r} is not a SHA-256 in hexadecimal digits")
    return digest
