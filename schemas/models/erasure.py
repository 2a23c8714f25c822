"""What is erased from the prediction log of a model: rows of requests, as one line of text.

Such as `01a2…:0,3@17;01a3…:1@20`: the id of a request, the numbers of its erased rows, and the
offset from which on its partition of `predictions` has the record that replaces the one before.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class ErasedRows(Struct, frozen=True):
    """The erased rows of a request, and the offset from which on the newest record is."""

    rows: tuple[int, ...]
    offset: int


def erased_text(requests: Mapping[str, ErasedRows]) -> str:
    """Return erased rows by the id of their request as text."""
    return ";".join(
        f"{request}:{','.join(map(str, one.rows))}@{one.offset}"
        for request, one in sorted(requests.items())
    )


def erased_in(text: str) -> dict[str, ErasedRows]:
    """Return erased rows by the id of their request. Raises ValueError: the text is malformed."""
    found = {}
    for part in filter(None, text.split(";")):
        request, _, more = part.partition(":")
        rows, _, offset = more.partition("@")
        found[request] = ErasedRows(tuple(map(int, rows.split(","))), int(offset))
    return found
