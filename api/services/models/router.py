"""Service `models`: the registry of models, their versions, and who answers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.pagination import from_token, next_link, page_of
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level
from autolearn.api.services.models import resources
from autolearn.api.services.models.backtests import add_backtest_routes
from autolearn.api.services.models.batches import add_batch_routes
from autolearn.api.services.models.cases.router import add_case_routes
from autolearn.api.services.models.changes import add_change_routes
from autolearn.api.services.models.erasures.router import add_erasure_route
from autolearn.api.services.models.export import add_export_route
from autolearn.api.services.models.hours import add_hour_route
from autolearn.api.services.models.imports import add_import_route
from autolearn.api.services.models.prediction_proofs import add_proof_route
from autolearn.api.services.models.predictions import add_prediction_routes
from autolearn.api.services.models.truths.router import add_truth_routes
from autolearn.api.shared.as_of import AsOf, AsOfView, Shared
from autolearn.api.shared.models.checks import MODEL, require_model, version_of
from autolearn.api.shared.named.things import find_named, list_named
from autolearn.api.state.context import ApiContext
from autolearn.schemas.rest.models import (
    ModelChange,
    ModelGrant,
    ModelRow,
    ModelVersion,
    RegisteredModel,
)
from autolearn.schemas.rest.page import Page

Limit = Annotated[int, Query(ge=1, le=500)]
AliasGiven = Annotated[str, Query(max_length=100, description="Of this alias only.")]


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(prefix="/v1/models", tags=["models"])

    @routes.get("", responses=answers({200: Page[RegisteredModel]}, "Link", "AutoLearn-Position"))
    async def list_models(
        request: Request,
        who: Who,
        limit: Limit = 200,
        page: str = "",
        as_of: AsOf = "",
        *,
        shared: Shared = False,
    ) -> Response:
        """List the models that you own or that are shared with you, by name; all for sysadmins.

        With `shared` those that others have shared with you, as they are now.
        """
        now = context.queries.now()

        def shown(row: ModelRow) -> RegisteredModel:
            return resources.model(row, who, now)

        return await list_named(
            *(MODEL, context, who, shown, request, limit, page, as_of), shared=shared
        )

    @routes.get("/{model}", responses=answers({200: RegisteredModel}, "AutoLearn-Position"))
    async def see_model(model: str, who: Who, as_of: AsOf = "") -> Response:
        """Show a model: who answers, and what its aliases are."""
        seen = await found(who, model, as_of)
        row = seen.snapshot.models.get(model)
        assert row is not None, "it was found at this moment"
        now = context.queries.latest()
        return json(resources.model(row, who, now), headers=seen.headers)

    @routes.get(
        "/{model}/versions",
        responses=answers({200: Page[ModelVersion]}, "Link", "AutoLearn-Position"),
    )
    async def list_versions(
        request: Request, model: str, who: Who, limit: Limit = 50, page: str = "", as_of: AsOf = ""
    ) -> Response:
        """List the versions of a model, the first one first, each with where it comes from."""
        after = from_token(page, int, "page") if page else 0
        seen = await found(who, model, as_of)

        def shown() -> Response:
            items, more = page_of(
                seen.snapshot.models.versions(model, after),
                limit,
                resources.model_version,
                lambda row: row.version,
            )
            headers = {**seen.headers, **next_link(request.url, more)}
            return json(Page(items, more), headers=headers)

        return await context.executors.lists.run(shown)

    @routes.get(
        "/{model}/versions/{version}", responses=answers({200: ModelVersion}, "AutoLearn-Position")
    )
    async def see_version(model: str, version: str, who: Who, as_of: AsOf = "") -> Response:
        """Show a version, by its number or an alias."""
        seen = await found(who, model, as_of)
        number = version_of(seen.snapshot, model, version)
        row = seen.snapshot.models.version(model, number)
        assert row is not None, "it was found at this moment"
        return json(resources.model_version(row), headers=seen.headers)

    @routes.get(
        "/{model}/timeline",
        responses=answers({200: Page[ModelChange]}, "Link", "AutoLearn-Position"),
    )
    async def see_timeline(
        request: Request,
        model: str,
        who: Who,
        alias: AliasGiven = "",
        limit: Limit = 200,
        page: str = "",
        as_of: AsOf = "",
    ) -> Response:
        """List who was in production from when to when, by whose decision, and why."""
        after = from_token(page, int, "page") if page else 0
        seen = await found(who, model, as_of)

        def shown() -> Response:
            rows = seen.snapshot.models.timeline(model, alias, after)
            items, more = page_of(rows, limit, lambda row: row, lambda row: row.number)
            headers = {**seen.headers, **next_link(request.url, more)}
            return json(Page(items, more), headers=headers)

        return await context.executors.lists.run(shown)

    @routes.get("/{model}/readers", responses=answers({200: Page[ModelGrant]}))
    async def list_grants(model: str, who: Who) -> Response:
        """List the users and groups with a grant of a model."""
        await require_model(context, who, model, Level.READ)
        return json(Page(context.queries.now().models.grants(model)))

    async def found(who: Who, model: str, as_of: str) -> AsOfView:
        """Return a snapshot with a model, now or at `as_of`."""
        return await find_named(MODEL, context, who, model, as_of)

    add_prediction_routes(routes, context)
    add_proof_route(routes, context)
    add_hour_route(routes, context)
    add_erasure_route(routes, context)
    add_truth_routes(routes, context)
    add_change_routes(routes, context)
    add_import_route(routes, context)
    add_export_route(routes, context)
    add_backtest_routes(routes, context)
    add_case_routes(routes, context)
    add_batch_routes(routes, context)
    return routes
