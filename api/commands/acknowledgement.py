"""The acknowledgement of a command."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Accepted"]


class Accepted(NamedTuple):
    """A command that is on the log and has no answer yet."""

    id: str
    partition: int
    offset: int
