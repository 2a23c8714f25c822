"""Service `trainings`: train catalog estimators on datasets, and get their artifacts."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.commands.command_headers import CommandRequest, derive
from autolearn.api.commands.responses import json
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.problems import check_id
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import may_use
from autolearn.api.services.trainings.checks import request_training
from autolearn.api.shared import bodies, dataset_checks
from autolearn.api.shared.artifact_files import artifact_of, artifact_shown, send_file
from autolearn.api.shared.authorization import SESSION
from autolearn.api.shared.lookup import RunOwner, find_run, find_session
from autolearn.api.shared.runs import add_cancel_route, add_run_routes, request_run
from autolearn.api.state.context import ApiContext
from autolearn.schemas.commands import RequestTraining
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.runs import Artifact, Training
from autolearn.schemas.values import RunId, SessionId

DryRun = Annotated[bool, Query(description="Check the request, and train nothing.")]


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(tags=["trainings"])
    add_run_routes(routes, context, SESSION, "training", Training)
    add_cancel_route(routes, context, SESSION, "training", Training)

    @routes.post(
        f"{SESSION}/trainings",
        status_code=201,
        openapi_extra=accepts(bodies.TrainingBody, command=True),
        responses=answers(
            {200: CommandState, 201: Training, 202: (Training, CommandState)}, "Location"
        ),
    )
    async def train(
        request: Request, session: SessionId, who: Who, *, dry_run: DryRun = False
    ) -> Response:
        """Train an estimator. With `Prefer: wait=N` the answer comes when that has ended."""
        check_id("session", session)
        body = await read_body(request, bodies.TrainingBody)
        asked = CommandRequest.of(request, body.model_dump())
        command: RequestTraining | None = None
        if context.queries.answer(asked.id) is None:
            if context.queries.latest().sessions.keyid(session) is None:
                # Nobody can encrypt it any more, and in clear it must not be on the log.
                await find_session(context, session)  # reports the end of the session
            run, settings = RunId(derive(asked.id, "run")), context.settings
            command = await dataset_checks.checked(
                context,
                lambda now: (
                    now.catalog.estimator(body.estimator) is not None
                    and dataset_checks.has_dataset(now, body.dataset, may_use(who, now))
                ),
                lambda now: request_training(run, body, now, settings, may_use(who, now)),
            )
        if dry_run:
            return json(CommandState(asked.id, "checked"))
        owner = RunOwner("session", session)
        return await request_run(context, asked, owner, "training", command)

    @routes.get(f"{SESSION}/trainings/{{run}}/artifact", responses=answers({200: Artifact}))
    async def see_artifact(session: SessionId, run: RunId) -> Response:
        """List the files of the artifact."""
        seen, _ = await find_run(context, RunOwner("session", session), "training", run)
        base = f"/v1/sessions/{session}"
        found = partial(artifact_shown, seen.snapshot, session, run, base)
        return json(await context.executors.lists.run(found))

    @routes.get(f"{SESSION}/trainings/{{run}}/artifact/{{file}}", response_class=Response)
    async def get_file(session: SessionId, run: RunId, file: str) -> Response:
        """Send one file of the artifact."""
        seen, _ = await find_run(context, RunOwner("session", session), "training", run)
        found = partial(artifact_of, seen.snapshot, session, run, f"/v1/sessions/{session}")
        artifact = await context.executors.lists.run(found)
        return await send_file(context, seen.snapshot, session, artifact, file)

    return routes
