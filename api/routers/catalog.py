"""Service `catalog`: models, metrics and datasets on offer, and uploads of datasets."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api import resources, uploads
from autolearn.api.asked import Asked
from autolearn.api.commands import Accepted
from autolearn.api.facade import Facade
from autolearn.api.found import find
from autolearn.api.openapi import UPLOAD, answers
from autolearn.api.pages import from_token, next_link, to_token
from autolearn.api.problems import Problem, check_id, unknown
from autolearn.api.responses import CommandState, created, json, pending
from autolearn.projections.models import DatasetRow
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.commands import RegisterDataset
from autolearn.schemas.streams import stream

__all__ = ["router"]

Limit = Annotated[int, Query(ge=1, le=1000)]
Format = Literal["csv", "parquet"]
Target = Annotated[str | None, Query(max_length=1000, description="The column to learn.")]
Summary = Annotated[str, Query(max_length=2000, description="A few words for people.")]


def router(facade: Facade) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(prefix="/v1", tags=["catalog"])

    @routes.get("/models", responses=answers({200: resources.Page[resources.Model]}))
    async def list_models() -> Response:
        """List the models on offer, by name."""
        rows = facade.queries.now().models()
        return json(resources.Page([resources.model(row) for row in rows]))

    @routes.get("/models/{name}", responses=answers({200: resources.Model}))
    async def see_model(name: str) -> Response:
        """Show a model with its hyperparameters."""
        check_id("estimator", name, "model")
        moment, row = await find(facade, lambda at: at.model(name))
        if row is None:
            names = [row.spec.name for row in moment.models()]
            raise unknown("model", name, names, "/v1/models")
        return json(resources.model(row))

    @routes.get("/metrics", responses=answers({200: resources.Page[resources.Metric]}))
    async def list_metrics() -> Response:
        """List the metrics on offer, by name."""
        rows = facade.queries.now().metrics()
        return json(resources.Page([resources.metric(row) for row in rows]))

    @routes.get("/metrics/{name}", responses=answers({200: resources.Metric}))
    async def see_metric(name: str) -> Response:
        """Show a metric."""
        check_id("metric", name)
        moment, row = await find(facade, lambda at: at.metric(name))
        if row is None:
            names = [row.spec.name for row in moment.metrics()]
            raise unknown("metric", name, names, "/v1/metrics")
        return json(resources.metric(row))

    @routes.get("/datasets", responses=answers({200: resources.Page[resources.Dataset]}, "Link"))
    async def list_datasets(request: Request, limit: Limit = 200, page: str = "") -> Response:
        """List the datasets by name, each in its newest version."""
        after = from_token(page, str, "page") if page else ""
        rows = facade.queries.now().datasets(after, limit + 1)
        more = to_token(rows[limit - 1].spec.name) if rows[limit:] else None
        items = [resources.dataset(row) for row in rows[:limit]]
        return json(resources.Page(items, more), headers=next_link(request.url, more))

    @routes.get("/datasets/{name}", responses=answers({200: resources.Dataset}))
    async def see_dataset(name: str) -> Response:
        """Show the newest version of a dataset."""
        check_id("dataset", name)
        return json(resources.dataset((await versions(name))[0]))

    @routes.get(
        "/datasets/{name}/versions", responses=answers({200: resources.Page[resources.Dataset]})
    )
    async def list_versions(name: str) -> Response:
        """List all versions of a dataset, newest first."""
        check_id("dataset", name)
        return json(resources.Page([resources.dataset(row) for row in await versions(name)]))

    async def versions(name: str) -> list[DatasetRow]:
        moment, newest = await find(facade, lambda at: at.dataset(name))
        if newest is None:
            names = [row.spec.name for row in moment.datasets()]
            raise unknown("dataset", name, names, "/v1/datasets")
        others = (row for row in moment.dataset_versions(name) if row.spec != newest.spec)
        return [newest, *others]

    @routes.put(
        "/datasets/{name}",
        openapi_extra=UPLOAD,
        responses=answers(
            {200: resources.Dataset, 201: resources.Dataset, 202: CommandState}, "Location"
        ),
    )
    async def put_dataset(
        request: Request,
        name: str,
        target: Target = None,
        format: Annotated[Format | None, Query()] = None,  # noqa: A002 - the word of the API
        summary: Summary = "",
    ) -> Response:
        """Offer a dataset, or a new version of it: the body is the CSV or Parquet file itself.

        The same file again is no new version (200).
        """
        check_id("dataset", name)
        async with uploads.received(request, facade.home) as file:
            asked = Asked.of(request, [file.digest, target, format, summary])
            present = facade.queries.now().dataset(name)
            if present is not None and same(present.spec, file.digest, target, summary):
                return json(resources.dataset(present), headers=asked.prefer.applied())
            spec = await uploads.examine(
                file,
                name,
                given=format,
                media=request.headers.get("content-type", ""),
                target=target,
                summary=summary,
            )
            await uploads.keep(facade, file)
        return await register(spec, asked)

    async def register(spec: DatasetSpec, asked: Asked) -> Response:
        at, again = f"/v1/datasets/{spec.name}", False
        try:
            answer = await facade.commands.post(
                stream("dataset", spec.name), RegisterDataset(spec), asked
            )
        except Problem as problem:
            if problem.kind != "unchanged":
                raise
            again = True
        else:
            if isinstance(answer, Accepted):
                return pending(answer, asked)
        row = facade.queries.now().dataset(spec.name, spec.version)
        assert row is not None, "a version that was registered is there"
        content = resources.dataset(row)
        return (
            json(content, headers=asked.prefer.applied()) if again else created(content, at, asked)
        )

    return routes


def same(spec: DatasetSpec, digest: str, target: str | None, summary: str) -> bool:
    """Say whether a dataset is offered like this already."""
    return (spec.version, spec.target, spec.summary) == (digest, target, summary)
