"""Users, their tokens and quotas."""

from __future__ import annotations

from msgspec import Struct

from autolearn.projections.storage.table import Table


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


class StoredToken(Struct, array_like=True, gc=False):
    """A token. `digest` is the SHA-256 (hex) of its secret."""

    user: str
    name: str
    digest: str
    created: str
    expires: str | None
    revoked: str | None = None


class QuotaRow(Struct, frozen=True, gc=False):
    """The own limit of a quota that a user has, or a pipeline (`schemas.quotas.holder_of`)."""

    user: str
    name: str
    limit: int


USERS = Table("user", StoredUser)
TOKENS = Table("token", StoredToken)
TOKEN_IDS = Table("user-tokens", StoredTokens)
QUOTAS = Table("quota", QuotaRow)
"""By holder and name."""
