"""The answers of service `events`."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Events(Struct):
    """Some CloudEvents in JSON. `next` is the next position, also when there are no `more` yet."""

    items: list[dict[str, Any]]
    next: str
    more: bool
