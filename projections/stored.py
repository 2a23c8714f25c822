"""The rows of sessions, runs, users and streams as they are stored.

A run's row keeps the data of its events as they are, so that a fold neither decodes nor encodes
them: a query does, for the few rows that it returns (`projections.queries`). They are JSON arrays,
without the names of their fields: a rebuild writes millions of them.
"""

from __future__ import annotations

from msgspec import Raw, Struct

__all__ = ["StoredRun", "StoredSession", "StoredToken", "StoredUser", "StreamRow"]


class StoredSession(Struct, array_like=True, gc=False):
    """An open session, with the ids of its runs in the order of their requests."""

    title: str
    created: str
    actor: str
    updated: str
    sequence: int
    runs: list[str]


class StoredRun(Struct, array_like=True, gc=False):
    """One run, of any kind of work. `number` is the sequence of its request in its stream.

    `request` is the data of the event that accepted it, `outcome` of the one that completed it or
    said why it failed.
    """

    kind: str
    number: int
    status: str
    requested: str
    updated: str
    request: Raw
    attempt: int = 1
    worker: str = ""
    started: str | None = None
    ended: str | None = None
    outcome: Raw = Raw(b"null")


class StoredUser(Struct, array_like=True, gc=False):
    """A user, with the verifier of the password ("" for none) and the ids of all tokens."""

    role: str
    password: str
    disabled: bool
    created: str
    updated: str
    tokens: list[str]


class StoredToken(Struct, array_like=True, gc=False):
    """A token. `digest` is the SHA-256 (hex) of its secret."""

    user: str
    name: str
    digest: str
    created: str
    expires: str | None
    revoked: str | None = None


class StreamRow(Struct, array_like=True, gc=False):
    """The offsets of some events of a stream, which all lie on one partition."""

    partition: int
    offsets: list[int]
