"""Dead letters: the records that could not be decoded, as `dead-letters` holds them."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from autolearn.schemas.codec import Headers

LONGEST_KEY, LONGEST_REASON, LONGEST_HEADER = 1000, 1000, 1000
_MOST_HEADERS = 50
LONGEST_VALUE = 2 * 1024 * 1024
RETRY_HEADER = "autolearn-dead-letter"
"""The Kafka header of a command that was put back: the id of its dead letter."""


class DeadLetter(Struct, frozen=True):
    """A record that is no command: its place, its bytes (base64 in JSON), and its fault.

    A dead letter must always be written: of a long `key`, `value` or `reason`, and of many or long
    `headers`, only the beginning is kept (`of` cuts them); `size` is the whole value's, in bytes.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: str
    headers: Headers = ()
    size: int | None = None

    @property
    def cut(self) -> bool:
        """Whether the value was longer than the kept part."""
        return self.size is not None and self.size > len(self.value or b"")

    @classmethod
    def of(
        cls,
        place: tuple[str, int, int],
        key: bytes | None,
        value: bytes | None,
        reason: str,
        headers: Iterable[tuple[str, bytes]] = (),
    ) -> DeadLetter:
        """Return the letter of the record at `place` (topic, partition, offset)."""
        key = key if key is None else key[:LONGEST_KEY]
        size = len(value or b"")
        value = value if value is None else value[:LONGEST_VALUE]
        kept = [(n[:LONGEST_HEADER], v[:LONGEST_HEADER]) for n, v in headers][:_MOST_HEADERS]
        return cls(*place, key, value, reason[:LONGEST_REASON], tuple(kept), size)
