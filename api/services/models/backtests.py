"""Routes of backtests: a version predicts what the model was asked, and the answers are compared.

A backtest is a prediction of the version, as work for a worker: its rows are frozen when it is
requested. It is shown, waited for and cancelled like every prediction of a version.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.commands.command_headers import CommandRequest, derive
from autolearn.api.commands.responses import json
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.pagination import from_token, next_link, page_of
from autolearn.api.http.problems import Problem, check_id
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level
from autolearn.api.services.models.asked_rows import AskedRows, LogPart, freeze
from autolearn.api.services.models.batches import asked_before, owner_of_version
from autolearn.api.services.models.bodies import BacktestBody
from autolearn.api.services.models.erased_requests import ErasedRequests
from autolearn.api.services.models.prediction_records import cipher_of
from autolearn.api.services.models.truths.records import truths_since
from autolearn.api.shared import dataset_checks, resources
from autolearn.api.shared.as_of import LOST_PLUS, present
from autolearn.api.shared.columns.sensitive_columns import sensitive_in
from autolearn.api.shared.models.checks import answering_version, require_model, version_of
from autolearn.api.shared.predictions.checks import Model, model_of
from autolearn.api.shared.predictions.sent_rows import request_with_rows, store_rows
from autolearn.api.shared.runs import request_run
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.queries import Snapshot
from autolearn.runtime.timestamps import millis
from autolearn.schemas.bounds import BACKTEST_ROWS
from autolearn.schemas.commands import RequestPrediction
from autolearn.schemas.models.backtests import ASKED_COLUMNS
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.runs import Prediction, PredictionRow, RunRow
from autolearn.schemas.values import RunId

_KIND = "prediction"
_AT = "/{model}/backtests"
_MADE = answers({201: Prediction, 202: (Prediction, CommandState)}, "Location")
_Limit = Annotated[int, Query(ge=1, le=500)]


def add_backtest_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router."""

    @routes.post(
        _AT, status_code=201, openapi_extra=accepts(BacktestBody, command=True), responses=_MADE
    )
    async def backtest(request: Request, model: str, who: Who) -> Response:
        """Replay what a model was asked through a version, and compare the answers.

        It is for those who may promote. What was asked since a time is frozen now, so the same
        backtest is about the same rows. With `Prefer: wait=N` the answer comes when it has ended.
        """
        body = await read_body(request, BacktestBody)
        asked = CommandRequest.of(request, body.model_dump())
        await require_model(context, who, model, Level.WORK)
        if (again := await asked_before(context, asked, model)) is not None:
            return await request_run(context, asked, again, _KIND, None)
        limits = dataset_checks.check_limits(body, context.settings.workers)
        since, until = _time_in(body.since), time.time_ns() // 10**6
        await context.reader.fresh()
        context.reader.require_brokers()
        now = context.queries.now()
        number = version_of(now, model, str(body.version), "#/version")
        row = answering_version(now, model, str(number))
        against = 0
        if body.against is not None:
            against = version_of(now, model, str(body.against), "#/against")
        owner = owner_of_version(now, model, number)
        training = await context.executors.lists.run(partial(model_of, now, owner, row.training))
        wanted = _wanted(now, model, number, training, (since, until, against))
        cipher = partial(cipher_of, context.vault)
        source = LogPart(context.log, context.topics.predictions.name, cipher)
        with (
            context.uploads.room(who.name) as room,
            tempfile.TemporaryDirectory(dir=context.scratch, prefix="backtest-") as folder,
        ):
            file = Path(folder, "rows.parquet")
            async with context.executors.examining.turn():
                truths = await context.executors.uploads.run(
                    partial(truths_since, context, model, since, most=BACKTEST_ROWS)
                )
                wanted = wanted._replace(truths=truths[0])
                frozen = await context.executors.uploads.run(partial(freeze, source, wanted, file))
            digest, size = await context.executors.uploads.run(partial(_measured, file))
            room.take(size)
            ref = await store_rows(context, file, "asked.parquet", digest, owner)
        command = RequestPrediction(
            run=RunId(derive(asked.id, "run")),
            training=row.training,
            dataset=ref,
            sent=True,
            **limits._asdict(),
            read=frozen[1],
            input_columns=ASKED_COLUMNS,
            sensitive=_sensitive(training),
            form="csv",
            model=model,
            model_version=number,
            backtest=frozen[0],
        )
        return await request_with_rows(context, asked, owner, command)

    @routes.get(_AT, responses=answers({200: Page[Prediction]}, "Link"))
    async def list_backtests(
        request: Request, model: str, who: Who, limit: _Limit = 50, page: str = ""
    ) -> Response:
        """List the backtests of a model, the newest version first, of each in their order.

        It is for those who may promote.
        """
        first, after = from_token(page, tuple[int, int], "page") if page else (0, 0)
        await require_model(context, who, model, Level.WORK)
        seen, read = present(context), 0

        def listed() -> Response:
            def shown(one: tuple[int, int, RunId]) -> Prediction | None:
                nonlocal read
                read += 1
                owner = owner_of_version(seen.snapshot, model, one[0])
                row = seen.snapshot.runs.get(owner.id, _KIND, one[2])
                if row is None or not _is_backtest(row, model, one[0]):
                    return None
                found = resources.run(seen.snapshot, row, seen.live, owner.path)
                assert isinstance(found, Prediction), "it is one"
                return found

            runs = _predictions(seen.snapshot, model, first, after)
            items, more = page_of(runs, limit, shown, lambda one: one[:2], lambda: read)
            return json(Page(items, more), headers=next_link(request.url, more))

        return await context.executors.lists.run(listed)

    @routes.get(f"{_AT}/{{backtest}}", responses=answers({200: Prediction}))
    async def see_backtest(model: str, backtest: RunId, who: Who) -> Response:
        """Show a backtest; its link `self` leads to where it is waited for, and cancelled."""
        await require_model(context, who, model, Level.WORK)
        check_id("session", backtest, "backtest")
        await context.reader.fresh()
        seen = present(context)

        def look() -> Prediction | None:
            for number in _versions(seen.snapshot, model):
                owner = owner_of_version(seen.snapshot, model, number)
                row = seen.snapshot.runs.get(owner.id, _KIND, backtest)
                if row is not None and _is_backtest(row, model, number):
                    found = resources.run(seen.snapshot, row, seen.live, owner.path)
                    assert isinstance(found, Prediction), "it is one"
                    return found
            return None

        found = await context.executors.lists.run(look)
        if found is None:
            detail = f"{model} has no backtest {backtest}: GET /v1/models/{model}/backtests lists."
            raise Problem(404, "run-unknown", "There is no such backtest", detail)
        return json(found)


