"""The answers of service `history`: changes between two points of the log."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Change(Struct, frozen=True):
    """The change of one thing of a stream.

    `change` is added, removed or changed. `before` and `after` are its fields: all of them for an
    added or removed thing, the different ones for a changed one.
    """

    stream: str
    what: str
    id: str
    change: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Diff(Struct):
    """Changes between two positions, grouped by stream.

    There may be more at `next`, also if there are none here: a page reads at most so much of the
    log.
    """

    before: str
    after: str
    items: list[Change]
    next: str | None = None
