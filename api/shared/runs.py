"""The shared routes of trainings and evaluations: request, list, show, wait, cancel."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from msgspec import Raw
from msgspec.json import encode
from starlette.datastructures import URL
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest, derive, prefer_of
from autolearn.api.commands.responses import created, json, pending
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.pagination import from_token, next_link, page_of
from autolearn.api.http.problems import check_id
from autolearn.api.limits.disk_room import require_disk
from autolearn.api.limits.quotas import check_run
from autolearn.api.shared import resources
from autolearn.api.shared.as_of import AsOf, AsOfView, present
from autolearn.api.shared.authorization import EXPERIMENT, SESSION, authorise
from autolearn.api.shared.lookup import RunOwner, find_owner, find_run
from autolearn.api.state.context import ApiContext
from autolearn.schemas.commands import CancelRun
from autolearn.schemas.messages import Command
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.page import Page
from autolearn.schemas.stream_kinds import stream, stream_of_runs
from autolearn.schemas.values import RunId, RunStatus, SessionId, plural
from autolearn.schemas.work_kinds import OF_SESSIONS

Limit = Annotated[int, Query(ge=1, le=500)]
OfStudy = Annotated[str, Query(max_length=200, description="Those that this study asked for.")]


async def request_run(
    context: ApiContext, asked: CommandRequest, owner: RunOwner, kind: str, command: Command | None
) -> Response:
    """Have a run accepted, and answer with it: at once, or at its end if preferred.

    There is a `command` unless the request was answered before.
    """
    began = asyncio.get_running_loop().time()
    run, session = RunId(derive(asked.id, "run")), owner.id
    if context.queries.answer(asked.id) is None:  # a repeated request takes nothing more
        require_disk(context.settings.limits, context.uploads.folders)
        check_run(context.settings.quotas, context.queries.now(), session)
    answer = await context.commands.post(stream("session", session), command, asked)
    if isinstance(answer, Accepted):
        return pending(answer, asked)
    at, status = f"{owner.path}/{plural(kind)}/{run}", 201
    if asked.prefer.wait is not None:
        left = asked.prefer.wait - (asyncio.get_running_loop().time() - began)
        status = 201 if await until_ended(context, session, kind, run, left) else 202
    headers = {"Location": at, **asked.prefer.applied()}
    shown = await show_run(context, present(context), owner, kind, run)
    if shown is None:  # the session has ended since, and does not keep it
        return created(CommandState(asked.id, "accepted", answer.stream, at), at, asked)
    return json(shown, status, headers)


async def show_run(
    context: ApiContext, seen: AsOfView, owner: RunOwner, kind: str, run: RunId
) -> Raw | None:
    """Return a run as JSON, None if there is none."""

    def shown() -> Raw | None:
        row = seen.snapshot.runs.get(owner.id, kind, run)
        if row is None:
            return None
        return Raw(encode(resources.run(seen.snapshot, row, seen.live, owner.path)))

    return await context.executors.lists.run(shown)


async def _list_runs(
    context: ApiContext,
    seen: AsOfView,
    base: str,
    kind: str,
    status: RunStatus | None,
    study: str,
    page: str,
    limit: int,
    url: URL,
) -> Response:
    """Return a page of the runs of a session or experiment, in the order of their requests."""
    after, session = from_token(page, int, "page") if page else 0, SessionId(base[-36:])
    snapshot, live = seen.snapshot, seen.live

    def shown() -> Response:
        rows = (
            (run, row)
            for run, row in snapshot.runs.all_stored(session, after)
            if row.kind == kind and status in (None, row.status) and study in ("", row.study)
        )
        items, more = page_of(
            rows,
            limit,
            lambda one: resources.run(snapshot, snapshot.runs.decrypted(session, *one), live, base),
            lambda one: one[1].number,
        )
        headers = {**seen.headers, **next_link(url, more)}
        return json(Page(items, more), headers=headers)

    return await context.executors.lists.run(shown)


async def until_ended(
    context: ApiContext, owner: SessionId, kind: str, run: RunId, seconds: float
) -> bool:
    """Wait for the end of a run, for some seconds at most; return whether it has ended.

    `owner` is the session, or the pipeline as `runs_of` names it.
    """

    def ended() -> bool:
        row = context.queries.latest().runs.stored(owner, kind, run)
        return row is None or row.ended is not None

    at = stream_of_runs(owner)
    return await context.arrivals.until_ended(ended, max(0.0, seconds), at)


async def _of_session(session: SessionId) -> RunOwner:
    return RunOwner("session", session)


async def _of_experiment(experiment: SessionId) -> RunOwner:
    return RunOwner("experiment", experiment)


owner_in = {SESSION: Depends(_of_session), EXPERIMENT: Depends(_of_experiment)}
"""The dependency that gives the owner of the runs below each path."""


def add_run_routes(
    routes: APIRouter, context: ApiContext, at: str, kind: str, resource: Any
) -> None:
    """Add the routes that list and show the runs of a kind of work, below a path of `owner_in`."""

    @routes.get(
        f"{at}/{plural(kind)}",
        responses=answers({200: Page[resource]}, "Link", "AutoLearn-Position"),
        name=f"list_{plural(kind)}",
    )
    async def list_of_owner(
        request: Request,
        owner: RunOwner = owner_in[at],
        limit: Limit = 100,
        page: str = "",
        status: RunStatus | None = None,
        study: OfStudy = "",
        as_of: AsOf = "",
    ) -> Response:
        """List the runs of this kind in the order of their requests."""
        seen = await find_owner(context, owner, as_of)
        return await _list_runs(
            context, seen, owner.path, kind, status, study, page, limit, request.url
        )

    @routes.get(
        f"{at}/{plural(kind)}/{{run}}",
        openapi_extra=accepts(None, prefer=True),
        responses=answers({200: resource}, "Preference-Applied", "AutoLearn-Position"),
        name=f"see_{kind}",
    )
    async def see_run(
        request: Request, run: RunId, owner: RunOwner = owner_in[at], as_of: AsOf = ""
    ) -> Response:
        """Show one run; with `Prefer: wait=N`, as soon as it has ended.

        With `as_of` its state at that time is shown, at once.
        """
        seen, row = await find_run(context, owner, kind, run, as_of)
        prefer = prefer_of(request)
        if prefer.wait is not None and row.ended is None and not as_of:
            await until_ended(context, owner.id, kind, run, prefer.wait)
            await authorise(request)  # again: it may have waited for long
            seen, row = await find_run(context, owner, kind, run)
        content = await show_run(context, seen, owner, kind, run)
        return json(content, headers=seen.headers or prefer.applied())


def add_cancel_route(
    routes: APIRouter, context: ApiContext, at: str, kind: str, resource: Any
) -> None:
    """Add the route that cancels the runs of a kind of work, below a path of `owner_in`."""

    @routes.post(
        f"{at}/{plural(kind)}/{{run}}/cancel",
        openapi_extra=accepts(None, command=True),
        responses=answers({200: resource, 202: CommandState}),
        name=f"cancel_{kind}",
    )
    async def cancel_run(request: Request, run: RunId, owner: RunOwner = owner_in[at]) -> Response:
        """Stop a run that has not ended."""
        check_id("session", owner.id, owner.kind)
        check_id("session", run, kind)
        asked = CommandRequest.of(request, {})
        now = context.queries.latest()
        if any(now.runs.stored(owner.id, other, run) for other in OF_SESSIONS if other != kind):
            await find_run(context, owner, kind, run)  # reports that there is none
        command = CancelRun(run)
        answer = await context.commands.post(stream("session", owner.id), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        content = await show_run(context, present(context), owner, kind, run)
        if content is None:
            return json(CommandState(asked.id, "accepted", answer.stream))
        return json(content, headers=asked.prefer.applied())
