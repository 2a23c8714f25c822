"""Routes that register datasets: uploads, and what is said about columns."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from msgspec import to_builtins
from msgspec.structs import replace
from starlette.responses import Response

from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import json
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import UPLOAD, accepts, answers
from autolearn.api.http.problems import check_id, unreadable
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level
from autolearn.api.services.catalog.dataset_versions import (
    Description,
    add_version,
    register_version,
)
from autolearn.api.services.catalog.made_from import sources_of
from autolearn.api.shared import bodies, resources, uploads
from autolearn.api.shared.columns.column_roles import merged_roles, positive_of, roles_of, target_in
from autolearn.api.shared.columns.sensitive_columns import Marks, check_columns, marks_of
from autolearn.api.shared.dataset_checks import require_dataset, require_upload, require_version
from autolearn.api.shared.read_hints import Hints, hints_of, with_types
from autolearn.api.state.context import ApiContext
from autolearn.projections.rows.catalog import DatasetRow
from autolearn.schemas.bounds import LONGEST_NAME, MOST_COLUMNS, SENSITIVE_COLUMNS
from autolearn.schemas.datasets.made_from import MOST_SOURCES
from autolearn.schemas.rest.catalog import Dataset
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.stream_kinds import stream

Format = Literal["csv", "parquet", "arrow", "jsonl", "excel"]
Target = Annotated[str | None, Query(max_length=1000, description="The column to learn.")]
Sensitive = Annotated[
    list[str],
    Query(
        max_length=SENSITIVE_COLUMNS,
        description="Columns whose values are hidden; those of the version before stay so.",
    ),
]
ColumnRoles = Annotated[
    list[Annotated[str, Query(max_length=2 * LONGEST_NAME)]],
    Query(
        max_length=MOST_COLUMNS,
        description="`ROLE=COLUMN`: feature, target, id, group, time, weight, cohort, ignore.",
    ),
]
Positive = Annotated[
    str | None,
    Query(
        max_length=LONGEST_NAME,
        description="The class of the target that evaluations measure; empty removes it.",
    ),
]
MadeFrom = Annotated[
    list[Annotated[str, Query(max_length=LONGEST_NAME)]],
    Query(
        max_length=MOST_SOURCES,
        description="What it was made of: `labels:NAME@VERSION` or `data:NAME@VERSION` of a "
        "dataset, `requests:NAME@VERSION` of a model, `predictions:SESSION@PREDICTION`.",
    ),
]
Summary = Annotated[str, Query(max_length=2000, description="A few words for people.")]


def add_upload_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router."""

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
        role: ColumnRoles = [],  # noqa: B006
        positive: Positive = None,
        made_from: MadeFrom = [],  # noqa: B006
        *,
        hints: Annotated[Hints, Depends(hints_of())],
    ) -> Response:
        """Upload a dataset, or a new version of it: the body is the file itself.

        The same file again is no new version (200). The first uploader owns a new name. A new
        version has the target, the positive class and the types of the one before, unless given
        otherwise; columns that are new, gone or of another type are refused without
        `accept_changes`. `target` empty removes the target.
        """
        check_id("dataset", name)
        early = CommandRequest.of(request, None)
        context.commands.require_room(stream("dataset", name), early.id)
        await require_upload(context, who, name)  # before all of a large file is read in vain
        length = request.headers.get("content-length", "")
        if length.isdecimal() and context.queries.answer(early.id) is None:
            require_version(context, who, name, int(length), before=True)
        roles = roles_of(role)
        sources = await sources_of(context, who, made_from)
        about = Description(
            target, format, request.headers.get("content-type", ""), summary, sensitive
        )
        with context.uploads.room(who.name) as room:
            executor = context.executors.uploads
            async with uploads.received(context.scratch, executor, request, room) as file:
                request.state.via = await require_upload(context, who, name)
                content = [file.digest, target, format, summary, sensitive, to_builtins(hints)]
                more = (roles, positive, made_from)
                content += [one for one in more if one not in ({}, None, [])]
                asked = CommandRequest.of(request, content)
                about = about._replace(roles=roles, positive=positive, made_from=sources)
                return await add_version(context, file, name, who, asked, about, hints)

    @routes.post(
        "/datasets/{name}/describe",
        openapi_extra=accepts(bodies.DescribeBody, command=True),
        responses=answers({200: Dataset, 202: CommandState}),
    )
    async def describe_dataset(request: Request, name: str, who: Who) -> Response:
        """Say what columns of a dataset are, and which class of the target evaluations measure.

        Values of sensitive columns are hidden from then on, and only the owner may remove a mark.
        For another type or target the file of the newest version is examined again.
        """
        body = await read_body(request, bodies.DescribeBody)
        needed = Level.OWN if body.not_sensitive else Level.WORK
        request.state.via = await require_dataset(context, who, name, needed)
        asked = CommandRequest.of(request, body.model_dump(exclude_defaults=True))
        snapshot = context.queries.now()

        def looked() -> tuple[DatasetRow | None, Marks]:
            marks = marks_of(snapshot, name, body.sensitive, body.not_sensitive)
            return snapshot.catalog.dataset(name), marks

        row, marks = await context.executors.lists.run(looked)
        if row is None:
            raise unreadable()
        spec = row.spec
        target = target_in(body.roles, spec.target)
        if context.queries.answer(asked.id) is None:
            check_columns(spec, [*body.sensitive, *body.not_sensitive], spec.sensitive)
            check_columns(spec, [*body.roles, *body.types], ())
        if body.types or target is not None:
            about = Description(target, spec.format, "", spec.summary, body.sensitive)
            about = about._replace(
                not_sensitive=body.not_sensitive, roles=body.roles, positive=body.positive
            )
            hints = with_types(spec.hints, body.types, accepted=spec.accepted)
            with context.uploads.room(who.name) as room:
                async with uploads.stored(context, spec.ref, room) as file:
                    return await add_version(
                        context, file, name, who, asked, about, hints, new=False
                    )
        roles = merged_roles(spec, spec.roles, body.roles)
        marked = spec.masked(marks.sensitive)
        positive = positive_of(marked, body.positive, spec)
        if not marks.change and (roles, positive) == (spec.roles, spec.positive):
            return json(resources.dataset(row, snapshot), headers=asked.prefer.applied())
        described = replace(marked, roles=roles, positive=positive)
        return await register_version(context, described, asked, marks, new=False)
