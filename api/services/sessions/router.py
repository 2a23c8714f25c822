"""Service `sessions`: open, show, commit and discard sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest, derive
from autolearn.api.commands.responses import created, json, pending
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.pagination import from_token, next_link, page_of
from autolearn.api.http.problems import check_id
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level, level_of, may_list
from autolearn.api.services.sessions.annotations import add_annotation_routes
from autolearn.api.services.sessions.attachments import add_attachment_routes
from autolearn.api.shared import bodies, resources
from autolearn.api.shared.as_of import AsOf, AsOfView, Shared, present, require_now, see
from autolearn.api.shared.id_prefixes import whole_run
from autolearn.api.shared.lookup import experiment_row, find_session, session_row
from autolearn.api.state.context import ApiContext
from autolearn.schemas import commands
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.experiments import Experiment
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.sessions import Discarded, Renamed, Session, SessionSummary
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import SessionId

_DAY = 24 * 3600
Limit = Annotated[int, Query(ge=1, le=500)]


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(prefix="/v1/sessions", tags=["sessions"])

    @routes.post(
        "",
        status_code=201,
        openapi_extra=accepts(bodies.SessionBody, command=True),
        responses=answers({201: Session, 202: CommandState}, "Location"),
    )
    async def open_session(request: Request) -> Response:
        """Open a session."""
        body = await read_body(request, bodies.SessionBody)
        asked = CommandRequest.of(request, body.model_dump())
        if context.queries.answer(asked.id) is None:  # a repeated request takes nothing more
            context.taken.take(context.settings.quotas, context.queries, asked.actor, "sessions")
        session = SessionId(derive(asked.id, "session"))
        days = context.settings.retention.session_expires if body.expires is None else body.expires
        command = commands.OpenSession(body.title, round(days * _DAY))
        answer = await context.commands.post(stream("session", session), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        seen, at = present(context), f"/v1/sessions/{session}"
        if not seen.snapshot.sessions.is_open(session):  # repeated, and it has ended since
            state = CommandState(asked.id, "accepted", answer.stream, at)
            return created(state, at, asked)
        return created(await shown(seen, session), at, asked)

    @routes.get("", responses=answers({200: Page[SessionSummary]}, "Link", "AutoLearn-Position"))
    async def list_sessions(
        request: Request,
        who: Who,
        limit: Limit = 50,
        page: str = "",
        as_of: AsOf = "",
        *,
        shared: Shared = False,
    ) -> Response:
        """List the open sessions, newest first; with `as_of`, those open at that time.

        With `shared` those that others have shared with you, as they are now.
        """
        require_now(as_of, shared=shared)
        after = from_token(page, tuple[str, str], "page") if page else None
        may = may_list(who, now := context.queries.now())
        seen = await see(context, as_of, lambda past: past.load_sessions(after, limit + 1, may))
        whose = None if as_of or (who.sysadmin and not shared) else who.name

        def page_shown() -> Response:
            items, more = page_of(
                seen.snapshot.sessions.newest(after, whose, shared=shared),
                limit,
                lambda row: resources.session_summary(
                    row, withheld=level_of(who, now, row.id) < Level.READ
                ),
                lambda row: (row.created, row.id),
                more=seen.snapshot.rows.full,
            )
            headers = {**seen.headers, **next_link(request.url, more)}
            return json(Page(items, more), headers=headers)

        return await context.executors.lists.run(page_shown)

    @routes.get("/{session}", responses=answers({200: Session}, "AutoLearn-Position"))
    async def see_session(
        request: Request, session: SessionId, who: Who, page: str = "", as_of: AsOf = ""
    ) -> Response:
        """Show an open session, its runs and its work in progress, now or at `as_of`."""
        after = from_token(page, int, "page") if page else 0
        seen = await find_session(context, session, as_of)
        withheld = level_of(who, context.queries.latest(), session) < Level.READ
        content = await shown(seen, session, withheld=withheld, after=after)
        return json(content, headers={**seen.headers, **next_link(request.url, content.next)})

    async def shown(
        seen: AsOfView, session: SessionId, *, withheld: bool = False, after: int = 0
    ) -> Session:
        def look() -> Session:
            row = session_row(seen, session)
            return resources.session(seen.snapshot, row, seen.live, withheld=withheld, after=after)

        return await context.executors.lists.run(look)

    @routes.post(
        "/{session}/commit",
        status_code=201,
        openapi_extra=accepts(bodies.CommitBody, command=True),
        responses=answers({201: Experiment, 202: CommandState}, "Location"),
    )
    async def commit_session(request: Request, session: SessionId) -> Response:
        """Commit a session as an experiment; it leaves the open sessions in the same step."""
        check_id("session", session)
        body = await read_body(request, bodies.CommitBody)
        asked = CommandRequest.of(request, body.model_dump())
        chosen = None
        if body.trainings is not None and context.queries.answer(asked.id) is None:
            ids = [
                await whole_run(context, session, "training", one, "#/trainings")
                for one in body.trainings
            ]
            chosen = tuple(ids)
        answer = await context.commands.post(
            stream("session", session), commands.CommitSession(chosen), asked
        )
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        seen, at = present(context), f"/v1/experiments/{session}"
        if not seen.snapshot.experiments.has(session):
            return created(CommandState(asked.id, "accepted", answer.stream, at), at, asked)

        def experiment() -> Experiment:
            return resources.experiment(seen.snapshot, experiment_row(seen, session), seen.live)

        return created(await context.executors.lists.run(experiment), at, asked)

    @routes.post(
        "/{session}/rename",
        openapi_extra=accepts(bodies.TitleBody, command=True),
        responses=answers({200: Renamed, 202: CommandState}),
    )
    async def rename_session(request: Request, session: SessionId) -> Response:
        """Give a session, or the experiment that it has become, another title."""
        check_id("session", session)
        body = await read_body(request, bodies.TitleBody)
        asked = CommandRequest.of(request, body.model_dump())
        answer = await context.commands.post(
            stream("session", session), commands.RenameSession(body.title), asked
        )
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return json(Renamed(session, body.title), headers=asked.prefer.applied())

    add_annotation_routes(routes, context)
    add_attachment_routes(routes, context)

    @routes.post(
        "/{session}/discard",
        openapi_extra=accepts(None, command=True),
        responses=answers({200: Discarded, 202: CommandState}),
    )
    async def discard_session(request: Request, session: SessionId) -> Response:
        """End a session and keep nothing of it. Its open runs are cancelled."""
        check_id("session", session)
        asked = CommandRequest.of(request, {})
        answer = await context.commands.post(
            stream("session", session), commands.DiscardSession(), asked
        )
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        ended = context.queries.now().sessions.ended(session)
        cancelled = ended.cancelled if ended is not None else ()
        discarded = Discarded(session, answer.time, cancelled)
        return json(discarded, headers=asked.prefer.applied())

    @routes.post(
        "/{session}/keep",
        openapi_extra=accepts(None, command=True),
        responses=answers({200: SessionSummary, 202: CommandState}),
    )
    async def keep_session(request: Request, session: SessionId) -> Response:
        """Keep an expiring session; 409 if it is not expiring."""
        check_id("session", session)
        asked = CommandRequest.of(request, {})
        answer = await context.commands.post(
            stream("session", session), commands.KeepSession(), asked
        )
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        seen = present(context)
        if not seen.snapshot.sessions.is_open(session):  # repeated, and it has ended since
            state = CommandState(asked.id, "accepted", answer.stream, f"/v1/sessions/{session}")
            return json(state, headers=asked.prefer.applied())

        def summary() -> SessionSummary:
            return resources.session_summary(session_row(seen, session))

        kept = await context.executors.lists.run(summary)
        return json(kept, headers=asked.prefer.applied())

    return routes
