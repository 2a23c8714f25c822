"""What could not be decoded, as it is kept on `dead-letters`."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["DeadLetter"]

LONGEST_KEY, LONGEST_REASON = 1000, 1000
LONGEST_VALUE = 2 * 1024 * 1024


class DeadLetter(Struct, frozen=True):
    """A record that is no command: where it lay, its bytes (base64 in JSON), and what is wrong.

    A dead letter must always be written: of a long `key`, `value` or `reason` only the beginning
    is kept (`of` cuts them).
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: str

    @classmethod
    def of(
        cls, place: tuple[str, int, int], key: bytes | None, value: bytes | None, reason: str
    ) -> DeadLetter:
        """Return the letter of the record at `place` (topic, partition, offset)."""
        key = key if key is None else key[:LONGEST_KEY]
        value = value if value is None else value[:LONGEST_VALUE]
        return cls(*place, key, value, reason[:LONGEST_REASON])
