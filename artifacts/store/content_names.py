"""The names of content: SHA-256 hashes, of files and of manifests."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from autolearn.artifacts.store.errors import ArtifactMissing, ArtifactUnreadable, tampered
from autolearn.security.streaming_aead import CannotOpen


def hash_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_file(path: Path, digest: str) -> None:
    """Raise Tampered unless the file's bytes have this digest."""
    if hash_file(path) != digest:
        raise tampered(str(path))


def is_digest(name: str) -> bool:
    """Return whether a name is a SHA-256 in hex."""
    return len(name) == 64 and not set(name) - set("0123456789abcdef")


def checked_digest(digest: str) -> str:
    """Return `digest` if it is a SHA-256 in hex; otherwise raise ArtifactMissing."""
    if not is_digest(digest):
        raise ArtifactMissing(f"{digest!r} is not a SHA-256 in hexadecimal digits")
    return digest


def manifest_of(files: Mapping[str, Path]) -> tuple[dict[str, str], bytes, str]:
    """Return the hashes of files, the manifest with them, and its own hash, the folder's name."""
    hashes = {name: hash_file(path) for name, path in files.items()}
    manifest = json.dumps(hashes, indent=1, sort_keys=True).encode()
    return hashes, manifest, hashlib.sha256(manifest).hexdigest()


def checked_chunks(source: BinaryIO, chunks: Iterator[bytes], digest: str) -> Iterator[bytes]:
    """Yield the content, the last chunk only if all of it has this SHA-256; close the source.

    Raises Tampered and ArtifactUnreadable: then the end is missing, so nobody takes it for whole.
    """
    found, held = hashlib.sha256(), b""
    with contextlib.closing(source):
        try:
            for chunk in chunks:
                found.update(chunk)
                if held:
                    yield held
                held = chunk
        except CannotOpen:
            raise ArtifactUnreadable from None
        if found.hexdigest() != digest:
            raise tampered(digest)
        yield held
