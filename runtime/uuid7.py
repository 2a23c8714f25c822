"""Ids in the order of time: UUID version 7 (RFC 9562, section 5.7)."""

from __future__ import annotations

import hashlib
import os
import uuid

_LOW = (1 << 62) - 1
"""The random bits after the variant."""


def uuid7(milliseconds: int) -> str:
    """Return a new id of a time, in milliseconds since 1970."""
    random = int.from_bytes(os.urandom(10))
    high = milliseconds << 80 | 7 << 76 | random >> 68 << 64
    digits = f"{high | 2 << 62 | random & _LOW:032x}"
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return "-".join(parts)


def derived(identity: str) -> str:
    """Return the one id that belongs to another one, of the same time."""
    found, by = uuid.UUID(identity), hashlib.sha256(identity.encode()).digest()
    rest = int.from_bytes(by[:10], "big") & ((1 << 76) - 1) & ~(3 << 62)
    return str(uuid.UUID(int=found.int >> 80 << 80 | 7 << 76 | 2 << 62 | rest))


def time_of(identity: str) -> int | None:
    """Return the time of an id, in milliseconds since 1970; None: it is no UUID version 7."""
    try:
        found = uuid.UUID(identity)
    except ValueError:
        return None
    return found.int >> 80 if found.version == 7 else None
