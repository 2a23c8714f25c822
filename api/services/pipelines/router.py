"""Service `pipelines`: pipelines by their files, their versions, grants and runs."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import created, json, pending
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.pagination import from_token, next_link, page_of
from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level, pipeline_access
from autolearn.api.limits.quotas import check_quota
from autolearn.api.services.pipelines import bodies, resources
from autolearn.api.services.pipelines.checks import (
    PIPELINE,
    invalid,
    require_pipeline,
    unknown_pipeline,
)
from autolearn.api.services.pipelines.kinds import checked, step_kinds
from autolearn.api.services.pipelines.quotas import add_quota_routes
from autolearn.api.services.pipelines.runs import add_run_routes
from autolearn.api.services.pipelines.step_runs import add_step_run_route
from autolearn.api.shared.as_of import AsOf, AsOfView, Shared
from autolearn.api.shared.authorization import forbidden, require_grantee
from autolearn.api.shared.bodies import ReaderBody, ShareBody
from autolearn.api.shared.named.things import find_named, list_named
from autolearn.api.state.context import ApiContext
from autolearn.schemas import commands
from autolearn.schemas.messages import Command
from autolearn.schemas.pipelines.faults import PipelineInvalid
from autolearn.schemas.pipelines.json_schema import json_schema
from autolearn.schemas.pipelines.parse import parse
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.pipelines.definitions import (
    Pipeline,
    PipelineRow,
    PipelineSummary,
    PipelineVersion,
    RemovedPipeline,
)
from autolearn.schemas.rest.sessions import Reader
from autolearn.schemas.stream_kinds import stream

Limit = Annotated[int, Query(ge=1, le=500)]
DryRun = Annotated[bool, Query(description="Check the file, and change nothing.")]
_CHANGED = answers({200: Pipeline, 202: CommandState})


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(tags=["pipelines"])
    add_run_routes(routes, context)
    add_quota_routes(routes, context)
    add_step_run_route(routes, context)

    @routes.post(
        "/v1/pipelines",
        status_code=201,
        openapi_extra=accepts(bodies.ApplyBody, command=True),
        responses=answers(
            {200: PipelineVersion, 201: PipelineVersion, 202: CommandState}, "Location"
        ),
    )
    async def apply_pipeline(request: Request, who: Who, *, dry_run: DryRun = False) -> Response:
        """Make a file, YAML or JSON, the newest version of the pipeline that it names.

        The first version makes the pipeline, which is yours. The same definition again is no new
        version (200). A file with faults is refused, and each named with its line and column. With
        `dry_run` the version is only shown (200).
        """
        body = await read_body(request, bodies.ApplyBody)
        try:
            definition = await checked(context, lambda *offered: parse(body.text, *offered))
        except PipelineInvalid as error:
            raise invalid(error) from None
        name, asked = definition.name, CommandRequest.of(request, body.model_dump())
        if context.queries.answer(asked.id) is None:
            asked = asked._replace(via=await require_applying(who, name))
            newest = await context.executors.lists.run(
                lambda: context.queries.now().pipelines.newest(name)
            )
            if newest is not None and newest.definition == definition and not newest.unreadable:
                return json(resources.version(newest), headers=asked.prefer.applied())
            if dry_run:
                number = 1 if newest is None else newest.number + 1
                return json(resources.unapplied(definition, number, body.text, body.note))
        command = commands.ApplyPipeline(definition, body.text, body.note)
        answer = await context.commands.post(stream("pipeline", name), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        row = await context.executors.lists.run(
            lambda: context.queries.now().pipelines.applied_at(name, answer.sequence)
        )
        if row is None:
            raise unknown_pipeline(context, who, name)
        at = f"/v1/pipelines/{name}/versions/{row.number}"
        return created(resources.version(row), at, asked)

    async def require_applying(who: Who, name: str) -> str:
        """Return the group whose grant lets one apply, "" for none or for a new pipeline.

        Raises:
            Problem: the pipeline is somebody else's, or one more is too many (409), or the grant is
                less (403).
        """
        if context.queries.latest().pipelines.stored(name) is None:
            await context.reader.fresh()
        now = context.queries.latest()
        if now.pipelines.stored(name) is None:
            check_quota(context.settings.quotas, context.queries.now(), who.name, "pipelines")
            return ""
        if pipeline_access(who, now, name).level < Level.READ:
            detail = f"{name} is somebody else's pipeline: choose another name."
            raise Problem(409, "pipeline-taken", "The name is taken", detail)
        return await require_pipeline(context, who, name, Level.WORK)

    @routes.get("/v1/pipeline-schema", response_class=Response)
    async def see_schema(who: Who) -> Response:  # noqa: ARG001 - everybody may
        """Return the JSON Schema of a file that declares a pipeline, for editors.

        It has the steps that workers offer now, with their parameters.
        """
        now = context.queries.now()
        kinds = await context.executors.lists.run(lambda: step_kinds(now))
        return Response(
            msgspec.json.encode(json_schema(kinds)), media_type="application/schema+json"
        )

    @routes.get(
        "/v1/pipelines",
        responses=answers({200: Page[PipelineSummary]}, "Link", "AutoLearn-Position"),
    )
    async def list_pipelines(
        request: Request,
        who: Who,
        limit: Limit = 100,
        page: str = "",
        as_of: AsOf = "",
        *,
        shared: Shared = False,
    ) -> Response:
        """List the pipelines that you own or that are shared with you, by name; all for sysadmins.

        With `shared` those that others have shared with you, as they are now.
        """
        now = context.queries.now()

        def shown(row: PipelineRow) -> PipelineSummary:
            withheld = pipeline_access(who, now, row.name).level < Level.READ
            return resources.summary(row, withheld=withheld)

        return await list_named(
            *(PIPELINE, context, who, shown, request, limit, page, as_of), shared=shared
        )

    @routes.get(
        "/v1/pipelines/{pipeline}", responses=answers({200: Pipeline}, "AutoLearn-Position")
    )
    async def see_pipeline(pipeline: str, who: Who, as_of: AsOf = "") -> Response:
        """Show a pipeline with its newest version, now or at `as_of`."""
        seen = await found(who, pipeline, as_of)
        content = await context.executors.lists.run(
            lambda: resources.pipeline(seen.snapshot, pipeline)
        )
        return json(content, headers=seen.headers)

    @routes.get(
        "/v1/pipelines/{pipeline}/versions",
        responses=answers({200: Page[PipelineVersion]}, "Link", "AutoLearn-Position"),
    )
    async def list_versions(
        request: Request,
        pipeline: str,
        who: Who,
        limit: Limit = 50,
        page: str = "",
        as_of: AsOf = "",
    ) -> Response:
        """List the versions of a pipeline, the first one first."""
        after = from_token(page, int, "page") if page else 0
        seen = await found(who, pipeline, as_of)

        def shown() -> Response:
            items, more = page_of(
                seen.snapshot.pipelines.versions(pipeline, after),
                limit,
                resources.version,
                lambda row: row.number,
            )
            headers = {**seen.headers, **next_link(request.url, more)}
            return json(Page(items, more), headers=headers)

        return await context.executors.lists.run(shown)

    @routes.get(
        "/v1/pipelines/{pipeline}/versions/{number}",
        responses=answers({200: PipelineVersion}, "AutoLearn-Position"),
    )
    async def see_version(pipeline: str, number: int, who: Who, as_of: AsOf = "") -> Response:
        """Show a version of a pipeline, with the file that declared it."""
        seen = await found(who, pipeline, as_of)
        row = await context.executors.lists.run(
            lambda: seen.snapshot.pipelines.version(pipeline, number)
        )
        if row is None:
            newest = seen.snapshot.pipelines.stored(pipeline)
            many = newest.versions if newest else 0
            detail = f"{pipeline} has no version {number}: it has versions 1 to {many}."
            raise Problem(404, "version-unknown", "There is no such version", detail)
        return json(resources.version(row), headers=seen.headers)

    @routes.get("/v1/pipelines/{pipeline}/readers", responses=answers({200: Page[Reader]}))
    async def list_grants(pipeline: str, who: Who) -> Response:
        """List the users and groups with a grant of a pipeline."""
        await require_pipeline(context, who, pipeline, Level.READ)
        return json(Page(context.queries.now().pipelines.grants(pipeline)))

    @routes.post(
        "/v1/pipelines/{pipeline}/share",
        openapi_extra=accepts(ShareBody, command=True),
        responses=_CHANGED,
    )
    async def share_pipeline(request: Request, pipeline: str, who: Who) -> Response:
        """Let a user or group see a pipeline with its results, or work with it."""
        body = await read_body(request, ShareBody)
        await require_pipeline(context, who, pipeline, Level.OWN)
        await require_grantee(context, who, body.user)
        command = commands.SharePipeline(body.user, body.may)
        return await change(request, pipeline, command, body.model_dump())

    @routes.post(
        "/v1/pipelines/{pipeline}/unshare",
        openapi_extra=accepts(ReaderBody, command=True),
        responses=_CHANGED,
    )
    async def unshare_pipeline(request: Request, pipeline: str, who: Who) -> Response:
        """Take a user's or group's grant back; anybody may leave."""
        body = await read_body(request, ReaderBody)
        level = Level.READ if body.user == who.name else Level.OWN
        await require_pipeline(context, who, pipeline, level)
        command = commands.UnsharePipeline(body.user)
        return await change(request, pipeline, command, body.model_dump())

    @routes.post(
        "/v1/pipelines/{pipeline}/remove",
        openapi_extra=accepts(None, command=True),
        responses=answers({200: RemovedPipeline, 202: CommandState}),
    )
    async def remove_pipeline(request: Request, pipeline: str, who: Who) -> Response:
        """Remove a pipeline with its runs and their results. What it delivered stays."""
        if pipeline_access(who, context.queries.latest(), pipeline).level < Level.OWN:
            await require_pipeline(context, who, pipeline, Level.OWN)
        asked = CommandRequest.of(request, {})
        command = commands.RemovePipeline()
        answer = await context.commands.post(stream("pipeline", pipeline), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        row = context.queries.now().pipelines.stored(pipeline)
        assert row is not None, "it was just removed"
        return json(RemovedPipeline(pipeline, row.deleted), headers=asked.prefer.applied())

    async def change(
        request: Request, pipeline: str, command: Command, content: object
    ) -> Response:
        asked = CommandRequest.of(request, content)
        answer = await context.commands.post(stream("pipeline", pipeline), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        now = context.queries.now()
        if now.pipelines.get(pipeline) is None:
            raise forbidden("It was removed meanwhile.")
        content = await context.executors.lists.run(lambda: resources.pipeline(now, pipeline))
        return json(content, headers=asked.prefer.applied())

    async def found(who: Who, pipeline: str, as_of: str) -> AsOfView:
        """Return a snapshot with a pipeline, now or at `as_of`."""
        return await find_named(PIPELINE, context, who, pipeline, as_of)

    return routes
