"""Routes of the runs of pipelines: start, list, show, cancel, and what their steps left."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest, derive, prefer_of
from autolearn.api.commands.responses import created, json, pending
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.pagination import from_token, next_link, page_of
from autolearn.api.http.problems import Problem, unknown, unreadable
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.identity.visibility import Level, may_use, pipeline_access
from autolearn.api.limits.disk_room import require_disk
from autolearn.api.limits.quotas import check_pipeline_run
from autolearn.api.services.pipelines import bodies, resources
from autolearn.api.services.pipelines.checks import (
    find_run,
    invalid,
    readable,
    require_pipeline,
    require_run,
    see_pipelines,
    stored_run,
)
from autolearn.api.services.pipelines.expectations import with_expectations
from autolearn.api.services.pipelines.kinds import checked, step_kinds
from autolearn.api.services.pipelines.plan import plan_of
from autolearn.api.shared import dataset_checks
from autolearn.api.shared.artifact_files import send_stored
from autolearn.api.shared.as_of import AsOf, AsOfView, present
from autolearn.api.shared.runs import until_ended
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.pipelines import runs_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.bounds import listed
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.commands import CancelRun, RequestPipeline
from autolearn.schemas.pipelines.definition import Definition, Step
from autolearn.schemas.pipelines.faults import PipelineInvalid
from autolearn.schemas.pipelines.resolve import resolve
from autolearn.schemas.pipelines.steps import StepSpec
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.pipelines.runs import PipelinePlan, PipelineRun, PipelineRunSummary
from autolearn.schemas.rest.runs import Artifact, ArtifactFile, PipelineRunRow
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import RunId, TrainedArtifact

Limit = Annotated[int, Query(ge=1, le=500)]
DryRun = Annotated[bool, Query(description="Say what would be done, and do nothing.")]
OfPipeline = Annotated[str, Query(max_length=100, description="Those of this pipeline.")]
_DAY = 86_400.0
_LONGEST = 30 * _DAY
"""Seconds of a run at most, and how many it may take if it does not say."""
_MEMORY = 256
"""MiB of a run's limit: nothing of it runs in a process of its own."""
_RUN = "/v1/pipeline-runs/{pipeline_run}"


