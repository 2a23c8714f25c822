"""Digests of views and of their rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice

from autolearn.projections.storage.store import Readable, prefix_of
from autolearn.projections.views import VIEWS


def digest(store: Readable, view: str) -> str:
    """Return the SHA-256 (hex) of a view's content, independent of its layout on the disk.

    Over the view's rows in the order of their keys, the hash takes for key and value each the
    length as 8 bytes big-endian, then the bytes.
    """
    content = hashlib.sha256()
    for table in sorted(VIEWS[view]):
        for row in store.scan(prefix_of(table)):
            for part in row:
                content.update(len(part).to_bytes(8, "big") + part)
    return content.hexdigest()


def row_digests(
    content: Readable, view: str, after: bytes = b"", limit: int | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the key (hex) and the SHA-256 of the value (hex) of a view's rows, by table and key."""
    past = (
        (at, value)
        for table in sorted(VIEWS[view])
        if prefix_of(table) > after or after.startswith(prefix_of(table))
        for at, value in content.scan(prefix_of(table), after=after)
    )
    for at, value in islice(past, limit):
        yield at.hex(), hashlib.sha256(value).hexdigest()
