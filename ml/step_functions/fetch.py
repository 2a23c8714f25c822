"""Fetch: the table of a file at a URL."""

from __future__ import annotations

import hashlib
import ssl
import tempfile
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit, urlunsplit

import httpx
import pyarrow as pa
from msgspec import Meta

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.profile import profile
from autolearn.artifacts.datasets.table import format_of
from autolearn.ml.errors import InputError
from autolearn.ml.steps import tables
from autolearn.ml.steps.context import context, report
from autolearn.ml.steps.step_function import step
from autolearn.schemas.bounds import cut
from autolearn.schemas.datasets.read_options import ReadHints, type_fault

_LARGEST = 2 << 30
"""Bytes of a file."""
_REDIRECTS = 5
_SECONDS = 30.0
"""Without a byte for so long it is given up."""


@step(network=True)
def fetch(
    *,
    url: Annotated[str, Meta(max_length=2_000)],
    format: Literal["csv", "parquet", "arrow", "jsonl", "excel"] | None = None,  # noqa: A002
    separator: str | None = None,
    decimal: Literal[".", ","] | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    skip_lines: Annotated[int, Meta(ge=0, le=10_000)] | None = None,
    sheet: str | None = None,
    types: dict[str, str] | None = None,
    missing: list[str] | None = None,
    zone: str | None = None,
) -> pa.Table:
    """Get the file of a URL by HTTP or HTTPS, and read it as `dataset add` reads a file.

    Args:
        url: where it is
        format: of the file; by default what its content says
        separator: of columns: one character, or tab
        decimal: the decimal sign
        encoding: such as latin-1
        header: whether the first row has names
        skip_lines: lines above the header
        sheet: of a workbook
        types: number, integer, boolean, text, timestamp, or a date's form, by column
        missing: words for missing values, instead of the usual ones
        zone: of times without one
    """
    for column, word in (types or {}).items():
        if fault := type_fault(word):
            raise InputError(f"of column {cut(column)!r}: {fault}")
    hints = ReadHints(
        separator="\t" if separator == "tab" else separator or "",
        decimal=decimal or "",
        encoding=encoding or "",
        header=header,
        skip_lines=skip_lines,
        sheet=sheet or "",
        missing=None if missing is None else tuple(missing),
        types=types or {},
        zone=zone or "",
    )
    with tempfile.TemporaryDirectory(prefix="autolearn-") as scratch:
        path = Path(scratch, "file")
        context().phase("fetching")
        digest, size = _downloaded(url, path)
        report.note(f"{_shown(url)}: {size:,} bytes with the SHA-256 {digest}")
        context().phase("reading")
        try:
            form = format or format_of(path)
            spec = profile(
                path, name="fetched", format=form, version=digest, bytes=size, hints=hints
            )
            return tables.read(path, spec)
        except DatasetRefused as refused:
            raise InputError(f"the file of {_shown(url)} cannot be read: {refused}") from None


def _downloaded(url: str, path: Path) -> tuple[str, int]:
    """Write the file of a URL; return its SHA-256 and size. Raises InputError."""
    digest, size = hashlib.sha256(), 0
    try:
        with (
            httpx.Client(
                verify=ssl.create_default_context(),
                timeout=_SECONDS,
                follow_redirects=True,
                max_redirects=_REDIRECTS,
                trust_env=False,
            ) as client,
            client.stream("GET", _checked(url)) as answer,
            path.open("wb") as file,
        ):
            if answer.status_code != httpx.codes.OK:
                said = f"{answer.status_code} {answer.reason_phrase}"
                raise InputError(f"{_shown(url)} answers {said}, not 200 OK")
            for chunk in answer.iter_bytes():
                size += len(chunk)
                if size > _LARGEST:
                    raise InputError(
                        f"the file of {_shown(url)} has more than {_LARGEST >> 20:,} MiB, the most "
                        "that are fetched",
                        advice="Register it as a dataset: autolearn dataset add.",
                    )
                digest.update(chunk)
                file.write(chunk)
    except httpx.TooManyRedirects:
        raise InputError(f"{_shown(url)} redirects more than {_REDIRECTS} times") from None
    except httpx.TimeoutException:
        raise InputError(f"{_shown(url)} sent nothing for {_SECONDS:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise InputError(f"{_shown(url)} cannot be fetched: {cut(str(error))}") from None
    return digest.hexdigest(), size


def _checked(url: str) -> str:
    """Return a URL of HTTP or HTTPS with a host. Raises InputError."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"{cut(url)!r} is no URL that begins with http:// or https:// and a host")
    return url


def _shown(url: str) -> str:
    """Return a URL without a password or a query, which may hold a secret."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return cut(urlunsplit((parts.scheme, host, parts.path, "", "")))
