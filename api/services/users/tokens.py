"""Login, the own identity, tokens and password."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest, call_of
from autolearn.api.commands.responses import json, pending
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.limits.client_address import address_of
from autolearn.api.limits.quotas import quotas_of
from autolearn.api.services.users.token_issuer import issue, require_tokens
from autolearn.api.shared import bodies
from autolearn.api.state.context import ApiContext
from autolearn.runtime.timestamps import text
from autolearn.schemas import commands
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.users import AccessToken, Me, NewToken, QuotaState
from autolearn.schemas.stream_kinds import KINDS, stream


def router(context: ApiContext) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["users"])

    @routes.post(
        "/login",
        status_code=201,
        openapi_extra=accepts(bodies.LoginBody),
        responses=answers({201: NewToken}),
    )
    async def login(request: Request) -> Response:
        """Log in: get a token for a user's name and password."""
        body = await read_body(request, bodies.LoginBody)
        require_tokens(context)
        name = body.user if KINDS["user"].fits(body.user) else ""
        address, call = address_of(request.scope), call_of(request)
        if call is not None and name and context.queries.latest().users.stored(name) is not None:
            call.stream = stream("user", name)  # an unknown name could be a password
        context.logins.check(name, address)
        # For a user who was just added through another process; also for a known one, so that the
        # time it takes discloses nothing.
        await context.reader.fresh()
        user = context.queries.latest().users.stored(name) if name else None
        fits = await context.passwords.fits(user.password if user else "", body.password)
        if not fits or user is None or user.disabled:
            context.logins.failed(name, address)
            raise Problem(
                401,
                "bad-login",
                "The login failed",
                "There is no such user, the password is another, or the user is disabled.",
                headers={"WWW-Authenticate": 'Bearer realm="autolearn"'},
            )
        context.logins.fitted(name, address)
        request.state.principal = Principal(name)
        if call is not None:
            context.audit.arrive(call)
        made = await issue(context, name, body.name, body.days, name, call)
        return json(made, 201, _SECRET)

    @routes.get("/me", responses=answers({200: Me}))
    async def see_me(who: Who) -> Response:
        """Show the principal."""
        expires = None if who.expires is None else text(int(who.expires * 1000))
        return json(
            Me(who.name, who.role, context.settings.identity.auth, who.token or None, expires)
        )

    @routes.get("/me/quota", responses=answers({200: Page[QuotaState]}))
    async def list_own_quotas(who: Who) -> Response:
        """List one's own quotas: limits and use."""
        return json(Page(quotas_of(context.settings.quotas, context.queries.now(), who.name)))

    @routes.post(
        "/me/password",
        openapi_extra=accepts(bodies.OwnPasswordBody, command=True),
        responses=answers({200: CommandState, 202: CommandState}),
    )
    async def set_own_password(request: Request, who: Who) -> Response:
        """Set one's own password; an existing one must be given. Other tokens are revoked."""
        body = await read_body(request, bodies.OwnPasswordBody)
        require_tokens(context)
        user = context.queries.latest().users.stored(who.name)
        present = user.password if user is not None else ""
        if present and not await context.passwords.fits(present, body.present or ""):
            why = "`present` must be your present password."
            raise Problem(403, "bad-password", "The password is another", why)
        verifier = await context.passwords.verifier(body.password)
        command = commands.SetPassword(verifier, who.token)
        asked = CommandRequest.of(request, {})  # a hash of the password must not be on the log
        answer = await context.commands.post(stream("user", who.name), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return json(CommandState(asked.id, "accepted", answer.stream))

    @routes.get("/tokens", responses=answers({200: Page[AccessToken]}))
    async def list_tokens(who: Who) -> Response:
        """List one's own tokens, oldest first."""
        require_tokens(context)
        return json(Page(context.queries.now().users.tokens(who.name)))

    @routes.post(
        "/tokens",
        status_code=201,
        openapi_extra=accepts(bodies.TokenBody),
        responses=answers({201: NewToken}),
    )
    async def new_token(request: Request, who: Who) -> Response:
        """Issue another token for oneself: it ends with the one that is sent, at the latest.

        An Idempotency-Key makes no difference.
        """
        body = await read_body(request, bodies.TokenBody)
        require_tokens(context)
        call = call_of(request)
        made = await issue(
            context, who.name, body.name, body.days, who.name, call, latest=who.expires
        )
        return json(made, 201, _SECRET)

    @routes.post(
        "/tokens/revoke",
        openapi_extra=accepts(None, command=True),
        responses=answers({200: CommandState, 202: CommandState}),
    )
    async def revoke_tokens(request: Request, who: Who) -> Response:
        """Revoke all of one's own tokens but the one that is sent."""
        require_tokens(context)
        asked, command = CommandRequest.of(request, {}), commands.RevokeTokens(who.token)
        answer = await context.commands.post(stream("user", who.name), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return json(CommandState(asked.id, "accepted", answer.stream))

    @routes.post(
        "/tokens/{token}/revoke",
        openapi_extra=accepts(None, command=True),
        responses=answers({200: AccessToken, 202: CommandState}),
    )
    async def revoke_token(request: Request, token: str, who: Who) -> Response:
        """Revoke a token: one's own, or as a sysadmin anybody's."""
        row = await _find_token(context, who, token)
        asked = CommandRequest.of(request, {})
        command = commands.RevokeToken(token)
        answer = await context.commands.post(stream("user", row.user), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return json(await _find_token(context, who, token))

    return routes


_SECRET = {"Cache-Control": "no-store"}
"""The headers of an answer with a secret (RFC 6749, 5.1)."""


async def _find_token(context: ApiContext, who: Principal, token: str) -> AccessToken:
    """Return a token that the principal may revoke, or raise the problem that there is none."""
    for attempt in (1, 2):
        snapshot = context.queries.now()
        row = snapshot.users.token(token)
        if row is not None and (who.sysadmin or row.user == who.name):
            about = (row.user, row.name, row.created, row.expires, row.revoked)
            return AccessToken(token, *about)
        if attempt == 1:
            await context.reader.fresh()
    detail = f"You have no token {token[:40]!r}: GET /v1/tokens lists yours."
    raise Problem(404, "token-unknown", "There is no such token", detail)
