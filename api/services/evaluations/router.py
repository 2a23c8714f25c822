"""Service `evaluations`: measure artifacts."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from autolearn.api.commands.command_headers import CommandRequest, derive
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import may_use
from autolearn.api.services.evaluations.checks import request_evaluation
from autolearn.api.shared import bodies, dataset_checks
from autolearn.api.shared.id_prefixes import whole_run
from autolearn.api.shared.lookup import find_session
from autolearn.api.shared.runs import add_run_routes, request_run
from autolearn.api.state.context import ApiContext
from autolearn.schemas.commands import RequestEvaluation
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.runs import Evaluation
from autolearn.schemas.values import RunId, SessionId


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(prefix="/v1/sessions/{session}/evaluations", tags=["evaluations"])
    add_run_routes(routes, context, "evaluation", Evaluation)

    @routes.post(
        "",
        status_code=201,
        openapi_extra=accepts(bodies.EvaluationBody, command=True),
        responses=answers({201: Evaluation, 202: (Evaluation, CommandState)}, "Location"),
    )
    async def evaluate(request: Request, session: SessionId, who: Who) -> Response:
        """Measure an artifact. With `Prefer: wait=N` the answer comes when that has ended."""
        body = await read_body(request, bodies.EvaluationBody)
        asked = CommandRequest.of(request, body.model_dump())
        command: RequestEvaluation | None = None
        if context.queries.answer(asked.id) is None:
            if not context.queries.latest().sessions.is_open(session):
                await find_session(context, session)  # reports the end of the session
            training = await whole_run(context, session, "training", body.training, "#/training")
            body = body.model_copy(update={"training": training})
            named, settings = body.dataset, context.settings
            if context.queries.latest().runs.stored(session, "training", training) is None:
                await context.reader.fresh()
            if context.queries.latest().runs.stored(session, "training", training) is None:
                await find_session(context, session)  # reports the end of the session
            run = RunId(derive(asked.id, "run"))
            command = await dataset_checks.checked(
                context,
                lambda now: (
                    named is None or dataset_checks.has_dataset(now, named, may_use(who, now))
                ),
                lambda now: request_evaluation(
                    run, session, body, now, settings.workers, may_use(who, now)
                ),
            )
        return await request_run(context, asked, session, "evaluation", command)

    return routes
