"""Commands of users and their tokens."""

from __future__ import annotations

from autolearn.schemas.messages import Command
from autolearn.schemas.values import Role

__all__ = [
    "AddUser",
    "DisableUser",
    "EnableUser",
    "IssueToken",
    "RevokeToken",
    "RevokeTokens",
    "SetPassword",
    "SetQuota",
    "SetRole",
]


class AddUser(Command, frozen=True):
    """Know a new user. `role` is user or sysadmin.

    `password` is an argon2id verifier in PHC string format, "" for a user without a password.
    """

    role: Role
    password: str = ""


class SetRole(Command, frozen=True):
    """Give a user another role."""

    role: Role


class SetPassword(Command, frozen=True, omit_defaults=True):
    """Give a user another password: its verifier, as in AddUser.

    All tokens are revoked but `keep`, the id of the one by which it is asked for.
    """

    password: str
    keep: str = ""


class DisableUser(Command, frozen=True):
    """Let a user in no longer; all tokens are revoked."""


class EnableUser(Command, frozen=True):
    """Let a user in again."""


class IssueToken(Command, frozen=True):
    """Let a user in with a new token.

    `digest` is the SHA-256 (hex) of its secret, 32 random bytes; `expires` is RFC 3339 in UTC,
    None for never; `name` is for people.
    """

    token: str
    name: str
    digest: str
    expires: str | None = None


class RevokeToken(Command, frozen=True):
    """Let nobody in with a token any more."""

    token: str


class SetQuota(Command, frozen=True):
    """Set a user's own limit of a quota (`schemas.quotas`); None: the default holds again.

    The user need not have been added: an OpenID provider may know more users than this system.
    """

    name: str
    limit: int | None


class RevokeTokens(Command, frozen=True, omit_defaults=True):
    """Let nobody in with any token of the user any more, but for the one with the id `keep`."""

    keep: str = ""
