"""Points in time on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME|POSITION",
        help="Show what was known then: a position's token, a time (2026-01-31, "
        "2026-01-31T09:30, with or without a zone), or how long ago (90s, 10m, 2h, 3d).",
    ),
]
_SPAN = re.compile(r"-?(\d+(?:\.\d+)?) ?([smhd])(?: ago)?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def seconds_of(given: str, option: str) -> float:
    """Convert a duration, such as 90s, 5m or 2h; a number alone is seconds.

    Raises:
        typer.BadParameter: it is none.
    """
    span = _SPAN.fullmatch(given if given[-1:].isalpha() else f"{given}s")
    if span is None or given.startswith("-"):
        raise typer.BadParameter(f"{given!r} is not 90s, 5m or 2h", param_hint=option)
    return timedelta(**{_UNITS[span[2]]: float(span[1])}).total_seconds()


def point(given: str, option: str = "--as-of") -> str:
    """Convert a point for the API: a token is unchanged, a time gets its zone.

    A time without a zone is one of this machine's; a date is its beginning.

    Raises:
        typer.BadParameter: it begins like a time, and is none.
    """
    if span := _SPAN.fullmatch(given):
        try:
            ago = timedelta(**{_UNITS[span[2]]: float(span[1])})
            return (datetime.now(UTC) - ago).isoformat()
        except OverflowError:
            raise typer.BadParameter(f"{given} is too long ago.", param_hint=option) from None
    if not given[:1].isdigit():
        return given
    try:
        time = datetime.fromisoformat(given)
        return (time if time.tzinfo else time.astimezone()).isoformat()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{given!r} is no time: give one such as 2026-01-31T09:30, how long ago such as 2h, "
            "or a position.",
            param_hint=option,
        ) from None
