"""Service `groups`: groups of users, with whom things are shared."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import created, json, pending
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.pagination import from_token, next_link, page_of
from autolearn.api.http.problems import Problem, check_id
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level
from autolearn.api.shared import bodies
from autolearn.api.shared.authorization import require_group
from autolearn.api.state.context import ApiContext
from autolearn.schemas import commands
from autolearn.schemas.bounds import GROUPS_OF_USER
from autolearn.schemas.messages import Command
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.groups import DeletedGroup, GroupSummary, UserGroup
from autolearn.schemas.rest.page import Page
from autolearn.schemas.stream_kinds import stream

Limit = Annotated[int, Query(ge=1, le=500)]
_CHANGED = answers({200: UserGroup, 202: CommandState})


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(prefix="/v1/groups", tags=["groups"])

    @routes.get("", responses=answers({200: Page[GroupSummary]}, "Link"))
    async def list_groups(
        request: Request, who: Who, limit: Limit = 200, page: str = ""
    ) -> Response:
        """List the groups that you are in, by name; all of them for sysadmins."""
        after = from_token(page, str, "page") if page else ""
        groups = context.queries.now().groups
        names = groups.names(after) if who.sysadmin else groups.of_user(who.name)
        rows = groups.summaries(name for name in names if name > after)
        items, more = page_of(rows, limit, lambda row: row, lambda row: row.name)
        return json(Page(items, more), headers=next_link(request.url, more))

    @routes.post(
        "",
        status_code=201,
        openapi_extra=accepts(bodies.GroupBody, command=True),
        responses=answers({201: UserGroup, 202: CommandState}, "Location"),
    )
    async def create_group(request: Request, who: Who) -> Response:
        """Create a group. You own it and are its first member, or the `owner` whom you name."""
        body = await read_body(request, bodies.GroupBody)
        check_id("group", body.name)
        asked = CommandRequest.of(request, body.model_dump())
        owner = body.owner or who.name
        if context.queries.answer(asked.id) is None:
            require_room(owner)
        command = commands.CreateGroup("" if owner == who.name else owner)
        answer = await context.commands.post(stream("group", body.name), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return created(shown(body.name), f"/v1/groups/{body.name}", asked)

    @routes.get("/{group}", responses=answers({200: UserGroup}))
    async def see_group(group: str, who: Who) -> Response:
        """Show a group with its members."""
        await require_group(context, who, group, Level.READ)
        return json(shown(group))

    @routes.post(
        "/{group}/add", openapi_extra=accepts(bodies.MemberBody, command=True), responses=_CHANGED
    )
    async def add_member(request: Request, group: str, who: Who) -> Response:
        """Add a user to a group. The answer does not disclose whether the user exists."""
        body = await read_body(request, bodies.MemberBody)
        if context.settings.identity.auth == "tokens":
            check_id("user", body.user)
        await require_group(context, who, group, Level.OWN)
        asked = CommandRequest.of(request, body.model_dump())
        if context.queries.answer(asked.id) is None:
            require_room(body.user)
        return await change(group, commands.AddMember(body.user), asked)

    @routes.post(
        "/{group}/remove",
        openapi_extra=accepts(bodies.MemberBody, command=True),
        responses=_CHANGED,
    )
    async def remove_member(request: Request, group: str, who: Who) -> Response:
        """Remove a member from a group, at once. Members may remove themselves."""
        body = await read_body(request, bodies.MemberBody)
        asked = CommandRequest.of(request, body.model_dump())
        if context.queries.answer(asked.id) is None:
            leaves = bool(who.name) and body.user == who.name
            await require_group(context, who, group, Level.READ if leaves else Level.OWN)
        return await change(group, commands.RemoveMember(body.user), asked)

    @routes.post(
        "/{group}/delete",
        openapi_extra=accepts(None, command=True),
        responses=answers({200: DeletedGroup, 202: CommandState}),
    )
    async def delete_group(request: Request, group: str, who: Who) -> Response:
        """Delete a group: its grants count no longer, and its name is never reused."""
        asked = CommandRequest.of(request, {})
        if context.queries.answer(asked.id) is None:
            await require_group(context, who, group, Level.OWN)
        check_id("group", group)
        answer = await context.commands.post(stream("group", group), commands.DeleteGroup(), asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return json(DeletedGroup(group, answer.time), headers=asked.prefer.applied())

    async def change(group: str, command: Command, asked: CommandRequest) -> Response:
        check_id("group", group)
        answer = await context.commands.post(stream("group", group), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return json(shown(group), headers=asked.prefer.applied())

    def shown(group: str) -> UserGroup:
        found = context.queries.now().groups.get(group)
        if found is None:  # deleted meanwhile
            raise Problem(410, "group-deleted", "The group is deleted", f"There was {group}.")
        return found

    def require_room(user: str) -> None:
        """Raise a problem if a user is in as many groups as possible."""
        many = len(context.queries.latest().groups.of_user(user))
        if many >= GROUPS_OF_USER:
            detail = f"{user} is in {many} groups, and at most {GROUPS_OF_USER} are possible."
            raise Problem(409, "too-many-groups", "The user is in too many groups", detail)

    return routes
