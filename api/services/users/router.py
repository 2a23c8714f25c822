"""Users, for sysadmins; and the readers of a session, for its owner."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import created, json, pending
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.problems import Problem, check_id
from autolearn.api.identity.principal import Who
from autolearn.api.limits.quotas import quotas_of
from autolearn.api.services.users.token_issuer import require_tokens
from autolearn.api.shared import bodies
from autolearn.api.shared.authorization import require_grantee
from autolearn.api.shared.lookup import find
from autolearn.api.state.context import ApiContext
from autolearn.schemas import commands
from autolearn.schemas.errors import REASONS
from autolearn.schemas.messages import Command
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.sessions import Reader
from autolearn.schemas.rest.users import AccessToken, QuotaState, User
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import SessionId

_CHANGED = answers({200: User, 202: CommandState})


def router(context: ApiContext) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["users"])

    @routes.get("/users", responses=answers({200: Page[User]}))
    async def list_users() -> Response:
        """List all users, by name."""
        now = context.queries.now()
        return await context.executors.lists.run(lambda: json(Page(now.users.all())))

    @routes.post(
        "/users",
        status_code=201,
        openapi_extra=accepts(bodies.UserBody, command=True),
        responses=answers({201: User, 202: CommandState}, "Location"),
    )
    async def add_user(request: Request) -> Response:
        """Add a user, with a password to log in with."""
        body = await read_body(request, bodies.UserBody)
        _refuse_oidc(context)
        check_id("user", body.name)
        # A hash of the password must not be on the log: the fingerprint excludes it.
        asked = CommandRequest.of(request, {"name": body.name, "role": body.role})
        verifier = await context.passwords.verifier(body.password) if body.password else ""
        answer = await context.commands.post(
            stream("user", body.name), commands.AddUser(body.role, verifier), asked
        )
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return created(await see(body.name), f"/v1/users/{body.name}", asked)

    @routes.get("/users/{user}", responses=answers({200: User}))
    async def see_user(user: str) -> Response:
        """Show a user."""
        return json(await see(user))

    @routes.get("/users/{user}/tokens", responses=answers({200: Page[AccessToken]}))
    async def list_tokens_of(user: str) -> Response:
        """List the tokens of a user, oldest first."""
        await see(user)
        return json(Page(context.queries.now().users.tokens(user)))

    @routes.post(
        "/users/{user}/role",
        openapi_extra=accepts(bodies.RoleBody, command=True),
        responses=_CHANGED,
    )
    async def set_role(request: Request, user: str, who: Who) -> Response:
        """Change the role of a user. Nobody takes their own: a sysadmin must be left."""
        body = await read_body(request, bodies.RoleBody)
        _refuse_self(who.name, user)
        return await change(request, user, commands.SetRole(body.role), {"role": body.role})

    @routes.post(
        "/users/{user}/password",
        openapi_extra=accepts(bodies.PasswordBody, command=True),
        responses=_CHANGED,
    )
    async def set_password(request: Request, user: str, who: Who) -> Response:
        """Change another user's password. The log names the sysadmin; all tokens are revoked."""
        body = await read_body(request, bodies.PasswordBody)
        if who.name == user:
            why = "POST /v1/me/password sets your own: it asks for the present one."
            raise Problem(409, "yourself", "That cannot be done to oneself", why)
        verifier = await context.passwords.verifier(body.password)
        return await change(request, user, commands.SetPassword(verifier), {})

    @routes.post(
        "/users/{user}/disable", openapi_extra=accepts(None, command=True), responses=_CHANGED
    )
    async def disable_user(request: Request, user: str, who: Who) -> Response:
        """Disable a user, at once: all tokens are revoked. The user's resources stay."""
        _refuse_self(who.name, user)
        return await change(request, user, commands.DisableUser(), {})

    @routes.post(
        "/users/{user}/enable", openapi_extra=accepts(None, command=True), responses=_CHANGED
    )
    async def enable_user(request: Request, user: str) -> Response:
        """Enable a user, who must log in again."""
        return await change(request, user, commands.EnableUser(), {})

    @routes.get("/users/{user}/quota", responses=answers({200: Page[QuotaState]}))
    async def list_quotas(user: str) -> Response:
        """List the quotas of a user: limits and use."""
        await known(user)
        return json(Page(quotas_of(context.settings.quotas, context.queries.now(), user)))

    @routes.post(
        "/users/{user}/quota",
        openapi_extra=accepts(bodies.QuotaBody, command=True),
        responses=answers({200: Page[QuotaState], 202: CommandState}),
    )
    async def set_quota(request: Request, user: str) -> Response:
        """Set a user's own limit of a quota, or with null the default again."""
        body = await read_body(request, bodies.QuotaBody)
        await known(user)
        asked = CommandRequest.of(request, body.model_dump())
        command = commands.SetQuota(body.name, body.limit)
        answer = await context.commands.post(stream("user", user), command, asked)
        return pending(answer, asked) if isinstance(answer, Accepted) else await list_quotas(user)

    async def known(user: str) -> None:
        """Raise a problem if there cannot be such a user; a provider's users are not known here."""
        check_id("user", user)
        if context.settings.identity.auth != "oidc":
            await see(user)

    async def see(user: str) -> User:
        check_id("user", user)
        _, row = await find(context, lambda snapshot: snapshot.users.get(user))
        if row is None:
            raise _unknown_user(user)
        return row

    async def change(request: Request, user: str, command: Command, content: object) -> Response:
        _refuse_oidc(context)
        check_id("user", user)
        asked = CommandRequest.of(request, content)
        answer = await context.commands.post(stream("user", user), command, asked)
        return pending(answer, asked) if isinstance(answer, Accepted) else json(await see(user))

    # Sharing

    @routes.get(
        "/sessions/{session}/readers", responses=answers({200: Page[Reader]}), tags=["sessions"]
    )
    async def list_readers(session: SessionId) -> Response:
        """List the users and groups with a grant of a session or experiment."""
        check_id("session", session)
        return json(Page(context.queries.now().sessions.readers(session)))

    @routes.post(
        "/sessions/{session}/share",
        openapi_extra=accepts(bodies.ShareBody, command=True),
        responses=answers({200: Page[Reader], 202: CommandState}),
        tags=["sessions"],
    )
    async def share_session(request: Request, session: SessionId, who: Who) -> Response:
        """Let a user or the members of group/<name> read a session, or work in it as well.

        That holds for the experiment that it becomes, too.
        """
        body = await read_body(request, bodies.ShareBody)
        await require_grantee(context, who, body.user)
        command = commands.ShareSession(body.user, body.may)
        return await share(request, session, command, body.model_dump())

    @routes.post(
        "/sessions/{session}/unshare",
        openapi_extra=accepts(bodies.ReaderBody, command=True),
        responses=answers({200: Page[Reader], 202: CommandState}),
        tags=["sessions"],
    )
    async def unshare_session(request: Request, session: SessionId) -> Response:
        """End the grant of a user or group, at once."""
        body = await read_body(request, bodies.ReaderBody)
        command = commands.UnshareSession(body.user)
        return await share(request, session, command, body.model_dump())

    @routes.post(
        "/sessions/{session}/leave",
        openapi_extra=accepts(None, command=True),
        responses=answers({200: CommandState, 202: CommandState}),
        tags=["sessions"],
    )
    async def leave_session(request: Request, who: Who, session: SessionId) -> Response:
        """Leave a session that another user has shared."""
        check_id("session", session)
        asked = CommandRequest.of(request, {})
        if request.state.via and not context.queries.latest().sessions.reader(session, who.name):
            group = request.state.via.partition("/")[2].partition("@")[0]
            detail = (
                f"It is shared with your group {group}, not with you: leave the group with "
                f"`autolearn group remove {group} {who.name}`."
            )
            raise Problem(409, "not-shared", REASONS["not-shared"].title, detail)
        command = commands.UnshareSession(who.name)
        answer = await context.commands.post(stream("session", session), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return json(CommandState(asked.id, "accepted", answer.stream))

    async def share(
        request: Request, session: SessionId, command: Command, content: object
    ) -> Response:
        check_id("session", session)
        asked = CommandRequest.of(request, content)
        answer = await context.commands.post(stream("session", session), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return json(
            Page(context.queries.now().sessions.readers(session)), headers=asked.prefer.applied()
        )

    return routes


def _unknown_user(user: str) -> Problem:
    detail = f"There is no user {user}: `autolearn admin user list` shows who there is."
    return Problem(404, "user-unknown", "There is no such user", detail)


def _refuse_self(me: str, user: str) -> None:
    """Raise a problem if a sysadmin would lose the own role.

    So the last one stays. Two who do it to each other at the same time can leave none: then
    `autolearn admin first-user --anyway` makes one.
    """
    if me == user:
        why = "Another sysadmin must do that: so there is always one left."
        raise Problem(409, "yourself", "That cannot be done to oneself", why)


def _refuse_oidc(context: ApiContext) -> None:
    if context.settings.identity.auth == "oidc":
        require_tokens(context)
