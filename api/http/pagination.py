"""Pages of lists. A token holds the sort values of the last row, so any process can go on."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec
from msgspec import Raw
from starlette.datastructures import URL

from autolearn.api.http.problems import Problem
from autolearn.schemas.bounds import PAGE_BYTES, PAGE_COST
from autolearn.schemas.quotas import HIGHEST

T = TypeVar("T")


def page_of(
    rows: Iterable[T],
    limit: int,
    shown: Callable[[T], object],
    place: Callable[[T], object],
    cost: Callable[[], int] = lambda: 0,
    *,
    more: bool = False,
) -> tuple[list[Raw], str | None]:
    """Return rows as JSON, and the token of the next page (may block).

    There are up to `limit`, of up to PAGE_BYTES together; and no more once they have cost
    PAGE_COST. One row comes in any case. `shown` returns None for a row to pass over; `place`
    returns the sort values of a row. There may be `more` than these rows.
    """
    items, size, last = list[Raw](), 0, None
    for row in rows:
        if len(items) == limit or (last is not None and cost() > PAGE_COST):
            return items, to_token(last)
        if (content := shown(row)) is not None:
            item = Raw(msgspec.json.encode(content))
            size += len(item)
            if items and size > PAGE_BYTES:
                return items, to_token(last)
            items.append(item)
        last = place(row)
    return items, to_token(last) if more and last is not None else None


def to_token(values: object) -> str:
    """Encode JSON values as one opaque word."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def from_token(token: str, kind: type[T], parameter: str) -> T:
    """Decode a token.

    Raises:
        Problem: it is not one of ours; `parameter` is where it was given.
    """
    try:
        content = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        found = msgspec.json.decode(content, type=kind)
        _check_numbers(found if isinstance(found, tuple) else (found,))
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise Problem(
            422,
            "malformed-token",
            "A token is malformed",
            f"{token[:120]!r} is not a token of this list: leave {parameter} out to start from "
            "the beginning, or follow the link with rel=next of an answer.",
            errors=[{"parameter": parameter, "detail": "not a token of this list"}],
        ) from None
    return found


def _check_numbers(parts: Iterable[object]) -> None:
    """Raise ValueError if a number is impossible in a row's sort values."""
    if any(isinstance(part, int) and not 0 <= part <= HIGHEST for part in parts):
        raise ValueError("no number of a place")


def next_link(url: URL, token: str | None) -> dict[str, str]:
    """Return the Link header to the next page (RFC 8288)."""
    if token is None:
        return {}
    query = url.include_query_params(page=token).query
    return {"Link": f'<{url.path}?{query}>; rel="next"'}
