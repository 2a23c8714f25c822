"""Service `storage`: experiments, which are committed sessions, and their runs."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import json, pending
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.pagination import from_token, next_link, page_of
from autolearn.api.http.problems import check_id
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level, level_of, may_list
from autolearn.api.shared import resources
from autolearn.api.shared.artifact_files import artifact_of, artifact_shown, send_file
from autolearn.api.shared.as_of import AsOf, Shared, require_now, see
from autolearn.api.shared.authorization import EXPERIMENT
from autolearn.api.shared.lookup import experiment_row, find_experiment
from autolearn.api.shared.runs import add_run_routes
from autolearn.api.state.context import ApiContext
from autolearn.schemas import commands
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.experiments import DeletedExperiment, Experiment, ExperimentSummary
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.runs import Artifact, Evaluation, Training
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import RunId, SessionId

Limit = Annotated[int, Query(ge=1, le=500)]


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(tags=["storage"])

    @routes.get(
        "/v1/experiments",
        responses=answers({200: Page[ExperimentSummary]}, "Link", "AutoLearn-Position"),
    )
    async def list_experiments(
        request: Request,
        who: Who,
        limit: Limit = 50,
        page: str = "",
        as_of: AsOf = "",
        *,
        shared: Shared = False,
    ) -> Response:
        """List the experiments, the newest commit first; with `as_of`, those at that time.

        With `shared` those that others have shared with you, as they are now.
        """
        require_now(as_of, shared=shared)
        after = from_token(page, tuple[str, str], "page") if page else None
        may = may_list(who, now := context.queries.now())
        seen = await see(context, as_of, lambda past: past.load_experiments(after, limit + 1, may))
        all_ = as_of or (who.sysadmin and not shared)
        whose, snapshot = None if all_ else who.name, seen.snapshot

        def page_shown() -> Response:
            items, more = page_of(
                snapshot.experiments.newest(after, whose, shared=shared),
                limit,
                lambda row: resources.experiment_summary(
                    row, withheld=level_of(who, now, row.id) < Level.READ
                ),
                lambda row: (row.committed, row.id),
                lambda: snapshot.rows.looked,
                more=seen.snapshot.rows.full,
            )
            headers = {**seen.headers, **next_link(request.url, more)}
            return json(Page(items, more), headers=headers)

        return await context.executors.lists.run(page_shown)

    @routes.get(EXPERIMENT, responses=answers({200: Experiment}, "AutoLearn-Position"))
    async def see_experiment(
        request: Request, experiment: SessionId, who: Who, page: str = "", as_of: AsOf = ""
    ) -> Response:
        """Show an experiment, and the state of its runs."""
        after = from_token(page, int, "page") if page else 0
        seen = await find_experiment(context, experiment, as_of)
        withheld = level_of(who, context.queries.latest(), experiment) < Level.READ

        def look() -> Experiment:
            row, then = experiment_row(seen, experiment), seen.snapshot
            return resources.experiment(then, row, seen.live, withheld=withheld, after=after)

        content = await context.executors.lists.run(look)
        return json(content, headers={**seen.headers, **next_link(request.url, content.next)})

    add_run_routes(routes, context, EXPERIMENT, "training", Training)
    add_run_routes(routes, context, EXPERIMENT, "evaluation", Evaluation)

    @routes.get(f"{EXPERIMENT}/trainings/{{run}}/artifact", responses=answers({200: Artifact}))
    async def see_artifact(experiment: SessionId, run: RunId) -> Response:
        """List the files of an artifact."""
        seen = await find_experiment(context, experiment)
        found = partial(artifact_shown, seen.snapshot, experiment, run, _at(experiment))
        return json(await context.executors.lists.run(found))

    @routes.get(f"{EXPERIMENT}/trainings/{{run}}/artifact/{{file}}", response_class=Response)
    async def get_file(experiment: SessionId, run: RunId, file: str) -> Response:
        """Send one file of an artifact."""
        seen = await find_experiment(context, experiment)
        found = partial(artifact_of, seen.snapshot, experiment, run, _at(experiment))
        artifact = await context.executors.lists.run(found)
        return await send_file(context, seen.snapshot, experiment, artifact, file)

    @routes.post(
        f"{EXPERIMENT}/delete",
        openapi_extra=accepts(None, command=True),
        responses=answers({200: DeletedExperiment, 202: CommandState}),
    )
    async def delete_experiment(request: Request, experiment: SessionId) -> Response:
        """Delete an experiment: its key is shredded, and none of it can be read any more."""
        check_id("session", experiment, "experiment")
        asked = CommandRequest.of(request, {})
        answer = await context.commands.post(
            stream("session", experiment), commands.DeleteExperiment(), asked
        )
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        deleted = DeletedExperiment(experiment, answer.time)
        return json(deleted, headers=asked.prefer.applied())

    return routes


def _at(experiment: SessionId) -> str:
    """Return the path of an experiment."""
    return f"/v1/experiments/{experiment}"