def _time_in(given: str) -> int:
    """Return a time in milliseconds since 1970. Raises Problem (422)."""
    try:
        return max(1, millis(LOST_PLUS.sub(r"\1+\2", given)))
    except (ValueError, OverflowError):
        detail = f"{given[:100]!r} is no time with a zone, such as 2026-01-31T09:30:00Z"
        raise dataset_checks.wrong("bad-time", "That is no time", {"#/since": detail}) from None


def _wanted(
    now: Snapshot, model: str, number: int, training: Model, times: tuple[int, int, int]
) -> AskedRows:
    """Return which rows to freeze, with the columns that a version needs.

    Raises:
        Problem: its columns are not known any more, or have names that a backtest uses (409); or
        `against` is a version with another task (422).
    """
    if not training.columns:
        detail = f"The dataset of {model}@{number} was deleted, and so the types of its columns."
        raise Problem(409, "columns-unknown", "The columns are not known", detail)
    types = {
        column.name: "number" if column.type == "integer" else column.type
        for column in training.columns  # clients may send any number
    }
    columns = {name: types[name] for name in training.features}
    if taken := [name for name in columns if name in ASKED_COLUMNS]:
        detail = f"A backtest has columns of its own that are called {', '.join(taken)}."
        raise Problem(409, "columns-taken", "A column has a name that is taken", detail)

    @cache
    def task_of(version: int) -> str:
        row = now.models.version(model, version)
        return "" if row is None or row.source is None else row.source.task

    since, until, against = times
    task = training.training.task
    if against and task_of(against) != task:
        fault = f"{model}@{against} does {task_of(against) or 'something unknown'}, not {task}"
        raise dataset_checks.wrong("other-task", "The tasks differ", {"#/against": fault})
    counts = ErasedRequests(now.models, model).counts
    return AskedRows(model, since, until, against, task, columns, task_of, counts=counts)


def _sensitive(training: Model) -> tuple[str, ...]:
    known = [one for one in (training.own, training.newest) if one is not None]
    return tuple(sorted({*training.training.sensitive}.union(*map(sensitive_in, known))))


def _measured(file: Path) -> tuple[str, int]:
    """Return the SHA-256 and the size of a file (blocks)."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest(), file.stat().st_size


def _versions(now: Snapshot, model: str, first: int = 0) -> Iterator[int]:
    """Yield the numbers of the versions with an experiment, the newest first, or from one on."""
    found = now.models.get(model)
    assert found is not None, "it was found at this moment"
    for number in range(min(first, found.versions) or found.versions, 0, -1):
        row = now.models.version(model, number)
        if row is not None and row.experiment:
            yield number


def _predictions(
    now: Snapshot, model: str, first: int, after: int
) -> Iterator[tuple[int, int, RunId]]:
    """Yield the version, number and id of each prediction of the versions' experiments."""
    for version in _versions(now, model, first):
        past = after if version == first else 0
        for run, row in now.runs.all_stored(owner_of_version(now, model, version).id, past):
            if row.kind == _KIND:
                yield version, row.number, run


def _is_backtest(row: RunRow, model: str, number: int) -> bool:
    if not isinstance(row, PredictionRow) or row.backtest is None:
        return False
    return (row.model, row.model_version) == (model, number)
