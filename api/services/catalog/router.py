"""Service `catalog`: estimators, metrics and datasets, and uploads of datasets."""

from __future__ import annotations

from fastapi import APIRouter

from autolearn.api.services.catalog.dataset_expectations import add_expectation_routes
from autolearn.api.services.catalog.dataset_grants import add_grant_routes
from autolearn.api.services.catalog.dataset_labels import add_label_routes
from autolearn.api.services.catalog.dataset_uploads import add_upload_routes
from autolearn.api.services.catalog.dataset_values import add_value_routes
from autolearn.api.services.catalog.datasets import add_dataset_routes
from autolearn.api.services.catalog.offers import add_offer_routes
from autolearn.api.state.context import ApiContext


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(prefix="/v1/catalog", tags=["catalog"])
    add_offer_routes(routes, context)
    add_dataset_routes(routes, context)
    add_upload_routes(routes, context)
    add_grant_routes(routes, context)
    add_value_routes(routes, context)
    add_label_routes(routes, context)
    add_expectation_routes(routes, context)
    return routes
