"""The answers of service `users`: users, tokens and quotas."""

from __future__ import annotations

from msgspec import Struct


class Me(Struct):
    """The principal. `auth` is the kind of authentication, `token` the id of the token sent."""

    name: str
    role: str
    auth: str
    token: str | None
    expires: str | None


class User(Struct, frozen=True):
    """A user. `updated` is the time of the newest event of the user's stream."""

    name: str
    role: str
    disabled: bool
    has_password: bool
    created: str
    updated: str


class AccessToken(Struct, frozen=True):
    """A token of a user, without its digest. Times are RFC 3339 in UTC."""

    id: str
    user: str
    name: str
    created: str
    expires: str | None
    revoked: str | None


class NewToken(Struct):
    """A new token, with the word that authenticates its user: it is shown only now."""

    id: str
    user: str
    name: str
    created: str
    expires: str | None
    token: str


class QuotaState(Struct, frozen=True):
    """A quota of a user or pipeline: `used` of `limit` in `unit`; `source` gave the limit.

    `used` is None where nothing is counted for it as a whole.
    """

    name: str
    limit: int
    used: int | None
    unit: str
    source: str
    words: str
