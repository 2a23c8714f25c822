"""Service `catalog`: models, metrics and datasets on offer, and uploads of datasets."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api import resources, uploads
from autolearn.api.asked import Asked
from autolearn.api.commands import Accepted
from autolearn.api.facade import Facade
from autolearn.api.found import find, not_then
from autolearn.api.moments import AsOf, Seen, see
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
    examining = asyncio.Semaphore(uploads.EXAMINED_AT_ONCE)

    @routes.get(
        "/models", responses=answers({200: resources.Page[resources.Model]}, "AutoLearn-Position")
    )
    async def list_models(as_of: AsOf = "") -> Response:
        """List the models on offer, by name; with `as_of`, those that were on offer then."""
        seen = await see(facade, as_of, lambda past: past.load_kind("estimator"))
        rows = seen.moment.models()
        return json(resources.Page([resources.model(row) for row in rows]), headers=seen.headers)

    @routes.get("/models/{name}", responses=answers({200: resources.Model}, "AutoLearn-Position"))
    async def see_model(name: str, as_of: AsOf = "") -> Response:
        """Show a model with its hyperparameters."""
        check_id("estimator", name, "model")
        seen, row = await find(
            facade, lambda at: at.model(name), as_of, lambda past: past.load_kind("estimator")
        )
        if row is None:
            names = [row.spec.name for row in seen.moment.models()]
            raise await missing(
                "estimator", name, as_of, unknown("model", name, names, "/v1/models")
            )
        return json(resources.model(row), headers=seen.headers)

    @routes.get(
        "/metrics", responses=answers({200: resources.Page[resources.Metric]}, "AutoLearn-Position")
    )
    async def list_metrics(as_of: AsOf = "") -> Response:
        """List the metrics on offer, by name; with `as_of`, those that were on offer then."""
        seen = await see(facade, as_of, lambda past: past.load_kind("metric"))
        rows = seen.moment.metrics()
        return json(resources.Page([resources.metric(row) for row in rows]), headers=seen.headers)

    @routes.get("/metrics/{name}", responses=answers({200: resources.Metric}, "AutoLearn-Position"))
    async def see_metric(name: str, as_of: AsOf = "") -> Response:
        """Show a metric."""
        check_id("metric", name)
        seen, row = await find(
            facade, lambda at: at.metric(name), as_of, lambda past: past.load_kind("metric")
        )
        if row is None:
            names = [row.spec.name for row in seen.moment.metrics()]
            raise await missing(
                "metric", name, as_of, unknown("metric", name, names, "/v1/metrics")
            )
        return json(resources.metric(row), headers=seen.headers)

    @routes.get(
        "/datasets",
        responses=answers({200: resources.Page[resources.Dataset]}, "Link", "AutoLearn-Position"),
    )
    async def list_datasets(
        request: Request, limit: Limit = 200, page: str = "", as_of: AsOf = ""
    ) -> Response:
        """List the datasets by name, each in its newest version, or the newest of then."""
        after = from_token(page, str, "page") if page else ""
        seen = await see(facade, as_of, lambda past: past.load_datasets(after, limit + 1))
        rows = seen.moment.datasets(after, limit + 1)
        more = to_token(rows[limit - 1].spec.name) if rows[limit:] else None
        items = [resources.dataset(row) for row in rows[:limit]]
        return json(
            resources.Page(items, more), headers={**seen.headers, **next_link(request.url, more)}
        )

    @routes.get(
        "/datasets/{name}", responses=answers({200: resources.Dataset}, "AutoLearn-Position")
    )
    async def see_dataset(name: str, as_of: AsOf = "") -> Response:
        """Show the newest version of a dataset."""
        check_id("dataset", name)
        seen, rows = await versions(name, as_of)
        return json(resources.dataset(rows[0]), headers=seen.headers)

    @routes.get(
        "/datasets/{name}/versions",
        responses=answers({200: resources.Page[resources.Dataset]}, "AutoLearn-Position"),
    )
    async def list_versions(name: str, as_of: AsOf = "") -> Response:
        """List all versions of a dataset, newest first."""
        check_id("dataset", name)
        seen, rows = await versions(name, as_of)
        return json(resources.Page([resources.dataset(row) for row in rows]), headers=seen.headers)

    async def versions(name: str, as_of: str) -> tuple[Seen, list[DatasetRow]]:
        seen, newest = await find(
            facade,
            lambda at: at.dataset(name),
            as_of,
            lambda past: past.load(stream("dataset", name)),
        )
        if newest is None:
            there = facade.queries.now().datasets()
            names = [row.spec.name for row in there]
            raise await missing(
                "dataset", name, as_of, unknown("dataset", name, names, "/v1/datasets")
            )
        others = (row for row in seen.moment.dataset_versions(name) if row.spec != newest.spec)
        return seen, [newest, *others]

    async def missing(kind: str, name: str, as_of: str, problem: Problem) -> Problem:
        """Return the problem of a name that is not there, or was not there yet."""
        return (as_of and await not_then(facade, kind, name, problem.kind)) or problem

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
        early = Asked.of(request, None)  # before all of a large file is read in vain
        facade.commands.require_room(stream("dataset", name), early.id)
        async with uploads.received(request, facade.scratch) as file:
            asked = Asked.of(request, [file.digest, target, format, summary])
            present = facade.queries.now().dataset(name)
            if present is not None and same(present.spec, file.digest, target, summary):
                return json(resources.dataset(present), headers=asked.prefer.applied())
            async with examining:
                spec = await uploads.examine(
                    file,
                    name,
                    given=format,
                    media=request.headers.get("content-type", ""),
                    target=target,
                    summary=summary,
                )
            command = RegisterDataset(spec)
            facade.commands.require_fit(stream("dataset", name), command, asked)
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
