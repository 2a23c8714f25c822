"""Routes of labels: what rows of a dataset are that have no value of the target."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote
from weakref import WeakValueDictionary

import msgspec
from fastapi import APIRouter, Query, Request
from msgspec import Raw
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import json, pending
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.pagination import from_token, next_link, page_of
from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level
from autolearn.api.services.catalog.bodies import LabelsBody
from autolearn.api.services.catalog.label_checks import (
    OpenRows,
    checked,
    column_of,
    known_classes,
    overruled,
    refuse_others,
)
from autolearn.api.services.catalog.stored_file import limits_of, opened
from autolearn.api.shared.dataset_checks import find_version, require_dataset
from autolearn.api.shared.predictions.serve_processes import ServeProcesses, passed_on
from autolearn.api.state.context import ApiContext
from autolearn.artifacts.datasets.reader_process import (
    ChosenRowsJob,
    GapsJob,
    gaps_apart,
    rows_apart,
)
from autolearn.schemas.bounds import LONGEST_NAME, ONLINE_ROWS, PAGE_BYTES, ROWS_SHOWN, cut
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.commands import LabelRows
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.labels import (
    AddedLabels,
    DatasetLabel,
    UnlabelledDatasetRow,
    UnlabelledRows,
)
from autolearn.schemas.rest.models import Inference
from autolearn.schemas.rest.page import Page
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import Column, JsonValue

_GAPS = 8
"""Columns whose gaps are kept in memory."""
_Version = Annotated[str, Query(max_length=64, description="A version, or its start.")]
_Target = Annotated[
    str, Query(max_length=LONGEST_NAME, description="The column; default: the dataset's target.")
]
_By = Annotated[
    str,
    Query(max_length=LONGEST_NAME, description="MODEL or MODEL@VERSION: the least certain first."),
]


class _Said(NamedTuple):
    """What a model says about a row: None for what it does not say; and the labels it knows."""

    predicted: str | float | None = None
    certainty: float | None = None
    labels: Sequence[str] = ()


def add_label_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router. They are for those who may change the dataset."""
    turns = WeakValueDictionary[str, asyncio.Lock]()
    serve, gaps = ServeProcesses(context), dict[bytes, bytes]()

    @routes.get("/datasets/{name}/unlabelled", responses=answers({200: UnlabelledRows}))
    async def list_unlabelled(
        request: Request,
        name: str,
        who: Who,
        target: _Target = "",
        version: _Version = "",
        by: _By = "",
        limit: Annotated[int, Query(ge=1, le=ROWS_SHOWN)] = 20,
    ) -> Response:
        """List rows of a version that have neither a value of the target nor a label, in order.

        With `by` a model is asked about the first 1,000 of them (1 MiB), and those come first of
        which it is the least certain, with its answers. Values of sensitive columns are hidden.
        """
        await require_dataset(context, who, name, Level.WORK)
        spec = await find_version(context, name, version)
        target, column = column_of(spec, target)
        rows, there = await open_rows(spec, target, column), await labels_of(spec, target)
        labelled = sum(row in rows for row in there)
        numbers = rows.first(ONLINE_ROWS if by else limit, there)
        values = await values_of(spec, target, numbers)
        said = [_Said()] * len(values)
        if by and values:
            said = await asked(request, by, values)
        order = sorted(range(len(values)), key=lambda at: said[at].certainty or 1.0)[:limit]
        hidden = [one for one in spec.sensitive if values and one in values[0]]
        items = [
            UnlabelledDatasetRow(
                row=numbers[at],
                values={**values[at], **dict.fromkeys(hidden)},
                predicted=said[at].predicted,
                certainty=said[at].certainty,
            )
            for at in order
        ]
        found = UnlabelledRows(
            dataset=name,
            version=spec.version,
            target=target,
            rows=rows.many - labelled,
            labelled=labelled,
            items=items,
            classes=known_classes(spec, target) or [*(said[0].labels if said else ())],
            hidden=hidden,
            new=column is None,
            model=by,
            looked=len(values) if by else 0,
        )
        return json(found)

    @routes.get("/datasets/{name}/labels", responses=answers({200: Page[DatasetLabel]}, "Link"))
    async def list_labels(
        request: Request,
        name: str,
        who: Who,
        target: _Target = "",
        version: _Version = "",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
        page: str = "",
    ) -> Response:
        """List the labels of rows of a version, by their numbers."""
        after = from_token(page, int, "page") if page else -1
        await require_dataset(context, who, name, Level.WORK)
        spec = await find_version(context, name, version)
        there = await labels_of(spec, column_of(spec, target)[0])
        rows = [there[row] for row in sorted(there) if row > after]
        items, more = page_of(rows, limit, lambda one: one, lambda one: one.row)
        return json(Page(items, more), headers=next_link(request.url, more))

    @routes.post(
        "/datasets/{name}/labels",
        openapi_extra=accepts(LabelsBody, command=True),
        responses=answers({200: AddedLabels, 202: CommandState}),
    )
    async def add_labels(request: Request, name: str, who: Who) -> Response:
        """Say what rows of a version are: all of them, or none if one does not fit.

        The same label again is harmless; another one is refused unless it may `replace` the first.
        """
        body = await read_body(request, LabelsBody)
        request.state.via = await require_dataset(context, who, name, Level.WORK)
        asked = CommandRequest.of(request, body.model_dump())
        spec = await find_version(context, name, body.version)
        target, column = column_of(spec, body.target)
        rows = await open_rows(spec, target, column)
        async with turns.setdefault(name, asyncio.Lock()):
            there = await labels_of(spec, target)
            found = checked(body, spec, target, column, rows, there)
            said = AddedLabels(
                dataset=name,
                version=spec.version,
                target=target,
                added=len(found.new),
                replaced=found.replaced,
                same=found.same,
            )
            if not found.new:
                return json(said, headers=asked.prefer.applied())
            labels = (*found.new,)
            command = LabelRows(
                spec.version, target, spec.rows, len(labels), labels, replaces=body.replace
            )
            answer = await context.commands.post(stream("dataset", name), command, asked)
            if isinstance(answer, Accepted):
                return pending(answer, asked)
            if not body.replace:  # another process may have been first
                refuse_others(overruled(labels, await labels_of(spec, target)))
        return json(said, headers=asked.prefer.applied())

    async def labels_of(spec: DatasetSpec, target: str) -> dict[int, DatasetLabel]:
        now = context.queries.now()
        return await context.executors.lists.run(lambda: {**now.catalog.labels(spec, target)})

    async def open_rows(spec: DatasetSpec, target: str, column: Column | None) -> OpenRows:
        """Return the rows of a version that have no value of the target."""
        if column is None:
            return OpenRows(spec.rows, None)
        at = msgspec.json.encode((spec.ref, spec.read, column))
        known = gaps.get(at)
        if known is None:
            async with opened(context, spec) as file:
                known = await gaps_apart(GapsJob(**limits_of(spec), column=target), *file)
            if len(gaps) >= _GAPS:
                gaps.clear()
            gaps[at] = known
        return OpenRows(spec.rows, known)

    async def values_of(
        spec: DatasetSpec, target: str, numbers: Sequence[int]
    ) -> list[dict[str, JsonValue]]:
        """Return the values of rows of some numbers; fewer rows if they are large."""
        columns = tuple(one.name for one in spec.columns if one.name != target)
        if not columns or not numbers:
            return [{} for _ in numbers]
        job = ChosenRowsJob(
            **limits_of(spec), columns=columns, numbers=(*numbers,), most=PAGE_BYTES
        )
        async with opened(context, spec) as file:
            rows: Sequence[Raw] = await rows_apart(job, *file)
        return [dict(zip(columns, msgspec.json.decode(row), strict=True)) for row in rows]

    async def asked(
        request: Request, by: str, values: Sequence[dict[str, JsonValue]]
    ) -> list[_Said]:
        """Return the answers of a model about rows.

        Raises:
            Problem: it cannot be asked, or predicts neither labels nor numbers.
        """
        model, _, number = by.partition("@")
        path = f"/v1/models/{quote(model, safe='')}"
        path += f"/versions/{quote(number, safe='')}" if number else ""
        headers = [one for one in passed_on(request) if not one[0].lower().startswith("content-")]
        headers.append(("content-type", "application/json"))
        content = msgspec.json.encode({"records": values})
        answer = await serve.ask("POST", f"{path}/predict?purpose=explain", content, headers)
        if answer.status_code != 200:
            raise _refused_by(by, answer.status_code, answer.json())
        said = msgspec.json.decode(answer.content, type=Inference).predictions
        if "prediction" not in said[0]:
            detail = f"{cut(by)} predicts neither labels nor numbers: choose another model."
            raise Problem(422, "model-unfit", "The model gives no labels", detail)
        return [_said(one) for one in said]


def _said(one: dict[str, Any]) -> _Said:
    shares: dict[str, float] = one.get("probabilities", {})
    return _Said(one["prediction"], max(shares.values()) if shares else None, (*shares,))


def _refused_by(by: str, status: int, problem: dict[str, Any]) -> Problem:
    """Return the problem of a model that does not answer, as it said it."""
    kind = str(problem.get("type", "")).rpartition("/")[2].rpartition(":")[2] or "model-unfit"
    title, detail = str(problem.get("title", "")), str(problem.get("detail", ""))
    return Problem(status, kind, title, f"The model {cut(by)} does not answer: {detail}")
