"""Issues tokens: their secret is returned once, to their user, and never stored."""

from __future__ import annotations

import secrets
import time
import uuid

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest, Prefer
from autolearn.api.commands.recorded_request import RecordedRequest
from autolearn.api.http.problems import Problem, unavailable
from autolearn.api.state.context import ApiContext
from autolearn.runtime.timestamps import text
from autolearn.schemas.access_tokens import made_of
from autolearn.schemas.commands import IssueToken
from autolearn.schemas.rest.users import NewToken
from autolearn.schemas.stream_kinds import stream


async def issue(
    context: ApiContext,
    user: str,
    name: str,
    days: float,
    actor: str,
    call: RecordedRequest | None,
    latest: float | None = None,
) -> NewToken:
    """Issue a token for a user; with 0 days it is valid until it is revoked.

    It is valid until `latest` (seconds since 1970) at most, when that is given.

    A repeated request makes another token: a lost secret cannot be shown again.

    Raises:
        Problem: the user cannot have one, or there is no decision at the moment.
    """
    context.taken.take(context.settings.quotas, context.queries, user, "tokens")
    token = made_of(secrets.token_hex(8), secrets.token_urlsafe(32))
    ends = [time.time() + days * 86_400] if days else []
    ends += [] if latest is None else [latest]
    expires = text(int(min(ends) * 1000)) if ends else None
    asked = CommandRequest(str(uuid.uuid4()), "", Prefer(), actor=actor, call=call)
    command = IssueToken(token.id, name, token.digest, expires)
    answer = await context.commands.post(stream("user", user), command, asked)
    row = context.queries.latest().users.token(token.id)
    if isinstance(answer, Accepted) or row is None:
        raise unavailable("The token is asked for, and nobody has decided yet. Try again.")
    return NewToken(token.id, user, name, row.created, expires, token.word)


def require_tokens(context: ApiContext) -> None:
    """Raise a problem unless this system issues the users' tokens."""
    identity = context.settings.identity
    if identity.auth == "tokens":
        return
    where = {
        "oidc": f"Users are known by the tokens of {identity.oidc_issuer}: get one there.",
        "none": "Everybody may do everything here (AUTOLEARN_AUTH=none).",
    }
    raise Problem(409, "no-tokens-here", "There are no tokens here", where[identity.auth])
