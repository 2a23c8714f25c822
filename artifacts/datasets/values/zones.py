"""Time zones, the same on every machine: those of the package tzdata."""

from __future__ import annotations

from importlib import resources
from zoneinfo import ZoneInfo

_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-")


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone of IANA's database, as the package tzdata has it.

    Raises KeyError when there is none of that name.
    """
    place = resources.files("tzdata").joinpath("zoneinfo")
    parts = name.split("/")
    if not all(part and set(part) <= _NAME for part in parts):
        raise KeyError(name)
    file = place.joinpath(*parts)
    if not file.is_file():
        raise KeyError(name)
    with file.open("rb") as data:
        return ZoneInfo.from_file(data, key=name)
