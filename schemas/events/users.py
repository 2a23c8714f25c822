"""Events of users and their tokens."""

from __future__ import annotations

from autolearn.schemas.messages import Event
from autolearn.schemas.values import Role

__all__ = [
    "PasswordSet",
    "QuotaSet",
    "RoleSet",
    "TokenIssued",
    "TokenRevoked",
    "TokensRevoked",
    "UserAdded",
    "UserDisabled",
    "UserEnabled",
]


class UserAdded(Event, frozen=True):
    """There is a new user. The fields are those of `commands.AddUser`."""

    role: Role
    password: str


class RoleSet(Event, frozen=True):
    """The user has another role."""

    role: Role


class PasswordSet(Event, frozen=True, omit_defaults=True):
    """The user has another password, of which this is the verifier, and no token but `keep`."""

    password: str
    keep: str = ""


class UserDisabled(Event, frozen=True):
    """The user is let in no longer, and has no token any more."""


class UserEnabled(Event, frozen=True):
    """The user is let in again."""


class TokenIssued(Event, frozen=True, omit_defaults=True):
    """A new token lets the user in. The fields are those of `commands.IssueToken`.

    `dropped` are tokens that were revoked or have expired, and are not listed any more.
    """

    token: str
    name: str
    digest: str
    expires: str | None
    dropped: tuple[str, ...] = ()


class TokenRevoked(Event, frozen=True):
    """A token lets nobody in any more."""

    token: str


class QuotaSet(Event, frozen=True):
    """The user has another limit of a quota. The fields are those of `commands.SetQuota`."""

    name: str
    limit: int | None


class TokensRevoked(Event, frozen=True, omit_defaults=True):
    """Of the user's tokens only `keep` lets in any more."""

    keep: str = ""