def add_run_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router."""

    @routes.post(
        "/v1/pipelines/{pipeline}/runs",
        status_code=201,
        openapi_extra=accepts(bodies.RunBody, command=True),
        responses=answers(
            {200: PipelinePlan, 201: PipelineRun, 202: (PipelineRun, CommandState)}, "Location"
        ),
    )
    async def run_pipeline(
        request: Request, pipeline: str, who: Who, *, dry_run: DryRun = False
    ) -> Response:
        """Run a pipeline. With `Prefer: wait=N` the answer comes when that has ended.

        The run reads the present versions of its datasets, and takes from the cache what was made
        before by the same code from the same inputs.
        """
        began = asyncio.get_running_loop().time()
        body = await read_body(request, bodies.RunBody)
        via = await require_pipeline(context, who, pipeline, Level.WORK)
        asked = CommandRequest.of(request, body.model_dump())._replace(via=via)
        run = RunId(derive(asked.id, "run"))
        command: RequestPipeline | None = None
        if context.queries.answer(asked.id) is None:
            require_disk(context.settings.limits, context.uploads.folders)
            command = await requested(run, pipeline, body, who)
            if not dry_run:
                check_pipeline_run(
                    context.settings.quotas, context.queries.now(), command, pipeline
                )
        if dry_run and command is not None:
            now, planned = context.queries.now(), command
            kinds = await context.executors.lists.run(lambda: step_kinds(now))
            plan = await context.executors.artifacts.run(
                lambda: plan_of(context, who, pipeline, planned, kinds)
            )
            return json(plan)
        answer = await context.commands.post(stream("pipeline", pipeline), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        at, status = f"/v1/pipeline-runs/{run}", 201
        if asked.prefer.wait is not None:
            left = asked.prefer.wait - (asyncio.get_running_loop().time() - began)
            ended = await until_ended(context, runs_of(pipeline), "pipeline", run, left)
            status = 201 if ended else 202
        shown = await show(pipeline, run)
        if shown is None:
            return created(CommandState(asked.id, "accepted", answer.stream, at), at, asked)
        return json(shown, status, {"Location": at, **asked.prefer.applied()})

    async def requested(
        run: RunId, pipeline: str, body: bodies.RunBody, who: Principal
    ) -> RequestPipeline:
        """Return the command for a run.

        Raises:
            Problem: a parameter, a dataset or a file does not fit, or there is no such version.
        """
        now = context.queries.now()
        row = await context.executors.lists.run(
            lambda: (
                now.pipelines.version(pipeline, body.version)
                if body.version
                else now.pipelines.newest(pipeline)
            )
        )
        if row is None:
            detail = f"{pipeline} has no version {body.version}."
            raise Problem(422, "version-unknown", "There is no such version", detail)
        if row.unreadable:
            raise unreadable()
        try:
            definition, kinds = await checked(
                context,
                lambda kinds, names: (
                    resolve(row.definition, body.parameters, kinds, names),
                    kinds,
                ),
            )
        except PipelineInvalid as error:
            raise invalid(error) from None
        _check_start(definition, body.start_at)
        named = _datasets_of(definition, kinds, body.files)
        sources = await dataset_checks.checked(
            context,
            lambda seen: all(
                dataset_checks.has_dataset(seen, name, may_use(who, seen))
                for name in named.values()
            ),
            lambda seen: _sources_of(seen, named, who),
        )
        definition = await context.executors.lists.run(
            lambda: with_expectations(context.queries.now(), definition, named, who)
        )
        if body.memory_limit is not None:
            fault = {"#/memory_limit": "that of each step is said in the file: memory_limit"}
            raise dataset_checks.wrong("limit-unfit", "A run has no memory of its own", fault)
        return RequestPipeline(
            run=run,
            time_limit=min(body.time_limit or 7 * _DAY, _LONGEST),
            memory_limit=_MEMORY,
            max_attempts=20,
            pipeline_version=row.number,
            definition=definition,
            parameters=body.parameters,
            sources=sources,
            start_at=body.start_at or "",
            no_cache=body.no_cache,
        )

    @routes.get(
        "/v1/pipeline-runs",
        responses=answers({200: Page[PipelineRunSummary]}, "Link", "AutoLearn-Position"),
    )
    async def list_pipeline_runs(
        request: Request,
        who: Who,
        limit: Limit = 50,
        page: str = "",
        pipeline: OfPipeline = "",
        as_of: AsOf = "",
    ) -> Response:
        """List the runs of the pipelines that you may see, or of one, the newest first."""
        after = from_token(page, tuple[str, str], "page") if page else None
        if pipeline:
            await require_pipeline(context, who, pipeline, Level.READ)
        now = context.queries.now()
        view = await see_pipelines(context, [pipeline] if pipeline else readable(now, who), as_of)
        seen = view.snapshot

        def shown() -> Response:
            if (
                pipeline or who.everything or as_of
            ):  # of a past time only the readable ones are here
                found = seen.pipelines.newest_runs(pipeline, after)
            else:
                found = now.pipelines.newest_runs_for(who.name, after, unowned=who.sysadmin)
            rows = (
                (time, run, name)
                for time, run in found
                if pipeline_access(who, now, name := seen.pipelines.of_run(run)).level >= Level.READ
            )
            items, more = page_of(
                rows,
                limit,
                lambda one: resources.run_summary(one[2], one[1], stored_run(seen, one[2], one[1])),
                lambda one: (one[0], one[1]),
            )
            return json(Page(items, more), headers={**view.headers, **next_link(request.url, more)})

        return await context.executors.lists.run(shown)

    @routes.get(
        _RUN,
        openapi_extra=accepts(None, prefer=True),
        responses=answers({200: PipelineRun}, "Preference-Applied", "AutoLearn-Position"),
    )
    async def see_pipeline_run(
        request: Request, pipeline_run: str, who: Who, as_of: AsOf = ""
    ) -> Response:
        """Show a run and its steps; with `Prefer: wait=N`, as soon as it has ended.

        With `as_of` its state at that time is shown, at once.
        """
        name, found, seen = await find_run(context, who, pipeline_run, as_of)
        prefer = prefer_of(request)
        if prefer.wait is not None and not as_of:
            await until_ended(context, runs_of(name), "pipeline", found, prefer.wait)
            name, found, seen = await find_run(context, who, found, "")  # it may have taken long
        content = await show(name, found, seen)
        if content is None:
            raise unreadable()
        return json(content, headers=seen.headers or prefer.applied())

    @routes.post(
        f"{_RUN}/cancel",
        openapi_extra=accepts(None, command=True),
        responses=answers({200: PipelineRun, 202: CommandState}),
    )
    async def cancel_pipeline_run(request: Request, pipeline_run: str, who: Who) -> Response:
        """Stop a run and its steps. What they have made stays."""
        name, found = await require_run(context, who, pipeline_run, Level.WORK)
        asked = CommandRequest.of(request, {})
        at = stream("pipeline", name)
        answer = await context.commands.post(at, CancelRun(found), asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        content = await show(name, found)
        if content is None:
            raise unreadable()
        return json(content, headers=asked.prefer.applied())

    @routes.get(f"{_RUN}/steps/{{step}}/files", responses=answers({200: Artifact}))
    async def list_files_of_step(pipeline_run: str, step: str, who: Who) -> Response:
        """List the files that a step has left: its table, its report, its log, and others."""
        name, found = await require_run(context, who, pipeline_run)
        artifact = await artifact_of(name, found, step)
        at = f"/v1/pipeline-runs/{found}/steps/{step}/files"
        files = [
            ArtifactFile(file, digest, {"self": f"{at}/{file}"})
            for file, digest in sorted(artifact.files.items())
        ]
        return json(Artifact(artifact.digest, artifact.bytes, files))

    @routes.get(f"{_RUN}/steps/{{step}}/files/{{file}}", response_class=Response)
    async def get_file_of_step(pipeline_run: str, step: str, file: str, who: Who) -> Response:
        """Send a file that a step has left, such as table.parquet or log.txt."""
        name, found = await require_run(context, who, pipeline_run)
        artifact = await artifact_of(name, found, step)
        keyid = context.vault.of_session(stream("pipeline", name))
        return await send_stored(context, context.artifacts, artifact, file, keyid)

    async def artifact_of(name: str, run: RunId, step: str) -> TrainedArtifact:
        """Return the files of a step.

        Raises:
            Problem: there is no such step, or it has left none (404).
        """
        told = await context.executors.lists.run(
            lambda: context.queries.now().pipelines.outcomes(name, run)
        )
        where = f"/v1/pipeline-runs/{run}"
        if step not in told:
            raise unknown("step", step, told, where)
        if (artifact := told[step][0].gave.artifact) is None:
            names = listed([one for one, (end, _) in told.items() if end.gave.artifact is not None])
            others = f"those of {names} are there" if names else "no step of the run has left any"
            detail = f"The step {step} has left no files: {others}. See {where}."
            raise Problem(404, "step-without-files", "The step has left no files", detail)
        return artifact

    async def show(name: str, run: RunId, seen: AsOfView | None = None) -> Any:
        """Return a run as REST shows it; None if it is gone or cannot be read."""
        seen = seen or present(context)

        def shown() -> PipelineRun | None:
            row = seen.snapshot.runs.of_any(runs_of(name), "pipeline", run)
            if not isinstance(row, PipelineRunRow) or row.unreadable:
                return None
            return resources.run(seen.snapshot, name, row, seen.live)

        return await context.executors.lists.run(shown)


def _check_start(definition: Definition, start: str | None) -> None:
    """Raise a problem (422) if a run is to start at a step that there is not."""
    names = [step.name for step in definition.steps]
    if start is not None and start not in names:
        fault = f"there is no step {start[:100]!r}: there are {', '.join(names)}"
        raise dataset_checks.wrong("step-unknown", "There is no such step", {"#/start_at": fault})


def _datasets_of(
    definition: Definition, kinds: dict[str, StepSpec], files: dict[str, str]
) -> dict[str, str]:
    """Return the datasets NAME or NAME@VERSION that steps read, by step.

    Raises:
        Problem: a file was not uploaded (422).
    """
    named = {}
    for step in definition.steps:
        reads = kinds[step.kind].reads
        if reads and step.parameters.get(reads):
            named[step.name] = str(step.parameters[reads])
        elif step.kind == "source" and "file" in step.parameters:
            if step.name not in files:
                raise _without_file(step)
            named[step.name] = files[step.name]
    return named


def _without_file(step: Step) -> Problem:
    fault = (
        f"the step {step.name} reads the file {str(step.parameters['file'])[:200]!r} of your "
        "machine: upload it as a dataset, and name that here (the CLI and the Python client do)"
    )
    return dataset_checks.wrong("file-missing", "A file is not here", {"#/files": fault})


def _sources_of(seen: Snapshot, named: dict[str, str], who: Principal) -> dict[str, DatasetSpec]:
    """Return the versions of the named datasets, by step (decrypts).

    Raises:
        Problem: there is none that the user may use (422).
    """
    may = may_use(who, seen)
    return {step: dataset_checks.check_dataset(seen, name, may) for step, name in named.items()}
