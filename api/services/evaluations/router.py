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
from autolearn.api.shared.authorization import SESSION
from autolearn.api.shared.lookup import RunOwner
from autolearn.api.shared.runs import add_cancel_route, add_run_routes, owner_in, request_run
from autolearn.api.shared.training_choice import choose_training
from autolearn.api.state.context import ApiContext
from autolearn.schemas.commands import RequestEvaluation
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.runs import Evaluation
from autolearn.schemas.values import RunId


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(tags=["evaluations"])
    add_run_routes(routes, context, SESSION, "evaluation", Evaluation)
    for at in owner_in:
        add_cancel_route(routes, context, at, "evaluation", Evaluation)
        _add_request_route(routes, context, at)
    return routes


def _add_request_route(routes: APIRouter, context: ApiContext, at: str) -> None:
    """Add the route that requests an evaluation, below a path of `owner_in`."""

    @routes.post(
        f"{at}/evaluations",
        status_code=201,
        openapi_extra=accepts(bodies.EvaluationBody, command=True),
        responses=answers({201: Evaluation, 202: (Evaluation, CommandState)}, "Location"),
    )
    async def evaluate(request: Request, who: Who, owner: RunOwner = owner_in[at]) -> Response:
        """Measure an artifact. With `Prefer: wait=N` the answer comes when that has ended.

        An experiment keeps its runs; what is measured since the commit is shown beside them.
        """
        body = await read_body(request, bodies.EvaluationBody)
        asked = CommandRequest.of(request, body.model_dump())
        command: RequestEvaluation | None = None
        if context.queries.answer(asked.id) is None:
            training = await choose_training(context, owner, body.training)
            run, named, settings = RunId(derive(asked.id, "run")), body.dataset, context.settings
            command = await dataset_checks.checked(
                context,
                lambda now: (
                    named is None or dataset_checks.has_dataset(now, named, may_use(who, now))
                ),
                lambda now: request_evaluation(
                    run, owner, training, body, now, settings.workers, may_use(who, now)
                ),
            )
        return await request_run(context, asked, owner, "evaluation", command)
