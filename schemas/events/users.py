"""Events of users and their tokens."""

from __future__ import annotations

from autolearn.schemas.messages import Event
from autolearn.schemas.values import Role


class UserAdded(Event, frozen=True):
    """A user was added. The fields are those of `commands.AddUser`."""

    role: Role
    password: str


class RoleSet(Event, frozen=True):
    """The user has another role."""

    role: Role


class PasswordSet(Event, frozen=True, omit_defaults=True):
    """The user has another password with this verifier, and no token but `keep`."""

    password: str
    keep: str = ""


class UserDisabled(Event, frozen=True):
    """The user is disabled, cannot authenticate, and has no token any more."""


class UserEnabled(Event, frozen=True):
    """The user is enabled again."""


class TokenIssued(Event, frozen=True, omit_defaults=True):
    """The user has a new token. The fields are those of `commands.IssueToken`.

    `dropped` are revoked or expired tokens that are no longer listed.
    """

    token: str
    name: str
    digest: str
    expires: str | None
    dropped: tuple[str, ...] = ()


class TokenRevoked(Event, frozen=True):
    """The token is revoked."""

    token: str


class QuotaSet(Event, frozen=True):
    """The user or pipeline has another limit of a quota. The fields are those of the command."""

    name: str
    limit: int | None


class TokensRevoked(Event, frozen=True, omit_defaults=True):
    """All tokens of the user but `keep` are revoked."""

    keep: str = ""
