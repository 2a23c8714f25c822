"""The routes of studies: search for hyperparameters, with trainings of a session as trials."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from autolearn.api.commands.command_headers import CommandRequest, derive
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.problems import check_id
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import may_use
from autolearn.api.services.trainings.study_checks import known_in, request_study
from autolearn.api.shared import bodies, dataset_checks
from autolearn.api.shared.authorization import SESSION
from autolearn.api.shared.lookup import RunOwner, find_session
from autolearn.api.shared.runs import add_cancel_route, add_run_routes, request_run
from autolearn.api.state.context import ApiContext
from autolearn.schemas.commands import RequestStudy
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.runs import Study
from autolearn.schemas.values import RunId, SessionId


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(tags=["studies"])
    add_run_routes(routes, context, SESSION, "study", Study)
    add_cancel_route(routes, context, SESSION, "study", Study)

    @routes.post(
        f"{SESSION}/studies",
        status_code=201,
        openapi_extra=accepts(bodies.StudyBody, command=True),
        responses=answers({201: Study, 202: (Study, CommandState)}, "Location"),
    )
    async def tune(request: Request, session: SessionId, who: Who) -> Response:
        """Search for the hyperparameters that are best in a cross-validation of the training rows.

        With `Prefer: wait=N` the answer comes when that has ended.
        """
        check_id("session", session)
        body = await read_body(request, bodies.StudyBody)
        asked = CommandRequest.of(request, body.model_dump())
        command: RequestStudy | None = None
        if context.queries.answer(asked.id) is None:
            if context.queries.latest().sessions.keyid(session) is None:
                # Nobody can encrypt it any more, and in clear it must not be on the log.
                await find_session(context, session)  # reports the end of the session
            run, slots = RunId(derive(asked.id, "run")), _slots(context)
            command = await dataset_checks.checked(
                context,
                lambda now: known_in(body, now, may_use(who, now)),
                lambda now: request_study(
                    run, session, body, now, context.settings, may_use(who, now), slots
                ),
            )
        return await request_run(context, asked, RunOwner("session", session), "study", command)

    return routes


def _slots(context: ApiContext) -> int:
    """Return the slots of all workers that are heard of: at least one."""
    return max(1, sum(beat.slots for beat, _ in context.heartbeats.workers()))
