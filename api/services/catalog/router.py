"""Service `catalog`: estimators, metrics and datasets, and uploads of datasets."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from msgspec import UNSET, to_builtins
from msgspec.structs import replace
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import created, json, pending
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import UPLOAD, accepts, answers
from autolearn.api.http.pagination import from_token, next_link, page_of
from autolearn.api.http.problems import Problem, check_id, unknown, unreadable
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.identity.visibility import Level, may_use
from autolearn.api.services.catalog import uploads
from autolearn.api.shared import bodies, resources
from autolearn.api.shared.artifact_files import send
from autolearn.api.shared.as_of import AsOf, AsOfView, see
from autolearn.api.shared.dataset_checks import (
    require_dataset,
    require_unneeded,
    require_upload,
    require_version,
    unknown_dataset,
)
from autolearn.api.shared.id_prefixes import no_version, one_version
from autolearn.api.shared.lookup import find, not_then
from autolearn.api.shared.read_hints import Hints, check_changes, hints_of
from autolearn.api.shared.sensitive_columns import Marks, check_columns, marks_of
from autolearn.api.state.context import ApiContext
from autolearn.projections.rows.catalog import DatasetRow
from autolearn.schemas.bounds import SENSITIVE_COLUMNS
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.commands import DeleteDataset, RegisterDataset, ShareDataset, UnshareDataset
from autolearn.schemas.dataset_changes import DatasetChanges, changes_of
from autolearn.schemas.datasets.read_options import ReadHints
from autolearn.schemas.messages import Command
from autolearn.schemas.rest.catalog import (
    CatalogEstimator,
    CatalogMetric,
    Dataset,
    DeletedDataset,
    Grant,
)
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.page import Page
from autolearn.schemas.stream_kinds import stream

Limit = Annotated[int, Query(ge=1, le=1000)]
Format = Literal["csv", "parquet", "arrow", "jsonl", "excel"]
Target = Annotated[str | None, Query(max_length=1000, description="The column to learn.")]
Sensitive = Annotated[
    list[str],
    Query(
        max_length=SENSITIVE_COLUMNS,
        description="Columns whose values are hidden; those of the version before stay so.",
    ),
]
Version = Annotated[
    str, Query(max_length=64, description="The SHA-256 of its bytes, or the start of it.")
]
Summary = Annotated[str, Query(max_length=2000, description="A few words for people.")]


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(prefix="/v1/catalog", tags=["catalog"])

    @routes.get(
        "/estimators",
        responses=answers({200: Page[CatalogEstimator]}, "AutoLearn-Position"),
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
            raise await missing(
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
            raise await missing(
                "metric", name, as_of, unknown("metric", name, names, "/v1/catalog/metrics")
            )
        return json(resources.metric(row), headers=seen.headers)

    @routes.get(
        "/datasets",
        responses=answers({200: Page[Dataset]}, "Link", "AutoLearn-Position"),
    )
    async def list_datasets(
        request: Request, who: Who, limit: Limit = 200, page: str = "", as_of: AsOf = ""
    ) -> Response:
        """List the usable datasets, by name, in their newest version, or the one at `as_of`."""
        after = from_token(page, str, "page") if page else ""
        may = may_use(who, now := context.queries.now())
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
        request: Request,
        name: str,
        who: Who,
        limit: Limit = 200,
        page: str = "",
        as_of: AsOf = "",
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

    async def find_dataset(name: str, who: Principal, as_of: str) -> AsOfView:
        await require_dataset(context, who, name, Level.READ)
        seen, there = await find(
            context,
            lambda at: at.catalog.has_dataset(name) or None,
            as_of,
            lambda past: past.load(stream("dataset", name)),
        )
        if there is None:
            raise await missing("dataset", name, as_of, unknown_dataset(context, who, name))
        return seen

    async def missing(kind: str, name: str, as_of: str, problem: Problem) -> Problem:
        """Return the problem of a name that does not exist, or did not at that time."""
        return (as_of and await not_then(context, kind, name, problem.kind)) or problem

    @routes.put(
        "/datasets/{name}",
        openapi_extra=UPLOAD,
        responses=answers({200: Dataset, 201: Dataset, 202: CommandState}, "Location"),
    )
    async def put_dataset(
        request: Request,
        name: str,
        who: Who,
        target: Target = None,
        format: Annotated[Format | None, Query()] = None,  # noqa: A002 - the word of the API
        summary: Summary = "",
        sensitive: Sensitive = [],  # noqa: B006 - never changed; FastAPI wants it here
        *,
        hints: Annotated[Hints, Depends(hints_of())],
    ) -> Response:
        """Upload a dataset, or a new version of it: the body is the file itself.

        The same file again is no new version (200). The first uploader owns a new name. A new
        version has the target and the types of the one before, unless given otherwise; columns that
        are new, gone or of another type are refused without `accept_changes`. `target` empty
        removes the target.
        """
        check_id("dataset", name)
        early = CommandRequest.of(request, None)  # before all of a large file is read in vain
        context.commands.require_room(stream("dataset", name), early.id)
        await require_upload(context, who, name)
        length = request.headers.get("content-length", "")
        if length.isdecimal() and context.queries.answer(early.id) is None:
            require_version(context, who, name, int(length), before=True)
        with context.uploads.room(who.name) as room:
            executor = context.executors.uploads
            async with uploads.received(context.scratch, executor, request, room) as file:
                content = [file.digest, target, format, summary, sensitive, to_builtins(hints)]
                asked = CommandRequest.of(request, content)
                snapshot = context.queries.now()

                def looked() -> tuple[DatasetRow | None, DatasetRow | None, Marks]:
                    marks = marks_of(snapshot, name, sensitive)
                    return (
                        snapshot.catalog.dataset(name),
                        snapshot.catalog.dataset(name, file.digest),
                        marks,
                    )

                newest, there, marks = await context.executors.lists.run(looked)
                before = None if newest is None else newest.spec
                chosen = before.target if target is None and before is not None else target or None
                known = there.spec if there is not None else before
                if hints.read == ReadHints() and known is not None:
                    accepted = hints.accept_findings or (there is not None and known.accepted)
                    said = known.hints or ReadHints()
                    hints = hints._replace(read=said, accept_findings=accepted)
                about = summary or (before.summary if before is not None else "")
                if there is not None and not marks.change and not hints.dry_run:
                    told = same(there.spec, chosen, about, hints)
                    if told and newest is not None and newest.spec.version == file.digest:
                        shown = resources.dataset(there, snapshot)
                        return json(shown, headers=asked.prefer.applied())
                if there is None and context.queries.answer(asked.id) is None:
                    require_version(context, who, name, file.size)
                async with context.executors.examining.turn():
                    spec = await uploads.examine(
                        file,
                        name,
                        given=format,
                        media=request.headers.get("content-type", ""),
                        target=chosen,
                        summary=about,
                        sensitive=marks.sensitive,
                        hints=hints,
                        before=before,
                    )
                check_columns(spec, sensitive, marks.before)
                changes = None if before is None else changes_of(spec, before)
                if changes is not None and there is None and not hints.accept_changes:
                    check_changes(spec, changes, hints.read)
                if hints.dry_run:
                    shown = resources.offered(spec, who.name, "")
                    return json(replace(shown, changes=changes or UNSET))
                keyid = await context.commands.dataset_key(name, asked)
                probe = replace(spec, stored=file.digest, keyid=keyid)
                context.commands.require_fit(stream("dataset", name), RegisterDataset(probe), asked)
                spec = await uploads.keep(context, file, spec, keyid)
        return await register(spec, asked, marks, changes=changes)

    @routes.post(
        "/datasets/{name}/describe",
        openapi_extra=accepts(bodies.DescribeBody, command=True),
        responses=answers({200: Dataset, 202: CommandState}),
    )
    async def describe_dataset(request: Request, name: str, who: Who) -> Response:
        """Mark columns of a dataset as sensitive: their values are hidden from then on.

        Only its owner may remove a mark.
        """
        body = await read_body(request, bodies.DescribeBody)
        asked = CommandRequest.of(request, body.model_dump())
        needed = Level.OWN if body.not_sensitive else Level.WRITE
        await require_dataset(context, who, name, needed)
        snapshot = context.queries.now()

        def looked() -> tuple[DatasetRow | None, Marks]:
            marks = marks_of(snapshot, name, body.sensitive, body.not_sensitive)
            return snapshot.catalog.dataset(name), marks

        row, marks = await context.executors.lists.run(looked)
        if row is None:
            raise unreadable()
        if context.queries.answer(asked.id) is None:
            given = [*body.sensitive, *body.not_sensitive]
            check_columns(row.spec, given, row.spec.sensitive)
            if not marks.change:
                return json(resources.dataset(row, snapshot), headers=asked.prefer.applied())
        return await register(row.spec.masked(marks.sensitive), asked, marks, new=False)

    async def register(
        spec: DatasetSpec,
        asked: CommandRequest,
        marks: Marks,
        *,
        new: bool = True,
        changes: DatasetChanges | None = None,
    ) -> Response:
        everybody = context.settings.data.owner == "everybody" or not asked.actor
        command = RegisterDataset(spec, everybody, marks.change, marks.unmarks, marks.after)
        try:
            answer = await context.commands.post(stream("dataset", spec.name), command, asked)
        except Problem as problem:
            if problem.status_code < 500:  # otherwise it may still be registered
                await uploads.discard(context, spec)
            raise
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        now = context.queries.now()
        row = await context.executors.lists.run(
            lambda: now.catalog.dataset(spec.name, spec.version)
        )
        assert row is not None, "a version that was registered is there"
        if not new:
            return json(resources.dataset(row, now), headers=asked.prefer.applied())
        shown = replace(resources.dataset(row, now), changes=changes or UNSET)
        return created(shown, f"/v1/catalog/datasets/{spec.name}", asked)

    @routes.get("/datasets/{name}/readers", responses=answers({200: Page[Grant]}))
    async def list_grants(name: str, who: Who) -> Response:
        """List the users with a grant of a dataset."""
        await require_dataset(context, who, name, Level.READ)
        return json(Page(context.queries.now().catalog.grants(name)))

    @routes.post(
        "/datasets/{name}/share",
        openapi_extra=accepts(bodies.GrantBody, command=True),
        responses=answers({200: Page[Grant], 202: CommandState}),
    )
    async def share_dataset(request: Request, name: str, who: Who) -> Response:
        """Let another user use a dataset, or upload new versions of it as well.

        The answer does not disclose whether the user exists.
        """
        body = await read_body(request, bodies.GrantBody)
        command = ShareDataset(body.user, body.may)
        return await grant(request, name, who, command, body.model_dump())

    @routes.post(
        "/datasets/{name}/unshare",
        openapi_extra=accepts(bodies.ReaderBody, command=True),
        responses=answers({200: Page[Grant], 202: CommandState}),
    )
    async def unshare_dataset(request: Request, name: str, who: Who) -> Response:
        """End a user's grant of a dataset, at once."""
        body = await read_body(request, bodies.ReaderBody)
        return await grant(request, name, who, UnshareDataset(body.user), body.model_dump())

    @routes.get("/datasets/{name}/content", response_class=Response)
    async def get_content(name: str, who: Who, version: Version = "") -> Response:
        """Send the uploaded file of a version of a dataset, by default of the newest.

        If columns are sensitive, only its owner and users who may change it get it.
        """
        await require_dataset(context, who, name, Level.READ)
        now, lists = context.queries.now(), context.executors.lists
        if await lists.run(lambda: now.catalog.sensitive(name)):
            await require_dataset(context, who, name, Level.WRITE)

        def found() -> DatasetRow | None:
            one = one_version(now, name, version) if version else None
            return None if version and one is None else now.catalog.dataset(name, one)

        row = await lists.run(found)
        if row is None:
            raise await lists.run(lambda: no_version(now, name, version))
        ref, file = row.spec.ref, f"{name}.{row.spec.format}"
        key = context.vault.key(ref.keyid).derived("artifacts") if ref.keyid else None
        return await send(
            context,
            lambda: context.artifacts.with_key(None, key).read_dataset(ref),
            file,
            ref.version,
            "application/octet-stream",
        )

    @routes.post(
        "/datasets/{name}/delete",
        openapi_extra=accepts(bodies.DeleteBody, command=True),
        responses=answers({200: DeletedDataset, 202: CommandState}),
    )
    async def delete_dataset(request: Request, name: str, who: Who) -> Response:
        """Delete a dataset for good: its key is shredded, and its name is never reused.

        It is refused while experiments are kept that need it, unless it is forced.
        """
        body = await read_body(request, bodies.DeleteBody)
        asked = CommandRequest.of(request, body.model_dump())
        if context.queries.answer(asked.id) is None:
            await require_dataset(context, who, name, Level.OWN)
            if not body.force:
                await require_unneeded(context, who, name)
        answer = await context.commands.post(stream("dataset", name), DeleteDataset(), asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return json(DeletedDataset(name, answer.time), headers=asked.prefer.applied())

    async def grant(
        request: Request, name: str, who: Principal, command: Command, content: object
    ) -> Response:
        await require_dataset(context, who, name, Level.OWN)
        asked = CommandRequest.of(request, content)
        answer = await context.commands.post(stream("dataset", name), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        grants = context.queries.now().catalog.grants(name)
        return json(Page(grants), headers=asked.prefer.applied())

    return routes


def same(spec: DatasetSpec, target: str | None, summary: str, hints: Hints) -> bool:
    """Return whether a version is registered like this already."""
    told = all(column.sensitive is not False for column in spec.columns)
    said = hints.read == (spec.hints or ReadHints()) and (
        spec.accepted or not hints.accept_findings
    )
    return told and said and (spec.target, spec.summary) == (target, summary)
