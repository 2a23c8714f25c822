"""Routes of the estimators, metrics and steps that are installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import APIRouter
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.problems import check_id, unknown
from autolearn.api.shared import resources
from autolearn.api.shared.as_of import AsOf, AsOfView, see
from autolearn.api.shared.lookup import absent, find
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.catalog import CatalogQueries
from autolearn.projections.rows.catalog import EstimatorRow, MetricRow, StepRow
from autolearn.schemas.rest.catalog import CatalogEstimator, CatalogMetric, CatalogStep
from autolearn.schemas.rest.page import Page

R = TypeVar("R", EstimatorRow, MetricRow, StepRow)


def add_offer_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router."""

    async def find_offer(
        kind: str,
        name: str,
        as_of: str,
        look: Callable[[CatalogQueries, str], R | None],
        listed: Callable[[CatalogQueries], list[R]],
    ) -> tuple[AsOfView, R]:
        check_id(kind, name)
        seen, row = await find(
            context, lambda at: look(at.catalog, name), as_of, lambda past: past.load_kind(kind)
        )
        if row is None:
            names = [one.spec.name for one in listed(seen.snapshot.catalog)]
            problem = unknown(kind, name, names, f"/v1/catalog/{kind}s")
            raise await absent(context, kind, name, as_of, problem)
        return seen, row

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
        seen, row = await find_offer(
            "estimator", name, as_of, CatalogQueries.estimator, CatalogQueries.estimators
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
        seen, row = await find_offer(
            "metric", name, as_of, CatalogQueries.metric, CatalogQueries.metrics
        )
        return json(resources.metric(row), headers=seen.headers)

    @routes.get("/steps", responses=answers({200: Page[CatalogStep]}, "AutoLearn-Position"))
    async def list_steps(as_of: AsOf = "") -> Response:
        """List the kinds of steps of pipelines, by name; with `as_of`, those at that time."""
        seen = await see(context, as_of, lambda past: past.load_kind("step"))
        rows = seen.snapshot.catalog.steps()
        return json(Page([resources.step(row) for row in rows]), headers=seen.headers)

    @routes.get("/steps/{name}", responses=answers({200: CatalogStep}, "AutoLearn-Position"))
    async def see_step(name: str, as_of: AsOf = "") -> Response:
        """Show a kind of step with its inputs and parameters."""
        seen, row = await find_offer("step", name, as_of, CatalogQueries.step, CatalogQueries.steps)
        return json(resources.step(row), headers=seen.headers)
