"""Service `storage`: experiments, which are committed sessions, and their runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import takewhile
from typing import Annotated, cast

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest, derive
from autolearn.api.commands.responses import json, pending
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.pagination import from_token, next_link, page_of, to_token
from autolearn.api.http.problems import Problem, check_id
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level, level_of, may_list
from autolearn.api.services.experiments.search import Search, time_of
from autolearn.api.services.experiments.where import conditions_in
from autolearn.api.shared import resources
from autolearn.api.shared.artifact_files import artifact_of, artifact_shown, send_file
from autolearn.api.shared.as_of import AsOf, Shared, require_now, see
from autolearn.api.shared.authorization import EXPERIMENT
from autolearn.api.shared.lookup import experiment_row, find_experiment
from autolearn.api.shared.runs import add_run_routes
from autolearn.api.state.context import ApiContext
from autolearn.schemas import commands
from autolearn.schemas.bounds import LONGEST_NAME, MOST_TAGS
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.experiments import (
    DeletedExperiment,
    Experiment,
    ExperimentPage,
    ExperimentRow,
    ExperimentSummary,
)
from autolearn.schemas.rest.runs import Artifact, Evaluation, Training
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import RunId, SessionId

Limit = Annotated[int, Query(ge=1, le=500)]
Word = Annotated[str, Query(max_length=LONGEST_NAME, description="That of one training.")]
Where = Annotated[
    str,
    Query(
        max_length=1000,
        description="Conditions on one training, such as `f1 > 0.8 and fit_seconds < 10`. A figure "
        'has the name of its column in a comparison: f1, f1:yes, "f1 (folds)", "cost (logged)".',
    ),
]
Dataset = Annotated[
    str, Query(max_length=LONGEST_NAME, description="NAME or NAME@VERSION of a training's data.")
]
Tags = Annotated[
    Sequence[str],
    Query(max_length=MOST_TAGS, description="A tag of it or of a training; repeated, all of them."),
]
Owner = Annotated[str, Query(max_length=LONGEST_NAME, description="A user, or me.")]
Since = Annotated[
    str, Query(max_length=60, description="Committed since: RFC 3339 with a zone, or 7d, 12h, 30m.")
]
Grep = Annotated[
    str, Query(max_length=LONGEST_NAME, description="Words, each of the title, a note or a tag.")
]


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(tags=["storage"])

    @routes.get(
        "/v1/experiments", responses=answers({200: ExperimentPage}, "Link", "AutoLearn-Position")
    )
    async def list_experiments(
        request: Request,
        who: Who,
        limit: Limit = 50,
        page: str = "",
        as_of: AsOf = "",
        where: Where = "",
        estimator: Word = "",
        dataset: Dataset = "",
        tag: Tags = (),
        owner: Owner = "",
        since: Since = "",
        grep: Grep = "",
        *,
        shared: Shared = False,
    ) -> Response:
        """List the experiments, the newest commit first; with `as_of`, those at that time.

        With `shared` those that others have shared with you, as they are now. The other parameters
        search: `looked` of the answer says how many were looked at, and `next` where to go on.
        """
        require_now(as_of, shared=shared)
        after = from_token(page, tuple[str, str], "page") if page else None
        may = may_list(who, now := context.queries.now())
        metrics = [row.spec.name for row in now.catalog.metrics()] if where else []
        search = Search(
            where=tuple(conditions_in(where, metrics)) if where else (),
            estimator=estimator,
            dataset=dataset,
            tags=tuple(tag),
            owner=who.name if owner == "me" else owner,
            since=time_of(since) if since else None,
            words=tuple(grep.split()),
        )
        seen = await see(context, as_of, lambda past: past.load_experiments(after, limit + 1, may))
        all_ = as_of or (who.sysadmin and not shared)
        whose, snapshot = None if all_ else who.name, seen.snapshot
        last: tuple[str, str] | None = None
        looked = 0

        def shown(row: ExperimentRow) -> ExperimentSummary | None:
            nonlocal looked, last
            looked, last = looked + 1, (row.committed, row.id)
            withheld = level_of(who, now, row.id) < Level.READ
            if withheld and search.reads:
                return None
            found = search.find(snapshot, row)
            if found is None:
                return None
            return resources.experiment_summary(found, withheld=withheld)

        def page_shown() -> Response:
            rows = snapshot.experiments.newest(after, whose, shared=shared)
            items, more = page_of(
                takewhile(lambda row: not search.is_past(row), rows),
                limit,
                shown,
                lambda row: (row.committed, row.id),
                lambda: snapshot.rows.looked + looked,
                more=snapshot.rows.full,
            )
            if as_of and more is None and looked > limit:  # so many were loaded
                more = to_token(last)
            headers = {**seen.headers, **next_link(request.url, more)}
            found = cast("list[ExperimentSummary]", items)  # in JSON already
            return json(ExperimentPage(found, more, looked), headers=headers)

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
        if context.queries.answer(asked.id) is None:
            await release(experiment, asked)
        answer = await context.commands.post(
            stream("session", experiment), commands.DeleteExperiment(), asked
        )
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        deleted = DeletedExperiment(experiment, answer.time)
        return json(deleted, headers=asked.prefer.applied())

    async def release(experiment: SessionId, asked: CommandRequest) -> None:
        """Release an experiment of models that need it no longer.

        Raises:
            Problem: a version that is not retired needs it (409).
        """
        await context.reader.fresh()
        now = context.queries.now()
        if needed := list(now.models.of_experiment(experiment)):
            raise _needed(needed)
        for model in list(now.experiments.held_for(experiment)):
            first = asked._replace(id=derive(asked.id, f"release {model}"))
            command = commands.ReleaseExperiment(model)
            await context.commands.post(stream("session", experiment), command, first)

    return routes


def _needed(versions: list[str]) -> Problem:
    """Return the problem of an experiment that versions of models need."""
    model, _, number = versions[0].partition("@")
    return Problem(
        409,
        "experiment-held",
        "A model needs the experiment",
        f"It is the origin of {', '.join(versions[:20])}. Retire what is not used any more "
        f"(`autolearn model retire {model} {number}`), and delete the experiment then.",
        versions=versions[:100],
    )


def _at(experiment: SessionId) -> str:
    """Return the path of an experiment."""
    return f"/v1/experiments/{experiment}"
