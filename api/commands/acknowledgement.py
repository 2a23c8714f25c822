"""What is known of a command that was sent."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Accepted"]


class Accepted(NamedTuple):
    """A command that is on the log, not answered yet."""

    id: str
    partition: int
    offset: int
