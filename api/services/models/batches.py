"""Routes with which a version of a model predicts all rows of a dataset, as work for a worker.

The run is one of the experiment of the version's training. Who asks needs no right on that: the
grant of the model and of the dataset count.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from msgspec.structs import replace
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest, derive, prefer_of
from autolearn.api.commands.responses import json, pending
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.pagination import from_token, next_link, page_of
from autolearn.api.http.problems import Problem, check_id, unreadable
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.identity.visibility import Level, may_use, model_level
from autolearn.api.shared import bodies, dataset_checks, resources
from autolearn.api.shared.as_of import AsOfView, present
from autolearn.api.shared.authorization import authorise, forbidden
from autolearn.api.shared.lookup import RunOwner
from autolearn.api.shared.models.checks import (
    answering_version,
    require_experiment,
    require_model,
    version_of,
)
from autolearn.api.shared.predictions.checks import model_of, request_prediction
from autolearn.api.shared.predictions.rows import send_rows
from autolearn.api.shared.runs import request_run, show_run, until_ended
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.commands import CancelRun, RequestPrediction
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.models import ModelVersionRow
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.runs import Prediction, PredictionRow
from autolearn.schemas.stream_kinds import session_id, stream
from autolearn.schemas.values import RunId

_VERSION = "/{model}/versions/{version}/predictions"
_MADE = answers({201: Prediction, 202: (Prediction, CommandState)}, "Location")
_ACCEPTS = accepts(bodies.PredictedDatasetBody, command=True)
_KIND = "prediction"
Limit = Annotated[int, Query(ge=1, le=500)]


def add_batch_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router."""

    @routes.post("/{model}/predictions", status_code=201, openapi_extra=_ACCEPTS, responses=_MADE)
    async def predict_dataset_by_champion(request: Request, model: str, who: Who) -> Response:
        """Predict all rows of a dataset by the champion.

        With `Prefer: wait=N` the answer comes when that has ended.
        """
        return await requested(request, model, CHAMPION, who)

    @routes.post(_VERSION, status_code=201, openapi_extra=_ACCEPTS, responses=_MADE)
    async def predict_dataset_by_version(
        request: Request, model: str, version: str, who: Who
    ) -> Response:
        """Predict all rows of a dataset by a version, given as a number or an alias."""
        return await requested(request, model, version, who)

    @routes.get(_VERSION, responses=answers({200: Page[Prediction]}, "Link"))
    async def list_predictions_of_version(
        request: Request, model: str, version: str, who: Who, limit: Limit = 50, page: str = ""
    ) -> Response:
        """List the datasets that a version has predicted, in the order of the requests.

        Those that you asked for; all for those who may promote.
        """
        after = from_token(page, int, "page") if page else 0
        await require_model(context, who, model, Level.PREDICT)
        seen = present(context)
        number = version_of(seen.snapshot, model, version)
        owner = owner_of_version(seen.snapshot, model, number)
        sees_all = model_level(who, seen.snapshot, model) >= Level.WORK

        def listed() -> Response:
            runs, read = seen.snapshot.runs, 0

            def shown(one: tuple[RunId, int]) -> Prediction | None:
                nonlocal read
                read += 1
                row = runs.get(owner.id, _KIND, one[0])
                assert isinstance(row, PredictionRow), "it is one"
                if (row.model, row.model_version) != (model, number):
                    return None
                found = resources.run(seen.snapshot, row, seen.live, owner.path)
                assert isinstance(found, Prediction), "it is one"
                return found

            rows = (
                (run, row.number)
                for run, row in runs.all_stored(owner.id, after)
                if row.kind == _KIND and (sees_all or row.actor == who.name)
            )
            items, more = page_of(rows, limit, shown, lambda one: one[1], lambda: read)
            return json(Page(items, more), headers=next_link(request.url, more))

        return await context.executors.lists.run(listed)

    @routes.get(
        f"{_VERSION}/{{prediction}}",
        openapi_extra=accepts(None, prefer=True),
        responses=answers({200: Prediction}, "Preference-Applied"),
    )
    async def see_prediction_of_version(
        request: Request, model: str, version: str, prediction: RunId, who: Who
    ) -> Response:
        """Show a prediction; with `Prefer: wait=N`, as soon as it has ended."""
        seen, owner, row = await found(who, model, version, prediction)
        prefer = prefer_of(request)
        if prefer.wait is not None and row.ended is None:
            await until_ended(context, owner.id, _KIND, prediction, prefer.wait)
            await authorise(request)  # again: it may have waited for long
            seen, owner, _ = await found(who, model, version, prediction)
        content = await show_run(context, seen, owner, _KIND, prediction)
        return json(content, headers=prefer.applied())

    @routes.get(f"{_VERSION}/{{prediction}}/rows", response_class=Response)
    async def get_rows_of_version(
        request: Request, model: str, version: str, prediction: RunId, who: Who
    ) -> Response:
        """Send the predictions, a row for each row of the dataset and in its order.

        `Accept` chooses text/csv, application/jsonl or application/vnd.apache.parquet.
        """
        seen, owner, _ = await found(who, model, version, prediction)
        return await send_rows(context, seen.snapshot, owner, prediction, request, who.name)

    @routes.post(
        f"{_VERSION}/{{prediction}}/cancel",
        openapi_extra=accepts(None, command=True),
        responses=answers({200: Prediction, 202: CommandState}),
    )
    async def cancel_prediction_of_version(
        request: Request, model: str, version: str, prediction: RunId, who: Who
    ) -> Response:
        """Stop a prediction that has not ended."""
        _, owner, _ = await found(who, model, version, prediction)
        asked = CommandRequest.of(request, {})
        command = CancelRun(prediction)
        answer = await context.commands.post(stream("session", owner.id), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        content = await show_run(context, present(context), owner, _KIND, prediction)
        return json(content, headers=asked.prefer.applied())

    async def requested(request: Request, model: str, version: str, who: Principal) -> Response:
        """Request a prediction, unless it was requested already, and answer with it."""
        body = await read_body(request, bodies.PredictedDatasetBody)
        asked = CommandRequest.of(request, [version, body.model_dump()])
        await require_model(context, who, model, Level.PREDICT)
        run = RunId(derive(asked.id, "run"))
        if (again := await asked_before(context, asked, model)) is not None:
            return await request_run(context, asked, again, _KIND, None)
        limits = dataset_checks.check_limits(body, context.settings.workers)

        def made(now: Snapshot) -> tuple[RunOwner, RequestPrediction]:
            row = answering_version(now, model, version)
            owner = owner_of_version(now, model, row.version)
            command = request_prediction(
                run,
                model_of(now, owner, row.training),
                dataset_checks.check_dataset(now, body.dataset, may_use(who, now)),
                now,
                limits,
                sent=False,
                with_input=body.with_input,
                form=body.form,
            )
            return owner, replace(command, model=model, model_version=row.version)

        owner, command = await dataset_checks.checked(
            context,
            lambda now: dataset_checks.has_dataset(now, body.dataset, may_use(who, now)),
            made,
        )
        return await request_run(context, asked, owner, _KIND, command)

    async def found(
        who: Principal, model: str, version: str, run: RunId
    ) -> tuple[AsOfView, RunOwner, PredictionRow]:
        """Return a prediction of a version.

        Raises:
            Problem: there is none (404), or it is another user's (403).
        """
        await require_model(context, who, model, Level.PREDICT)
        check_id("session", run, _KIND)
        number = version_of(context.queries.latest(), model, version)
        seen, owner, row = await looked_up(model, number, run)
        if row is None:  # it may have been requested just now, through another process
            await context.reader.fresh()
            seen, owner, row = await looked_up(model, number, run)
        if row is not None and row.unreadable:
            raise unreadable()
        if row is None or (row.model, row.model_version) != (model, number):
            detail = f"{model}@{number} has no prediction {run}: GET {owner.path}/predictions lists"
            raise Problem(404, "run-unknown", "There is no such prediction", f"{detail} yours.")
        if row.actor != who.name and model_level(who, seen.snapshot, model) < Level.WORK:
            raise forbidden("It is for who asked for it, and for those who may promote.")
        return seen, owner, row

    async def looked_up(
        model: str, number: int, run: RunId
    ) -> tuple[AsOfView, RunOwner, PredictionRow | None]:
        seen = present(context)
        owner = owner_of_version(seen.snapshot, model, number)

        def look() -> PredictionRow | None:
            row = seen.snapshot.runs.get(owner.id, _KIND, run)
            return row if isinstance(row, PredictionRow) else None

        return seen, owner, await context.executors.lists.run(look)


async def asked_before(context: ApiContext, asked: CommandRequest, model: str) -> RunOwner | None:
    """Return the owner of the run of a request that was answered before, None if it was not."""
    answer = context.queries.answer(asked.id)
    if answer is None:
        return None
    now, session = context.queries.now(), session_id(answer.stream)
    run = RunId(derive(asked.id, "run"))
    row = await context.executors.lists.run(lambda: now.runs.get(session, _KIND, run))
    number = row.model_version if isinstance(row, PredictionRow) else 0
    return RunOwner("experiment", session, f"/v1/models/{model}/versions/{number}")


def owner_of_version(snapshot: Snapshot, model: str, number: int) -> RunOwner:
    """Return the owner of the runs of a version: the experiment that it comes from."""
    row: ModelVersionRow | None = snapshot.models.version(model, number)
    assert row is not None, "it is one of the model's versions"
    require_experiment(row)
    return RunOwner("experiment", row.experiment, f"/v1/models/{model}/versions/{number}")
