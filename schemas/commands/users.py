"""Commands of users and their tokens.

No command holds a password or the secret of a token: nobody can authenticate with what is on the
log.
"""

from __future__ import annotations

from autolearn.schemas.messages import Command
from autolearn.schemas.values import Role


class AddUser(Command, frozen=True):
    """Add a user. `role` is user or sysadmin.

    `password` is an argon2id verifier in PHC string format, "" for a user without a password.
    """

    role: Role
    password: str = ""


class SetRole(Command, frozen=True):
    """Change the role of a user."""

    role: Role


class SetPassword(Command, frozen=True, omit_defaults=True):
    """Change the password of a user: its verifier, as in AddUser.

    All tokens are revoked but `keep`, the id of the token that authenticates the request.
    """

    password: str
    keep: str = ""


class DisableUser(Command, frozen=True):
    """Disable a user, who cannot authenticate any more; all tokens are revoked."""


class EnableUser(Command, frozen=True):
    """Enable a disabled user."""


class IssueToken(Command, frozen=True):
    """Issue a token that authenticates a user.

    `digest` is the SHA-256 (hex) of its secret, 32 random bytes; `expires` is RFC 3339 in UTC, None
    for never; `name` is for people.
    """

    token: str
    name: str
    digest: str
    expires: str | None = None


class RevokeToken(Command, frozen=True):
    """Revoke a token."""

    token: str


class SetQuota(Command, frozen=True):
    """Set the own limit of a user or a pipeline (`schemas.quotas`); None: the default again.

    The user need not have been added: an OpenID provider may know more users than this system.
    """

    name: str
    limit: int | None


class RevokeTokens(Command, frozen=True, omit_defaults=True):
    """Revoke all tokens of a user but the one with the id `keep`."""

    keep: str = ""
