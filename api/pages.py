"""Pages of lists. A token holds the sort values of the last row, so any process gives the next."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec
from starlette.datastructures import URL

from autolearn.api.problems import Problem

__all__ = ["from_token", "next_link", "to_token"]

T = TypeVar("T")


def to_token(values: object) -> str:
    """Return values of JSON as one opaque word."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def from_token(token: str, kind: type[T], parameter: str) -> T:
    """Return what a token holds.

    Raises:
        Problem: it is not one of ours; `parameter` is where it was given.
    """
    try:
        content = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        return msgspec.json.decode(content, type=kind)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise Problem(
            422,
            "malformed-token",
            "A token is malformed",
            f"{token[:120]!r} is not a token of this list: leave {parameter} out to start from "
            "the beginning, or follow the link with rel=next of an answer.",
            errors=[{"parameter": parameter, "detail": "not a token of this list"}],
        ) from None


def next_link(url: URL, token: str | None) -> dict[str, str]:
    """Return the Link header to the next page (RFC 8288)."""
    if token is None:
        return {}
    query = url.include_query_params(page=token).query
    return {"Link": f'<{url.path}?{query}>; rel="next"'}
