"""The quotas of a pipeline: shown, and set by its owner up to the defaults, by sysadmins beyond."""

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
from autolearn.api.limits.quotas import quotas_of
from autolearn.api.services.pipelines.checks import require_pipeline
from autolearn.api.shared.authorization import forbidden
from autolearn.api.shared.bodies import QuotaBody
from autolearn.api.state.context import ApiContext
from autolearn.schemas.commands import SetQuota
from autolearn.schemas.quotas import QUOTAS, limit_of, source_of
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.users import QuotaState
from autolearn.schemas.stream_kinds import stream

_PATH = "/v1/pipelines/{pipeline}/quota"


def add_quota_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router."""

    @routes.get(_PATH, responses=answers({200: Page[QuotaState]}))
    async def list_pipeline_quotas(pipeline: str, who: Who) -> Response:
        """List the quotas of a pipeline: limits and use."""
        await require_pipeline(context, who, pipeline, _needed(who, Level.READ))
        return shown(pipeline)

    @routes.post(
        _PATH,
        openapi_extra=accepts(QuotaBody, command=True),
        responses=answers({200: Page[QuotaState], 202: CommandState}),
    )
    async def set_pipeline_quota(request: Request, pipeline: str, who: Who) -> Response:
        """Set a pipeline's own limit of a quota, or with null the default again.

        Its owner may set limits up to the defaults, a sysadmin any.
        """
        body = await read_body(request, QuotaBody)
        await require_pipeline(context, who, pipeline, _needed(who, Level.OWN))
        if body.limit is not None and body.name in QUOTAS and not (who.sysadmin or who.everything):
            most = limit_of(body.name, None, context.settings.quotas)
            if body.limit > most:
                raise forbidden(
                    f"The owner of a pipeline may set its quota `{body.name}` up to the default, "
                    f"{most:,}: a sysadmin can set more, or raise {source_of(body.name, None)}."
                )
        asked = CommandRequest.of(request, body.model_dump())
        command = SetQuota(body.name, body.limit)
        answer = await context.commands.post(stream("pipeline", pipeline), command, asked)
        return pending(answer, asked) if isinstance(answer, Accepted) else shown(pipeline)

    def shown(pipeline: str) -> Response:
        now, holder = context.queries.now(), stream("pipeline", pipeline)
        return json(Page(quotas_of(context.settings.quotas, now, holder)))


def _needed(who: Principal, needed: Level) -> Level:
    """Return the level that a principal needs: a sysadmin sees and sets quotas of what exists."""
    return Level.ACTIVITY if who.sysadmin else needed
