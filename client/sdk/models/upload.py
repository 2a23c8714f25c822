"""Sends a file to a URL: by HTTP, or to any file system that fsspec knows."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from autolearn.client.sdk.errors import BadArgument, Unreachable

_PART = 1 << 20
_TIMEOUT = httpx.Timeout(60.0, write=300.0)


def is_url(place: object) -> bool:
    """Return whether a place is a URL, and no path."""
    return "://" in str(place)


def shown(url: str) -> str:
    """Return a URL without what may be secret in it: a password, and the signature of a query."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def send_file(file: Path, url: str) -> None:
    """Put a file at a URL (blocks): what was there is replaced at once.

    `http` and `https` get it by PUT (RFC 9110, section 9.3.4), as storages with signed URLs want
    it. Other schemes are those of fsspec, with its settings for credentials.

    Raises:
        BadArgument: the scheme is unknown, or needs a package that is not installed.
        Unreachable: it does not arrive, or is refused.
    """
    if urlsplit(url).scheme in ("http", "https"):
        _put(file, url)
    else:
        _copy(file, url)


def _put(file: Path, url: str) -> None:
    headers = {
        "Content-Length": str(file.stat().st_size),
        "Content-Type": "application/octet-stream",
    }
    try:
        answer = httpx.put(url, content=_parts(file), headers=headers, timeout=_TIMEOUT)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"{shown(url)} does not take it: {error}.") from None
    if not answer.is_success:
        said = answer.text[:300].strip()
        raise Unreachable(
            f"{shown(url)} does not take it: {answer.status_code} {answer.reason_phrase}. {said}",
            title="The file was refused",
        )


def _parts(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while part := opened.read(_PART):
            yield part


def _copy(file: Path, url: str) -> None:
    try:
        import fsspec
    except ImportError:
        raise BadArgument(
            f"{shown(url)} needs fsspec, which is not installed.",
            advice="Install fsspec and the package of its file system, or give a path.",
        ) from None
    try:
        files, place = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:  # an unknown scheme, or a package is missing
        raise BadArgument(f"{shown(url)} is no place for a file: {error}.") from None
    beside = f"{place}.{uuid.uuid4().hex}.part"
    try:
        files.put_file(str(file), beside)
        files.mv(beside, place)
    except Exception as error:  # each file system raises errors of its own
        raise Unreachable(f"{shown(url)} does not take it: {error}.") from error
