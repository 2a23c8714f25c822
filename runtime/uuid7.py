"""Ids in the order of time: UUID version 7 (RFC 9562, section 5.7)."""

from __future__ import annotations

import hashlib
import secrets
import uuid


def uuid7(milliseconds: int) -> str:
    """Return a new id of a time, in milliseconds since 1970."""
    number = milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64
    return str(uuid.UUID(int=number | 2 << 62 | secrets.randbits(62)))


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
