"""The records of the topic `keys`, by the key's id."""

from __future__ import annotations

from msgspec import Struct

ROLL = "roll"
"""The Kafka key of a record that is no key: an append that closes the segment before it."""


class WrappedKey(Struct, frozen=True, gc=False):
    """A session's key, wrapped by a master key.

    `key` is the 128-bit AES key as AES Key Wrap leaves it (RFC 3394, 24 bytes) in base64; `master`
    names the master key (`security.master_keys.MasterKey.id`), `made` is the time (RFC 3339).
    The Kafka key is the key's id: the session's, a dot, and eight random characters. The same
    request may reach two API processes, and then the session has two keys.
    """

    master: str
    key: str
    made: str


class Roll(Struct, frozen=True, gc=False):
    """An append that is no key. It may name the new master key."""

    master: str = ""
