"""Routes that read datasets: lists, versions, and the uploaded files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.pagination import from_token, next_link, page_of
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.identity.visibility import Level, is_shared, may_use
from autolearn.api.shared import resources
from autolearn.api.shared.artifact_files import send
from autolearn.api.shared.as_of import AsOf, AsOfView, Shared, require_now, see
from autolearn.api.shared.dataset_checks import find_version, require_dataset, unknown_dataset
from autolearn.api.shared.id_prefixes import no_version, one_version
from autolearn.api.shared.lookup import absent, find
from autolearn.api.state.context import ApiContext
from autolearn.schemas.rest.catalog import Dataset
from autolearn.schemas.rest.page import Page
from autolearn.schemas.stream_kinds import stream

Limit = Annotated[int, Query(ge=1, le=1000)]
Version = Annotated[
    str, Query(max_length=64, description="The SHA-256 of its bytes, or the start of it.")
]


def add_dataset_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router."""

    @routes.get("/datasets", responses=answers({200: Page[Dataset]}, "Link", "AutoLearn-Position"))
    async def list_datasets(
        request: Request,
        who: Who,
        limit: Limit = 200,
        page: str = "",
        as_of: AsOf = "",
        *,
        shared: Shared = False,
    ) -> Response:
        """List the usable datasets, by name, in their newest version, or the one at `as_of`.

        With `shared` those that others have shared with you, as they are now.
        """
        require_now(as_of, shared=shared)
        after = from_token(page, str, "page") if page else ""
        now = context.queries.now()
        may = (is_shared if shared else may_use)(who, now)
        seen = await see(context, as_of, lambda past: past.load_datasets(after, limit + 1, may))

        def page_shown() -> Response:
            items, more = page_of(
                seen.snapshot.catalog.datasets(after, may),
                limit,
                lambda row: resources.dataset(row, now),
                lambda row: row.spec.name,
                lambda: seen.snapshot.rows.looked,
                more=seen.snapshot.rows.full,
            )
            headers = {**seen.headers, **next_link(request.url, more)}
            return json(Page(items, more), headers=headers)

        return await context.executors.lists.run(page_shown)

    @routes.get("/datasets/{name}", responses=answers({200: Dataset}, "AutoLearn-Position"))
    async def see_dataset(name: str, who: Who, version: Version = "", as_of: AsOf = "") -> Response:
        """Show the newest version of a dataset, or the named one."""
        seen = await find_dataset(name, who, as_of)
        now = context.queries.now()

        def shown() -> Dataset | None:
            if version and (one := one_version(seen.snapshot, name, version)) is None:
                raise no_version(seen.snapshot, name, version)
            row = seen.snapshot.catalog.dataset(name, one if version else None)
            return None if row is None else resources.dataset(row, now)

        content = await context.executors.lists.run(shown)
        if content is None:  # it is being deleted, and its key is shredded
            raise unknown_dataset(context, who, name)
        return json(content, headers=seen.headers)

    @routes.get(
        "/datasets/{name}/versions",
        responses=answers({200: Page[Dataset]}, "Link", "AutoLearn-Position"),
    )
    async def list_versions(
        request: Request, name: str, who: Who, limit: Limit = 200, page: str = "", as_of: AsOf = ""
    ) -> Response:
        """List the versions of a dataset, newest first."""
        after = from_token(page, tuple[str, str], "page") if page else None
        seen = await find_dataset(name, who, as_of)
        now = context.queries.now()

        def page_shown() -> Response:
            items, more = page_of(
                seen.snapshot.catalog.versions(name, after),
                limit,
                lambda one: resources.dataset(one[1], now),
                lambda one: one[0],
                lambda: seen.snapshot.rows.looked,
            )
            headers = {**seen.headers, **next_link(request.url, more)}
            return json(Page(items, more), headers=headers)

        return await context.executors.lists.run(page_shown)

    @routes.get("/datasets/{name}/content", response_class=Response)
    async def get_content(name: str, who: Who, version: Version = "") -> Response:
        """Send the uploaded file of a version of a dataset, by default of the newest.

        If columns are sensitive, only its owner and users who may change it get it.
        """
        await require_dataset(context, who, name, Level.READ)
        now, lists = context.queries.now(), context.executors.lists
        if await lists.run(lambda: now.catalog.sensitive(name)):
            await require_dataset(context, who, name, Level.WORK)

        spec = await find_version(context, name, version)
        ref, file = spec.ref, f"{name}.{spec.format}"
        key = context.vault.key(ref.keyid).derived("artifacts") if ref.keyid else None
        return await send(
            context,
            lambda: context.artifacts.with_key(None, key).read_dataset(ref),
            file,
            ref.version,
            "application/octet-stream",
        )

    async def find_dataset(name: str, who: Principal, as_of: str) -> AsOfView:
        await require_dataset(context, who, name, Level.READ)
        seen, there = await find(
            context,
            lambda at: at.catalog.has_dataset(name) or None,
            as_of,
            lambda past: past.load(stream("dataset", name)),
        )
        if there is None:
            raise await absent(context, "dataset", name, as_of, unknown_dataset(context, who, name))
        return seen
