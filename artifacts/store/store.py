"""The artifact store: large content, kept outside the log and named by its SHA-256.

    datasets/<first two digits>/<sha256>      one version of a dataset, as it is stored
    models/<sha256 of the manifest>/...       the files of one trained model
    models/<sha256 of the manifest>/manifest.json   {file: sha256}, sorted, written last
    sent/<first two digits>/<sha256>          rows that came with the request of a prediction
    predictions/<sha256 of the manifest>/...  the files of one prediction
    incoming/<process>-<random>-<host>        content on its way in
    owner                                     the id of the log that refers to all of it

What lies in `sent` and `predictions` is deleted within a day, and never in a backup.

The models of a session that has a key are encrypted with it: every file is `<name>.aead` then
(security.streaming_aead), and the names and hashes are of what is stored. So is the content of a
dataset that has a key. Two of them are never the same, so nothing is shared between sessions or
datasets, and what is theirs can be deleted with them.

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
import socket
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from autolearn.artifacts.store.content_names import (
    check_file,
    checked_chunks,
    checked_digest,
    is_digest,
    manifest_of,
)
from autolearn.artifacts.store.errors import ArtifactTooLarge, ArtifactUnreadable, missing, tampered
from autolearn.runtime.durable import sync
from autolearn.schemas.pipelines.results import TABLE
from autolearn.schemas.values import DatasetRef, TrainedArtifact
from autolearn.security.streaming_aead import (
    CannotOpen,
    OpenedRanges,
    clear_size,
    open_file,
    open_segments,
    seal_file,
    seal_segments,
)

_CHUNK = 1 << 20
_BLOBS = ("datasets", "sent")
"""The folders of blobs; others have folders of files."""
PASSING = ("sent", "predictions")
"""The folders of what is kept for a day at most."""
MANIFEST = "manifest.json"
_OWNER = "owner"
"""The file that names the store's log."""
_SEALED = ".aead"
"""The end of the name of an encrypted file."""


class Blob(NamedTuple):
    """Stored bytes: their SHA-256 (hex), which names them, and their number."""

    digest: str
    size: int


class Stored(NamedTuple):
    """A blob or a folder in the store; `modified` is in seconds since 1970, None if not known."""

    kind: str
    digest: str
    bytes: int
    modified: float | None


class Owner(NamedTuple):
    """The log that owns a store; `since` is in seconds since 1970, None if not known."""

    name: str
    since: float | None


class Content(NamedTuple):
    """A file to send: its size, and its bytes in parts."""

    size: int
    chunks: Iterator[bytes]


