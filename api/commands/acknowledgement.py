"""The acknowledgement of a command."""

from __future__ import annotations

from typing import NamedTuple


class Accepted(NamedTuple):
    """A command that is on the log and has no answer yet."""

    id: str
    partition: int
    offset: int
