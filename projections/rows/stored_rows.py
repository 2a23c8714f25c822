"""The rows of sessions, runs, users and streams as they are stored.

A row keeps the data of events as they are, so that a fold neither decodes nor encodes nor decrypts
them: a query does, for the few rows that it returns (`queries`). They are JSON arrays,
without the names of their fields: a rebuild writes millions of them.
"""

from __future__ import annotations

from msgspec import Raw, Struct

__all__ = [
    "StoredDataset",
    "StoredExperiment",
    "StoredRun",
    "StoredSession",
    "StoredToken",
    "StoredTokens",
    "StoredUser",
    "StoredWork",
    "StreamRow",
]


class StoredSession(Struct, array_like=True, gc=False):
    """An open session, with the number of its runs and the id of the `newest`.

    `opened` is the data of the event that opened it. `expiring` is when it expires, if that was
    said and nothing was done in it since.
    """

    opened: Raw
    created: str
    actor: str
    updated: str
    sequence: int
    runs: int = 0
    newest: str = ""
    expiring: str = ""


class StoredDataset(Struct, array_like=True, gc=False):
    """A version of a dataset: the data of the event that registered it.

    `stored` is the digest of its content in the artifact store, of `bytes` bytes.
    """

    registration: Raw
    registered: str
    stored: str
    bytes: int


class StoredExperiment(Struct, array_like=True, gc=False):
    """A committed session, with the trainings that it keeps. `opened` as in StoredSession.

    `sequence` is the number of the event that committed it in its stream, `deleted` of the one that
    deleted it (0: it is there).
    """

    opened: Raw
    created: str
    committed: str
    actor: str
    sequence: int
    trainings: tuple[str, ...]
    deleted: int = 0


class StoredRun(Struct, array_like=True, gc=False):
    """How one run goes, of any kind of work. `number` is the sequence of its request in its stream.

    What its events say, which may be large, is in rows of its own that never change
    (`views.runs.data_key`). `training` is the one that an evaluation is of, and `before` the run of
    the session that was requested before this one.
    """

    kind: str
    number: int
    status: str
    requested: str
    updated: str
    attempt: int = 1
    worker: str = ""
    started: str | None = None
    ended: str | None = None
    training: str = ""
    before: str = ""


class StoredUser(Struct, array_like=True, gc=False):
    """A user, with the verifier of the password ("" for none)."""

    role: str
    password: str
    disabled: bool
    created: str
    updated: str


class StoredTokens(Struct, array_like=True, gc=False):
    """The ids of a user's tokens, oldest first: a row of its own, which no request has to read."""

    ids: list[str]


class StoredWork(Struct, array_like=True, gc=False):
    """How many runs of a user's sessions wait for a worker, and on how many one works."""

    queued: int = 0
    running: int = 0


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
