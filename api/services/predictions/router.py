"""Service `predictions`: what artifacts say about rows, which are sent or of a dataset."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from msgspec.structs import replace
from starlette.responses import Response

from autolearn.api.commands.command_headers import CommandRequest, derive
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import UPLOAD, accepts, answers
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level, level_of, may_use
from autolearn.api.shared import bodies, dataset_checks, uploads
from autolearn.api.shared.authorization import authorise, forbidden
from autolearn.api.shared.columns.sensitive_columns import sensitive_in
from autolearn.api.shared.lookup import RunOwner, find_run
from autolearn.api.shared.predictions.checks import Model, model_of, request_prediction
from autolearn.api.shared.predictions.rows import send_rows
from autolearn.api.shared.predictions.sent_rows import request_with_rows, store_rows
from autolearn.api.shared.read_hints import Hints
from autolearn.api.shared.runs import add_cancel_route, add_run_routes, owner_in, request_run
from autolearn.api.shared.training_choice import choose_training
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.bounds import LONGEST_NAME
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.commands import RequestPrediction
from autolearn.schemas.datasets.read_options import ReadHints
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.runs import Prediction
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import RunId

Format = Literal["csv", "parquet", "arrow", "jsonl", "excel"]
Training = Annotated[
    str | None, Query(max_length=36, description="May be left out where one training is completed.")
]
FileName = Annotated[
    str, Query(min_length=1, max_length=LONGEST_NAME, description="The name of the file.")
]
WithInput = Annotated[bool, Query(description="Repeat all columns of the rows, not ids alone.")]
_MADE = answers({201: Prediction, 202: (Prediction, CommandState)}, "Location")


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(tags=["predictions"])
    for at in owner_in:
        add_run_routes(routes, context, at, "prediction", Prediction)
        add_cancel_route(routes, context, at, "prediction", Prediction)
        _add_dataset_route(routes, context, at)
        _add_file_route(routes, context, at)
        _add_rows_route(routes, context, at)
    return routes


def _add_dataset_route(routes: APIRouter, context: ApiContext, at: str) -> None:
    """Add the route that predicts a dataset of the catalog."""

    @routes.post(
        f"{at}/predictions",
        status_code=201,
        openapi_extra=accepts(bodies.PredictionBody, command=True),
        responses=_MADE,
    )
    async def predict_dataset(
        request: Request, who: Who, owner: RunOwner = owner_in[at]
    ) -> Response:
        """Predict all rows of a dataset. With `Prefer: wait=N` the answer comes when that ended."""
        body = await read_body(request, bodies.PredictionBody)
        asked = CommandRequest.of(request, body.model_dump())
        command: RequestPrediction | None = None
        if context.queries.answer(asked.id) is None:
            training = await choose_training(context, owner, body.training)
            run, limits = RunId(derive(asked.id, "run")), _limits(context, body)

            def made(now: Snapshot) -> RequestPrediction:
                return request_prediction(
                    run,
                    model_of(now, owner, training),
                    dataset_checks.check_dataset(now, body.dataset, may_use(who, now)),
                    now,
                    limits,
                    sent=False,
                    with_input=body.with_input,
                    form=body.form,
                )

            command = await dataset_checks.checked(
                context,
                lambda now: dataset_checks.has_dataset(now, body.dataset, may_use(who, now)),
                made,
            )
        return await request_run(context, asked, owner, "prediction", command)


def _add_file_route(routes: APIRouter, context: ApiContext, at: str) -> None:
    """Add the route that predicts the rows of its body."""

    @routes.put(f"{at}/predictions", status_code=201, openapi_extra=UPLOAD, responses=_MADE)
    async def predict_rows(
        request: Request,
        who: Who,
        owner: RunOwner = owner_in[at],
        training: Training = None,
        name: FileName = "rows",
        format: Annotated[Format | None, Query()] = None,  # noqa: A002 - the word of the API
        *,
        with_input: WithInput = False,
    ) -> Response:
        """Predict rows: the body is the file itself, which is read as those of the training are.

        It is kept under the key of the session or experiment, for a day at most, and is no dataset.
        """
        early = CommandRequest.of(request, None)  # before all of a large file is read in vain
        context.commands.require_room(stream("session", owner.id), early.id)
        chosen = None
        if context.queries.answer(early.id) is None:
            chosen = await choose_training(context, owner, training)
        with context.uploads.room(who.name) as room:
            executor = context.executors.uploads
            async with uploads.received(context.scratch, executor, request, room) as file:
                await authorise(request)  # again: the upload may have taken long
                asked = CommandRequest.of(
                    request, [file.digest, training, name, format, with_input]
                )
                if chosen is None or context.queries.answer(asked.id) is not None:
                    return await request_run(context, asked, owner, "prediction", None)
                lists, now = context.executors.lists, context.queries.now()
                model = await lists.run(partial(model_of, now, owner, chosen))
                media = request.headers.get("content-type", "")
                spec = await _examined(context, file, name, model, format, media)
                command = request_prediction(
                    RunId(derive(asked.id, "run")),
                    model,
                    spec,
                    now,
                    _limits(context, bodies.LimitsBody()),
                    sent=True,
                    with_input=with_input,
                )
                stored = await store_rows(context, file.path, spec.name, file.digest, owner)
                command = replace(command, dataset=stored)
                return await request_with_rows(context, asked, owner, command)


async def _examined(
    context: ApiContext,
    file: uploads.Received,
    name: str,
    model: Model,
    given: str | None,
    media: str,
) -> DatasetSpec:
    """Examine rows as a new version of the training's dataset would be."""
    own = model.own
    hints = (own and own.hints) or ReadHints()
    secret = [] if own is None else sensitive_in(own)
    async with context.executors.examining.turn():
        return await uploads.examine(
            file,
            name,
            given=given,
            media=media,
            target=None,
            summary="",
            sensitive=tuple(secret),
            hints=Hints(hints, True, True, False),
            before=own,
            wanted=model.features,
            hints_for="" if own is None else own.format,
        )


def _limits(context: ApiContext, body: bodies.LimitsBody) -> dataset_checks.RunLimits:
    return dataset_checks.check_limits(body, context.settings.workers)


def _add_rows_route(routes: APIRouter, context: ApiContext, at: str) -> None:
    """Add the route that sends the rows of a prediction."""

    @routes.get(f"{at}/predictions/{{run}}/rows", response_class=Response)
    async def get_rows(
        request: Request, run: RunId, who: Who, owner: RunOwner = owner_in[at]
    ) -> Response:
        """Send the predictions, a row for each row of the input and in its order.

        `Accept` chooses text/csv, application/jsonl or application/vnd.apache.parquet.
        """
        seen, row = await find_run(context, owner, "prediction", run)
        if row.actor != who.name and level_of(who, seen.snapshot, owner.id) < Level.OWN:
            raise forbidden("It is for who asked for the prediction, and for the owner.")
        return await send_rows(context, seen.snapshot, owner, run, request, who.name)
