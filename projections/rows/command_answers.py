"""The answers to commands."""

from __future__ import annotations

from msgspec import Struct

from autolearn.projections.storage.table import Table
from autolearn.schemas.values import StreamId


class Answer(Struct, frozen=True, array_like=True, gc=False):
    """The answer to a command: the event's type, and the reason of a refusal.

    Stored as a JSON array, because there is one for every command.
    """

    stream: StreamId
    sequence: int
    type: str
    time: str
    fingerprint: str = ""
    reason: str = ""
    detail: str = ""


ANSWERS = Table("answer", Answer)
"""By the command's id."""
