"""The principal of a request, authenticated by its bearer token (RFC 6750)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from msgspec import Struct
from starlette.requests import Request

from autolearn.api.http.problems import Problem
from autolearn.projections.queries.queries import ReadModelQueries, Snapshot
from autolearn.runtime.timestamps import millis
from autolearn.schemas import actors
from autolearn.schemas.access_tokens import Token
from autolearn.schemas.values import Role


class Principal(Struct, frozen=True):
    """An authenticated principal. `token` is the id of the token, if it is one of ours.

    `everything` is allowed to every principal without authentication (AUTOLEARN_AUTH=none).
    `expires` is when the authentication ends, in seconds since 1970.
    """

    name: str
    sysadmin: bool = False
    everything: bool = False
    viewer: bool = False
    token: str = ""
    expires: float | None = None

    @property
    def grant(self) -> str:
        """The right that the principal has beside the name, for the deciders."""
        if self.viewer:
            return actors.VIEWER
        return actors.EVERYBODY if self.everything else actors.SYSADMIN if self.sysadmin else ""

    @property
    def role(self) -> Role:
        """The role that the principal has here."""
        return "viewer" if self.viewer else "sysadmin" if self.sysadmin else "user"


NOBODY = Principal("")
"""The principal of a public request."""
EVERYBODY = Principal("", sysadmin=True, everything=True)
"""The principal of every request without authentication."""

Authenticate = Callable[[Snapshot, str], Awaitable[Principal]]
"""Returns the principal of a bearer token, or raises the problem (401) of an invalid one."""


async def _principal_of(request: Request) -> Principal:
    """Return the principal that the rule of the route has found (async: no thread is needed)."""
    principal: Principal = request.state.principal
    return principal


Who = Annotated[Principal, Depends(_principal_of)]
"""The principal, as a parameter of a route."""


async def by_token(snapshot: Snapshot, given: str) -> Principal:
    """Return the principal of one of our tokens.

    A malformed, unknown, wrong or revoked token and one of a disabled user are refused with the
    same message.

    Raises:
        Problem: the token is not valid (401).
    """
    token = Token.read(given)
    row = snapshot.users.token(token.id) if token is not None else None
    if token is None or row is None or not token.fits(row.digest) or row.revoked is not None:
        raise bad_token()
    user = snapshot.users.stored(row.user)
    if user is None or user.disabled:
        raise bad_token()
    expires = None if row.expires is None else millis(row.expires) / 1000
    if expires is not None and expires <= time.time():
        raise expired_token(row.expires or "")
    sysadmin, viewer = user.role == "sysadmin", user.role == "viewer"
    return Principal(row.user, sysadmin, viewer=viewer, token=token.id, expires=expires)


def still_let_in(queries: ReadModelQueries, who: Principal) -> bool:
    """Return whether a principal is still authenticated and has the same role, as known here.

    A principal whose role was changed must authenticate again.
    """
    if who.expires is not None and who.expires <= time.time():
        return False
    if not who.token:
        return True
    snapshot = queries.latest()
    row, user = snapshot.users.token(who.token), snapshot.users.stored(who.name)
    if row is None or row.revoked is not None or user is None or user.disabled:
        return False
    return who.role == user.role


def no_token() -> Problem:
    """Return the problem of a request without a token."""
    return Problem(
        401,
        "no-token",
        "A token is required",
        "Send Authorization: Bearer TOKEN. `autolearn login` gets you a token; the first one is "
        "made by `autolearn up`.",
        headers={"WWW-Authenticate": 'Bearer realm="autolearn"'},
    )


def bad_token() -> Problem:
    """Return the problem of an invalid token."""
    return _refused("bad-token", "The token is not valid", "It is unknown, or it was revoked.")


def expired_token(when: str) -> Problem:
    """Return the problem of an expired token."""
    return _refused("token-expired", "The token has expired", f"It was good until {when}.")


def _refused(kind: str, title: str, why: str) -> Problem:
    """Return the problem of a refused token."""
    return Problem(
        401,
        kind,
        title,
        f"{why} `autolearn login` gets you another one.",
        headers={"WWW-Authenticate": 'Bearer realm="autolearn", error="invalid_token"'},
    )
