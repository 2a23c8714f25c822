"""The hash chain of a partition of `events`, which reveals a changed past.

Each admitted event has a hash over the one before it and its own bytes, h(n) = SHA-256(h(n-1) ||
SHA-256(value)), and h(0) is 32 zero bytes. Only values on the log are hashed, so every reader of
the log can check it without keys. Records that are not admitted are not in the chain. The inner
hash keeps proofs small (docs/decisions/0010).
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from msgspec import Struct

from autolearn.schemas.codec import Headers

HEADER = "chain"
"""The Kafka header of an event with the chain's hash after it, in hexadecimal. `TermStarted` has
none: its decider does not know what an older one still appends before it."""
START = bytes(32)


def link(before: bytes, value: bytes) -> bytes:
    """Return the hash after one more value."""
    return sha256(before + sha256(value).digest()).digest()


def link_digest(before: bytes, digest: bytes) -> bytes:
    """Return the hash after one more value, given by its SHA-256."""
    return sha256(before + digest).digest()


class Chain(Struct, frozen=True, gc=False):
    """The state of a chain: number of events, offset of the newest (-1 for none), hash."""

    events: int = 0
    offset: int = -1
    hash: bytes = START

    def then(self, offset: int, value: bytes) -> Chain:
        """Return the chain after one more admitted event at that offset."""
        return Chain(self.events + 1, offset, link(self.hash, value))


def headers_of(digest: bytes) -> Headers:
    """Return the headers that carry the chain's hash after an event."""
    return ((HEADER, digest.hex().encode()),)


def header_of(headers: Iterable[tuple[str, bytes | None]] | None) -> bytes | None:
    """Return the hash in a record's headers: None if missing, b"" if malformed."""
    for name, value in headers or ():
        if name == HEADER:
            try:
                found = bytes.fromhex((value or b"").decode())
            except ValueError:
                return b""
            return found if len(found) == len(START) else b""
    return None
