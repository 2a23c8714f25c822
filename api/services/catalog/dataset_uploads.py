"""Routes that register datasets: uploads, and marks of sensitive columns."""

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
from autolearn.api.http.problems import Problem, check_id, unreadable
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level
from autolearn.api.services.catalog import uploads
from autolearn.api.shared import bodies, resources
from autolearn.api.shared.dataset_checks import require_dataset, require_upload, require_version
from autolearn.api.shared.read_hints import Hints, check_changes, hints_of
from autolearn.api.shared.sensitive_columns import Marks, check_columns, marks_of
from autolearn.api.state.context import ApiContext
from autolearn.projections.rows.catalog import DatasetRow
from autolearn.schemas.bounds import SENSITIVE_COLUMNS
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.commands import RegisterDataset
from autolearn.schemas.dataset_changes import DatasetChanges, changes_of
from autolearn.schemas.datasets.read_options import ReadHints
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
                    told = _same(there.spec, chosen, about, hints)
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


def _same(spec: DatasetSpec, target: str | None, summary: str, hints: Hints) -> bool:
    """Return whether a version is registered like this already."""
    told = all(column.sensitive is not False for column in spec.columns)
    said = hints.read == (spec.hints or ReadHints()) and (
        spec.accepted or not hints.accept_findings
    )
    return told and said and (spec.target, spec.summary) == (target, summary)
