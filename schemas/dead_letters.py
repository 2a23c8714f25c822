"""What could not be decoded, as it is kept on `dead-letters`."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["DeadLetter"]


class DeadLetter(Struct, frozen=True):
    """A record that is no command: where it lay, its bytes (base64 in JSON), and what is wrong."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: str
