"""Service `models`: how a model was asked, hour by hour."""

from __future__ import annotations

from itertools import takewhile
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.pagination import from_token, next_link, page_of
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level
from autolearn.api.services.models.predictions import begin_of
from autolearn.api.shared.models.checks import require_model
from autolearn.api.state.context import ApiContext
from autolearn.projections.predictions.hour_content import content_of
from autolearn.projections.predictions.hour_rows import hours_of
from autolearn.runtime.timestamps import text
from autolearn.schemas.records.prediction_hour import PredictionHour, latency_quantile
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.predictions import ModelHour

_DAY_MS = 24 * 3_600_000
_Limit = Annotated[int, Query(ge=1, le=500)]
_Since = Annotated[str, Query(max_length=100, description="RFC 3339; default: a day ago.")]


def add_hour_route(routes: APIRouter, context: ApiContext) -> None:
    """Add the route."""

    @routes.get("/{model}/hours", responses=answers({200: Page[ModelHour]}, "Link"))
    async def list_hours(
        request: Request,
        model: str,
        who: Who,
        since: _Since = "",
        version: Annotated[int, Query(ge=0, le=10**9)] = 0,
        limit: _Limit = 200,
        page: Annotated[str, Query(max_length=1000)] = "",
    ) -> Response:
        """List the hours in which a model was asked, newest first: counts by version.

        By default those of the last day. An hour that is not over is a few seconds old. Those who
        may promote see them.
        """
        await require_model(context, who, model, Level.WORK)
        first, before = text(begin_of(since, _DAY_MS))[:13], _before(page)
        store = context.hours.store

        def listed() -> Response:
            looked = 0

            def shown(one: tuple[str, bool, PredictionHour]) -> ModelHour | None:
                nonlocal looked
                looked += 1
                _, closed, row = one
                fits = version in (0, row.version)
                return _shown(row, context, closed=closed) if fits else None

            rows = takewhile(lambda one: one[2].hour >= first, hours_of(store, model, before))
            items, more = page_of(rows, limit, shown, lambda one: one[0], lambda: looked)
            return json(Page(items, more), headers=next_link(request.url, more))

        return await context.executors.lists.run(listed)


def _before(page: str) -> str:
    """Return the key before which the page begins; "" for the first one."""
    return from_token(page, str, "page") if page else ""


def _shown(row: PredictionHour, context: ApiContext, *, closed: bool) -> ModelHour:
    """Return an hour as it is shown; without labels and histograms if they cannot be read."""
    content = content_of(row, context.vault)
    return ModelHour(
        hour=f"{row.hour}:00:00Z",
        model=row.model,
        version=row.version,
        shadow=row.shadow,
        batch=row.batch,
        closed=closed,
        requests=row.requests,
        rows=row.rows,
        unreadable=row.unreadable,
        warned=row.warned,
        p50=latency_quantile(row.latencies, 0.5),
        p99=latency_quantile(row.latencies, 0.99),
        latencies=row.latencies,
        labels=None if content is None else content.labels,
        scores=None if content is None else content.scores,
        features=None if content is None else content.features,
        truths=row.truths,
        truth_counts=None if content is None else content.truths,
        metrics={} if content is None else content.truths.metrics(row.truths),
    )
