"""Service `models`: the prediction log of a model."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from msgspec import Meta, Struct
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.pagination import from_token, next_link, to_token
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level, model_access
from autolearn.api.services.models.erased_requests import ErasedRequests
from autolearn.api.services.models.prediction_records import Sought, Spans, page, place_of, shown
from autolearn.api.services.models.truths.records import truths_since
from autolearn.api.shared.as_of import since_of
from autolearn.api.shared.models.checks import require_model
from autolearn.api.shared.predictions.request_times import request_times
from autolearn.api.state.context import ApiContext
from autolearn.eventlog.memory.partitioner import partition_of
from autolearn.runtime.uuid7 import time_of
from autolearn.schemas.records.prediction import PredictionRecord, Purpose
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.predictions import RecordedPrediction
from autolearn.schemas.rest.truths import RowTruth

_Offset = Annotated[int, Meta(ge=0, le=2**53)]


class _Place(Struct, array_like=True, frozen=True):
    """Where the next page begins: before an id, and in these parts of the partitions."""

    before: str
    spans: list[tuple[_Offset, _Offset, _Offset]]


_Limit = Annotated[int, Query(ge=1, le=500)]
_Since = Annotated[str, Query(max_length=100, description="RFC 3339; default: an hour ago.")]


def add_prediction_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes of the prediction log."""

    @routes.get(
        "/{model}/prediction-log", responses=answers({200: Page[RecordedPrediction]}, "Link")
    )
    async def list_predictions(
        request: Request,
        model: str,
        who: Who,
        since: _Since = "",
        request_id: Annotated[str, Query(alias="request", max_length=100)] = "",
        version: Annotated[int, Query(ge=0, le=10**9)] = 0,
        purpose: Annotated[Purpose | None, Query()] = None,
        limit: _Limit = 50,
        page_token: Annotated[str, Query(alias="page", max_length=20_000)] = "",
    ) -> Response:
        """List what was asked of a model and answered, newest first.

        Those who may promote see all, others what they asked themselves. Without a purpose, what
        was asked to explain an answer is left out. A page may be short, also empty, and another one
        follow.
        """
        await require_model(context, who, model, Level.PREDICT)
        level, _ = model_access(who, context.queries.latest(), model)
        actor = None if level >= Level.WORK else who.name
        log, topic = context.log, context.topics.predictions.name
        begin, end = _times(since, request_id)
        erased = ErasedRequests(context.queries.latest().models, model)
        context.reader.require_brokers()

        def read() -> Response:
            spans, before = _place_of(page_token, context.topics.predictions.partitions)
            if not page_token and (gone := erased.of(request_id)) is not None:
                at = partition_of(f"{model}/{request_id}", context.topics.predictions.partitions)
                spans = {at: (gone.offset, log.ends(topic)[at])}
            elif not page_token:
                begins, ends = log.offsets_at(topic, begin), log.ends(topic)
                if end is not None:
                    ends = {**ends, **log.offsets_at(topic, end)}
                spans = {p: (first, ends[p]) for p, first in begins.items() if first < ends[p]}
            sought = Sought(model, erased, actor, request_id, version, before, purpose)
            records, left = page(log, topic, spans, sought, limit)
            known = _truths_of(context, model, records, erased)
            items = [shown(one, context.vault, known.get(one.id)) for one in records]
            last = place_of(records[-1]) if records else before
            done = not left or (request_id and records)
            more = None if done else to_token(_Place(last, [(p, *at) for p, at in left.items()]))
            return json(Page(items, more), headers=next_link(request.url, more))

        return await context.executors.log.run(read)


def _truths_of(
    context: ApiContext, model: str, records: Sequence[PredictionRecord], erased: ErasedRequests
) -> Mapping[str, Sequence[RowTruth]]:
    """Return the truths of answered requests (blocks).

    A request is absent if too many truths came since then for a look at all.
    """
    times = {one.id: time_of(one.id) or 1 for one in records}
    if not times:
        return {}
    found, reached = truths_since(context, model, min(times.values()), times)
    return {
        one: [
            truth
            for row, truth in sorted(found.get(one, {}).items())
            if row not in erased.rows(one)
        ]
        for one, asked in times.items()
        if asked >= reached
    }


def _times(since: str, request: str) -> tuple[int, int | None]:
    """Return the times between which to read, in milliseconds since 1970; None: until now.

    Raises:
        Problem: a parameter is malformed.
    """
    if request:
        return request_times(request)
    return begin_of(since, 3_600_000), None


def begin_of(since: str, otherwise: int) -> int:
    """Return a time in milliseconds since 1970; "": so many milliseconds ago.

    Raises:
        Problem: it is malformed.
    """
    return since_of(since) if since else time.time_ns() // 10**6 - otherwise


def _place_of(token: str, partitions: int) -> tuple[Spans, str]:
    """Return the offsets that are left to read, and the id before which to go on.

    Raises:
        Problem: it is no token of this list.
    """
    if not token:
        return {}, ""
    place = from_token(token, _Place, "page")
    spans = {p: (begin, end) for p, begin, end in place.spans if p < partitions}
    return spans, place.before
