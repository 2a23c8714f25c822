"""Routes of the owners of datasets: grants to users, and deletion."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import json, pending
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.identity.visibility import Level
from autolearn.api.shared import bodies
from autolearn.api.shared.authorization import require_grantee
from autolearn.api.shared.dataset_checks import require_dataset, require_unneeded
from autolearn.api.state.context import ApiContext
from autolearn.schemas.commands import DeleteDataset, ShareDataset, UnshareDataset
from autolearn.schemas.messages import Command
from autolearn.schemas.rest.catalog import DeletedDataset, Grant
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.page import Page
from autolearn.schemas.stream_kinds import stream


def add_grant_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router."""

    @routes.get("/datasets/{name}/readers", responses=answers({200: Page[Grant]}))
    async def list_grants(name: str, who: Who) -> Response:
        """List the users and groups with a grant of a dataset."""
        await require_dataset(context, who, name, Level.READ)
        return json(Page(context.queries.now().catalog.grants(name)))

    @routes.post(
        "/datasets/{name}/share",
        openapi_extra=accepts(bodies.GrantBody, command=True),
        responses=answers({200: Page[Grant], 202: CommandState}),
    )
    async def share_dataset(request: Request, name: str, who: Who) -> Response:
        """Let a user or the members of group/<name> use a dataset, or add versions as well.

        The answer does not disclose whether the user exists.
        """
        body = await read_body(request, bodies.GrantBody)
        await require_dataset(context, who, name, Level.OWN)
        await require_grantee(context, who, body.user)
        command = ShareDataset(body.user, body.may)
        return await grant(request, name, who, command, body.model_dump())

    @routes.post(
        "/datasets/{name}/unshare",
        openapi_extra=accepts(bodies.ReaderBody, command=True),
        responses=answers({200: Page[Grant], 202: CommandState}),
    )
    async def unshare_dataset(request: Request, name: str, who: Who) -> Response:
        """End the grant of a user or group, at once."""
        body = await read_body(request, bodies.ReaderBody)
        return await grant(request, name, who, UnshareDataset(body.user), body.model_dump())

    @routes.post(
        "/datasets/{name}/delete",
        openapi_extra=accepts(bodies.DeleteBody, command=True),
        responses=answers({200: DeletedDataset, 202: CommandState}),
    )
    async def delete_dataset(request: Request, name: str, who: Who) -> Response:
        """Delete a dataset for good: its key is shredded, and its name is never reused.

        It is refused while experiments are kept that need it, unless it is forced.
        """
        body = await read_body(request, bodies.DeleteBody)
        asked = CommandRequest.of(request, body.model_dump())
        if context.queries.answer(asked.id) is None:
            await require_dataset(context, who, name, Level.OWN)
            if not body.force:
                await require_unneeded(context, who, name)
        answer = await context.commands.post(stream("dataset", name), DeleteDataset(), asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return json(DeletedDataset(name, answer.time), headers=asked.prefer.applied())

    async def grant(
        request: Request, name: str, who: Principal, command: Command, content: object
    ) -> Response:
        await require_dataset(context, who, name, Level.OWN)
        asked = CommandRequest.of(request, content)
        answer = await context.commands.post(stream("dataset", name), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        grants = context.queries.now().catalog.grants(name)
        return json(Page(grants), headers=asked.prefer.applied())