class Ranges:
    """The bytes of a dataset, read at any place; `close` at the end.

    Decrypted bytes are authentic. Bytes in clear are not checked: that takes reading all of them.
    """

    def __init__(self, source: BinaryIO, size: int, sealed: OpenedRanges | None) -> None:
        self._source, self._sealed = source, sealed
        self.size = size
        self.close = source.close

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes from an offset; fewer at the end. Raises ArtifactUnreadable."""
        if self._sealed is None:
            self._source.seek(offset)
            return self._source.read(length)
        try:
            return self._sealed.read(offset, length)
        except CannotOpen:
            raise ArtifactUnreadable from None


class ArtifactStore:
    """Content-addressed files at an fsspec URL, such as file:///var/lib/autolearn or s3://bucket.

    With a `key` (256 bits) folders are encrypted when stored, and decrypted when fetched; folders
    in clear are read unchanged. With the `data_key` of a dataset its content is read. Calls block;
    none is for an event loop's own thread. Safe to use from many processes.
    """

    def __init__(self, url: str, key: bytes | None = None, data_key: bytes | None = None) -> None:
        self.url, self.key, self.data_key = url, key, data_key
        self._files, self._root = fsspec.core.url_to_fs(url)
        self._blobs_in, self._folders_in = "datasets", "models"
        self._local = isinstance(self._files, LocalFileSystem)

    # blobs

    def put_blob(self, content: Iterable[bytes] | Path, *, max_bytes: int | None = None) -> Blob:
        """Store the bytes of `content` (a file, or incoming chunks) and return their name.

        Raises ArtifactTooLarge after `max_bytes`; then nothing is left behind.
        """
        chunks = _read_chunks(content) if isinstance(content, Path) else content
        digest, size = hashlib.sha256(), 0
        with self._incoming() as (temporary, handle):
            for chunk in chunks:
                size += len(chunk)
                if max_bytes is not None and size > max_bytes:
                    raise ArtifactTooLarge(
                        f"there are more than {max_bytes:,} bytes, which is the limit",
                        advice="Send fewer rows or columns, or a Parquet file, or raise the limit.",
                    )
                digest.update(chunk)
                handle.write(chunk)
            self._sync(handle)
            blob = Blob(digest.hexdigest(), size)
            path = self._blob(blob.digest)
            if not (self._local and self._touched(path)):
                self._move(temporary, path)
        return blob

    def exists(self, digest: str) -> bool:
        """Return whether a blob of this digest is stored."""
        return bool(self._files.exists(self._blob(digest)))

    def delete_blob(self, digest: str) -> bool:
        """Delete a blob; return whether there was one."""
        return self._delete_blob(self._blob(digest))

    def _delete_blob(self, path: str) -> bool:
        self._files.invalidate_cache()
        try:
            self._files.rm_file(path)
        except FileNotFoundError:
            return False
        return True

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
                shutil.copyfileobj(source, target, _CHUNK)
        if not path.is_file():
            raise missing("dataset", digest)
        check_file(path, digest)
        return path

    def put_sealed(self, content: Path, key: bytes, digest: str) -> Blob:
        """Store a file encrypted, and return the name of the ciphertext; `digest` is its SHA-256.

        The name is new each time, so a name does not disclose the content.
        """
        with content.open("rb") as source:
            return self.put_blob(seal_segments(source, key, digest.encode()))

    def fetch_dataset(self, ref: DatasetRef, into: Path) -> Path:
        """Return a local file with the bytes of a dataset, checked against its version.

        That of a step's result is copied from its folder, whose key is `key`. Raises
        ArtifactMissing, Tampered, and ArtifactUnreadable without its key.
        """
        if ref.folder:
            copy = into / checked_digest(ref.version)
            with copy.open("wb") as target:
                for chunk in self.read_dataset(ref).chunks:
                    target.write(chunk)
            return copy
        if not ref.stored:
            return self.fetch_blob(ref.version, into)
        if self.data_key is None:
            raise ArtifactUnreadable
        sealed, clear = self.fetch_blob(ref.stored, into), into / checked_digest(ref.version)
        try:
            with sealed.open("rb") as source, clear.open("wb") as target:
                open_file(source, target, self.data_key, ref.version.encode())
        except CannotOpen:
            clear.unlink(missing_ok=True)
            raise ArtifactUnreadable from None
        finally:
            if not self._local:
                sealed.unlink(missing_ok=True)
        check_file(clear, ref.version)
        return clear

    def bring_dataset(self, ref: DatasetRef, folder: Path) -> Path:
        """Link or copy a dataset into a folder, under its version; return the readable path.

        It is a link where the store is local and the dataset in clear. The bytes of one in clear
        are not checked here: their reader does. Raises ArtifactMissing, ArtifactUnreadable.
        """
        target = folder / checked_digest(ref.version)
        if ref.stored or ref.folder:
            return self.fetch_dataset(ref, folder)
        if not self._local:
            with self.open(ref.version) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy, _CHUNK)
            return target
        path = Path(self._blob(ref.version)).resolve()
        if not path.is_file():
            raise missing("dataset", ref.version)
        target.symlink_to(path)
        return path

    # folders

    def put_folder(self, local: Path) -> TrainedArtifact:
        """Store the files of a flat folder; the same files always get the same digest."""
        files = {path.name: path for path in sorted(local.iterdir()) if path.name != MANIFEST}
        hashes, manifest, digest = manifest_of(files)
        size = sum(path.stat().st_size for path in files.values()) + len(manifest)
        if self.key is None:
            self._keep_folder(digest, files, manifest)
            return TrainedArtifact(digest=digest, files=hashes, bytes=size)
        with tempfile.TemporaryDirectory(prefix="autolearn-") as scratch:
            sealed = {name + _SEALED: Path(scratch, name + _SEALED) for name in files}
            for name, path in files.items():
                with path.open("rb") as source, sealed[name + _SEALED].open("wb") as target:
                    seal_file(source, target, self.key, name.encode())
            _, stored, folder = manifest_of(sealed)
            self._keep_folder(folder, sealed, stored)
        return TrainedArtifact(digest=digest, files=hashes, bytes=size, stored=folder)

    def fetch_folder(self, digest: str, into: Path) -> Path:
        """Return a local folder with the stored files, every one checked by its hash.

        On a local file system it is the store's own folder, and nothing is copied; otherwise, and
        for encrypted files, it is `into`. Raises ArtifactMissing, Tampered, and ArtifactUnreadable;
        then nothing that was decrypted is left.
        """
        folder = self._fetch_stored(digest, into)
        if not any(path.suffix == _SEALED for path in folder.iterdir()):
            return folder
        for path in folder.glob(f"*{_SEALED}"):
            self._open_file(path, into / path.name.removesuffix(_SEALED))
        return into

    def bring_folder(self, digest: str, target: Path) -> Path:
        """Make `target` the folder of `fetch_folder`, or a link to it; return the readable path."""
        target.mkdir()
        found = self.fetch_folder(digest, target)
        if found != target:
            target.rmdir()
            target.symlink_to(found.resolve())
        return target.resolve()

    def check_folder(self, digest: str, into: Path) -> None:
        """Check every file of a folder as it is stored by its hash; `into` is an empty folder.

        Raises ArtifactMissing and Tampered.
        """
        self._fetch_stored(digest, into)

    def delete_folder(self, digest: str) -> bool:
        """Delete a folder; return whether there was one. Its manifest goes first."""
        return self._delete_folder(self._folder(digest))

    def _delete_folder(self, folder: str) -> bool:
        self._files.invalidate_cache()
        if not self._files.exists(folder):
            return False
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(f"{folder}/{MANIFEST}")
        with contextlib.suppress(FileNotFoundError):
            self._files.rm(folder, recursive=True)
        return True

    # Files to send

    def read_file(self, artifact: TrainedArtifact, name: str) -> Content:
        """Return one file of a folder in clear, without reading others.

        Raises ArtifactMissing, Tampered, and ArtifactUnreadable without its key.
        """
        folder = artifact.folder
        sealed = name + _SEALED if artifact.stored else name
        if sealed not in json.loads(self._manifest(folder)):
            raise missing("model's file", f"{folder}/{name}")
        path = f"{self._folder(folder)}/{sealed}"
        return self._content(
            path, artifact.files[name], name if artifact.stored else None, self.key
        )

    def read_dataset(self, ref: DatasetRef) -> Content:
        """Return the bytes of a dataset in clear.

        Raises ArtifactMissing, and ArtifactUnreadable without its key.
        """
        if ref.folder:
            path, sealed = self._table(ref.folder)
            return self._content(path, ref.version, TABLE if sealed else None, self.key)
        associated = ref.version if ref.stored else None
        return self._content(self._blob(ref.content), ref.version, associated, self.data_key)

    def dataset_ranges(self, ref: DatasetRef) -> Ranges:
        """Return the bytes of a dataset in clear, to be read at any place.

        Raises ArtifactMissing, and ArtifactUnreadable without its key.
        """
        key, name, path, encrypted = (
            self.data_key,
            ref.version,
            self._blob(ref.content),
            bool(ref.stored),
        )
        if ref.folder:
            key, name = self.key, TABLE
            path, encrypted = self._table(ref.folder)
        if encrypted and key is None:
            raise ArtifactUnreadable
        source, size = self._source(path)
        if key is None or not encrypted:
            return Ranges(source, size, None)
        try:
            sealed = OpenedRanges(source, size, key, name.encode())
        except CannotOpen:
            source.close()
            raise ArtifactUnreadable from None
        return Ranges(source, sealed.size, sealed)

    def _table(self, folder: str) -> tuple[str, bool]:
        """Return the path of the table of a step's result, and whether it is encrypted."""
        names = json.loads(self._manifest(folder))
        sealed = TABLE + _SEALED in names
        if not sealed and TABLE not in names:
            raise missing("table", folder)
        return f"{self._folder(folder)}/{TABLE}{_SEALED if sealed else ''}", sealed

    def _source(self, path: str) -> tuple[BinaryIO, int]:
        """Open a file of the store; return its size, too. Raises ArtifactMissing."""
        try:
            size = int(self._files.size(path))
            return cast("BinaryIO", self._files.open(path, "rb")), size
        except FileNotFoundError:
            raise missing("artifact", path) from None

    def _content(
        self, path: str, digest: str, associated: str | None, key: bytes | None
    ) -> Content:
        """Return a file in clear; `associated` is None for one that is not encrypted."""
        if associated is not None and key is None:
            raise ArtifactUnreadable
        source, size = self._source(path)
        if associated is None or key is None:
            return Content(
                size, checked_chunks(source, iter(lambda: source.read(_CHUNK), b""), digest)
            )
        segments = open_segments(source, key, associated.encode())
        return Content(clear_size(size), checked_chunks(source, segments, digest))

    def with_key(self, key: bytes | None, data_key: bytes | None = None) -> ArtifactStore:
        """Return the same store with the key of a session or dataset."""
        part = ArtifactStore(self.url, key, data_key)
        part._blobs_in, part._folders_in = self._blobs_in, self._folders_in
        return part

    def passing(self) -> ArtifactStore:
        """Return the part of the store for what is kept for a day at most, with the same keys."""
        part = self.with_key(self.key, self.data_key)
        part._blobs_in, part._folders_in = PASSING
        return part

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
        """Return whether a whole folder of this digest is stored."""
        return bool(self._files.exists(f"{self._folder(digest)}/{MANIFEST}"))

    # everything

    def contents(self, kind: str) -> list[Stored]:
        """Return the content of a folder of the store, blobs or folders by their digests."""
        found: dict[str, Stored] = {}
        for path, about in self._found(kind).items():
            parts = path[len(f"{self._root}/{kind}/") :].split("/")
            digest = parts[1] if kind in _BLOBS and len(parts) == 2 else parts[0]
            if len(parts) != 2 or not is_digest(digest):
                continue
            modified, size = _modified_of(about), int(about["size"])
            if (before := found.get(digest)) is not None:
                size += before.bytes
                times = (before.modified, modified)
                modified = None if None in times else max(filter(None, times))
            found[digest] = Stored(kind, digest, size, modified)
        return list(found.values())

    def put_after(self, time: float, kind: str, digest: str) -> bool:
        """Return whether content was stored, perhaps again, after a time in seconds since 1970."""
        path = self._path(kind, digest)
        path = path if kind in _BLOBS else f"{path}/{MANIFEST}"
        self._files.invalidate_cache()
        try:
            return (_modified_of(self._files.info(path)) or 0.0) > time
        except FileNotFoundError:
            return False

    def delete(self, kind: str, digest: str) -> bool:
        """Delete content of a folder of the store; return whether there was any."""
        path = self._path(kind, digest)
        return self._delete_blob(path) if kind in _BLOBS else self._delete_folder(path)

    def mark(self, name: str) -> Owner:
        """Return the owner of the store; `name` becomes the owner if there was none."""
        path = f"{self._root}/{_OWNER}"
        self._files.invalidate_cache()
        try:
            owner = bytes(self._files.cat_file(path)).decode().strip()
        except FileNotFoundError:
            owner = ""
        if not owner:
            self._write(path, [name.encode()])
        return Owner(owner or name, _modified_of(self._files.info(path)))

    def folders_on_disk(self) -> list[Path]:
        """Return the store's folder if it is on this machine."""
        if not self._local:
            return []
        Path(self._root).mkdir(parents=True, exist_ok=True)
        return [Path(self._root)]

    def clear_incoming(self, before: float = 0.0) -> None:
        """Delete the incoming content of ended processes of this machine.

        And all content that came `before` a time, in seconds since 1970, of any process.
        """
        for path, about in self._found("incoming").items():
            name = path[len(f"{self._root}/incoming/") :].split("/")[0]
            modified = _modified_of(about)
            old = modified is not None and modified < before
            if old or _is_left(name):
                with contextlib.suppress(FileNotFoundError):
                    self._files.rm(f"{self._root}/incoming/{name}", recursive=True)

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
        return {path: int(about["size"]) for path, about in self._found(kind).items()}

    def _found(self, kind: str) -> dict[str, dict[str, Any]]:
        self._files.invalidate_cache()  # content that others have stored since counts as well
        found: dict[str, dict[str, Any]] = self._files.find(f"{self._root}/{kind}", detail=True)
        return found

    def _touched(self, path: str) -> bool:
        """Renew the time of existing content on this machine; return whether it exists."""
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
        return True

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
        folder = self._folder(digest)
        if self.folder_exists(digest):
            if self._local:
                os.utime(f"{folder}/{MANIFEST}")
            else:
                self._write(f"{folder}/{MANIFEST}", [manifest])
            return
        if self._local:
            self._copy_in(files, manifest, Path(folder))
            return
        for name, path in files.items():
            self._write(f"{folder}/{name}", _read_chunks(path))
        self._write(f"{folder}/{MANIFEST}", [manifest])

    def _blob(self, digest: str) -> str:
        return self._path(self._blobs_in, digest)

    def _folder(self, digest: str) -> str:
        return self._path(self._folders_in, digest)

    def _path(self, kind: str, digest: str) -> str:
        within = f"{digest[:2]}/" if kind in _BLOBS else ""
        return f"{self._root}/{kind}/{within}{checked_digest(digest)}"

    def _write(self, path: str, chunks: Iterable[bytes]) -> None:
        with self._incoming() as (temporary, handle):
            for chunk in chunks:
                handle.write(chunk)
            self._sync(handle)
            self._move(temporary, path)

    @contextlib.contextmanager
    def _incoming(self) -> Iterator[tuple[str, Any]]:
        """Open a temporary file; it is deleted at the end in any case."""
        incoming = f"{self._root}/incoming"
        temporary = f"{incoming}/{_incoming_name()}"
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
        incoming = Path(self._root, "incoming", _incoming_name())
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


def _read_chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            yield chunk


def _incoming_name() -> str:
    return f"{os.getpid()}-{uuid.uuid4().hex}-{socket.gethostname()}"


def _is_left(name: str) -> bool:
    """Return whether incoming content is of an ended process of this machine."""
    pid, _, rest = name.partition("-")
    if not pid.isdigit() or rest.partition("-")[2] != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _modified_of(about: Mapping[str, Any]) -> float | None:
    """Return when a file was stored, in seconds since 1970, by its file system; or None."""
    found = about.get("mtime", about.get("LastModified"))
    return found.timestamp() if isinstance(found, datetime) else found
