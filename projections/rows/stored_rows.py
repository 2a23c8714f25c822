"""The rows of sessions, runs, users and streams as they are stored.

A row holds the raw data of events, so that a fold neither decodes nor encodes nor decrypts them: a
query does, for the few rows that it returns (`queries`). Rows are JSON arrays, without the names of
their fields: a rebuild writes millions of them.
"""

from __future__ import annotations

from msgspec import Raw, Struct


class StoredSession(Struct, array_like=True, gc=False):
    """An open session, with the number of its runs and the id of the `newest`.

    `opened` is the data of the event that opened it. `expiring` is when it expires, if that was
    announced and it is unused since. `shared` says whether it ever had a reader besides its owner.
    """

    opened: Raw
    created: str
    actor: str
    updated: str
    sequence: int
    runs: int = 0
    newest: str = ""
    expiring: str = ""
    shared: bool = False


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

    `sequence` is that of its commit in its stream, `deleted` that of its deletion (0: not deleted).
    """

    opened: Raw
    created: str
    committed: str
    actor: str
    sequence: int
    trainings: tuple[str, ...]
    deleted: int = 0


class StoredRun(Struct, array_like=True, gc=False):
    """The state of a run of any kind. `number` is the sequence of its request in its stream.

    The data of its events, which may be large, are in rows of their own that never change
    (`views.runs.data_key`). `training` is the evaluated one of an evaluation, and `before` the
    previously requested run of the session.
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
    """The numbers of waiting and running runs of a user's sessions."""

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
