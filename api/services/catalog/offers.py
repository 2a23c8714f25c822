"""Routes of the estimators and metrics that are installed."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.problems import check_id, unknown
from autolearn.api.shared import resources
from autolearn.api.shared.as_of import AsOf, see
from autolearn.api.shared.lookup import absent, find
from autolearn.api.state.context import ApiContext
from autolearn.schemas.rest.catalog import CatalogEstimator, CatalogMetric
from autolearn.schemas.rest.page import Page


def add_offer_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router."""

    @routes.get(
        "/estimators", responses=answers({200: Page[CatalogEstimator]}, "AutoLearn-Position")
    )
    async def list_estimators(as_of: AsOf = "") -> Response:
        """List the estimators, by name; with `as_of`, those at that time."""
        seen = await see(context, as_of, lambda past: past.load_kind("estimator"))
        rows = seen.snapshot.catalog.estimators()
        return json(Page([resources.estimator(row) for row in rows]), headers=seen.headers)

    @routes.get(
        "/estimators/{name}", responses=answers({200: CatalogEstimator}, "AutoLearn-Position")
    )
    async def see_estimator(name: str, as_of: AsOf = "") -> Response:
        """Show an estimator with its hyperparameters."""
        check_id("estimator", name)
        seen, row = await find(
            context,
            lambda at: at.catalog.estimator(name),
            as_of,
            lambda past: past.load_kind("estimator"),
        )
        if row is None:
            names = [row.spec.name for row in seen.snapshot.catalog.estimators()]
            raise await absent(
                context,
                "estimator",
                name,
                as_of,
                unknown("estimator", name, names, "/v1/catalog/estimators"),
            )
        return json(resources.estimator(row), headers=seen.headers)

    @routes.get("/metrics", responses=answers({200: Page[CatalogMetric]}, "AutoLearn-Position"))
    async def list_metrics(as_of: AsOf = "") -> Response:
        """List the metrics, by name; with `as_of`, those at that time."""
        seen = await see(context, as_of, lambda past: past.load_kind("metric"))
        rows = seen.snapshot.catalog.metrics()
        return json(Page([resources.metric(row) for row in rows]), headers=seen.headers)

    @routes.get("/metrics/{name}", responses=answers({200: CatalogMetric}, "AutoLearn-Position"))
    async def see_metric(name: str, as_of: AsOf = "") -> Response:
        """Show a metric."""
        check_id("metric", name)
        seen, row = await find(
            context,
            lambda at: at.catalog.metric(name),
            as_of,
            lambda past: past.load_kind("metric"),
        )
        if row is None:
            names = [row.spec.name for row in seen.snapshot.catalog.metrics()]
            raise await absent(
                context,
                "metric",
                name,
                as_of,
                unknown("metric", name, names, "/v1/catalog/metrics"),
            )
        return json(resources.metric(row), headers=seen.headers)
