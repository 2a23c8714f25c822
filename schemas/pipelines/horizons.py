"""Horizons of forecasts: how much later a value is, such as 30m, 1h or 7d."""

from __future__ import annotations

import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([1-9]\d{0,5})([smhdw])")
DURATION_WORDS = "a whole number with s, m, h, d or w, such as 30m, 1h or 7d"

_MANY = 100
"""From so many of a unit on, a part of a larger one says more."""
MOST_HORIZONS = 20
"""Horizons of one train step."""


def seconds_of(text: str) -> int | None:
    """Return the seconds of a duration, None if the text is none."""
    found = _DURATION.fullmatch(text)
    return int(found[1]) * _SECONDS[found[2]] if found else None


def duration(seconds: float) -> str:
    """Return seconds as a duration for people: in the largest unit that is whole, if it is short.

    Weeks are days: 14d.
    """
    units = [(unit, seconds / _SECONDS[unit]) for unit in "dhms" if seconds >= _SECONDS[unit]]
    whole = (f"{many:.0f}{unit}" for unit, many in units if many == int(many) and many < _MANY)
    unit, many = units[0] if units else ("s", seconds)
    return next(whole, f"{many:.3g}{unit}")


def later(column: str, horizon: str) -> str:
    """Return the name of the column of what another one will be."""
    return f"{column} in {horizon}"


LAST = "last value"
"""The naive forecast that all stays as it is."""
