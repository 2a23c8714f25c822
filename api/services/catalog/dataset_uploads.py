"""Routes that register datasets: uploads, and what is said about columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

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
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.identity.visibility import Level
from autolearn.api.shared import bodies, resources, uploads
from autolearn.api.shared.column_roles import merged_roles, positive_of, roles_of, target_in
from autolearn.api.shared.dataset_checks import require_dataset, require_upload, require_version
from autolearn.api.shared.read_hints import Hints, check_changes, hints_of, with_types
from autolearn.api.shared.sensitive_columns import Marks, check_columns, marks_of
from autolearn.api.state.context import ApiContext
from autolearn.projections.rows.catalog import DatasetRow
from autolearn.schemas.bounds import LONGEST_NAME, MOST_COLUMNS, SENSITIVE_COLUMNS
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.commands import RegisterDataset
from autolearn.schemas.dataset_changes import DatasetChanges, changes_of
from autolearn.schemas.datasets.read_options import ReadHints
from autolearn.schemas.datasets.rules import Expectations
from autolearn.schemas.rest.catalog import Dataset
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import ColumnRole

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
Summary = Annotated[str, Query(max_length=2000, description="A few words for people.")]


class _Description(NamedTuple):
    """What a request says about a version, besides how its file is read.

    `target` and `positive` "" remove it; None: as in the version before. `roles` None: none.
    """

    target: str | None
    format: str | None
    media: str
    summary: str
    sensitive: Sequence[str]
    not_sensitive: Sequence[str] = ()
    roles: Mapping[str, ColumnRole | None] = MappingProxyType({})
    positive: str | None = None


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
        about = _Description(
            target, format, request.headers.get("content-type", ""), summary, sensitive
        )
        with context.uploads.room(who.name) as room:
            executor = context.executors.uploads
            async with uploads.received(context.scratch, executor, request, room) as file:
                request.state.via = await require_upload(context, who, name)
                content = [file.digest, target, format, summary, sensitive, to_builtins(hints)]
                content += [one for one in (roles, positive) if one not in ({}, None)]
                asked = CommandRequest.of(request, content)
                about = about._replace(roles=roles, positive=positive)
                return await add(file, name, who, asked, about, hints)

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
            about = _Description(target, spec.format, "", spec.summary, body.sensitive)
            about = about._replace(
                not_sensitive=body.not_sensitive, roles=body.roles, positive=body.positive
            )
            hints = with_types(spec.hints, body.types, accepted=spec.accepted)
            with context.uploads.room(who.name) as room:
                async with uploads.stored(context, spec.ref, room) as file:
                    return await add(file, name, who, asked, about, hints, new=False)
        roles = merged_roles(spec, spec.roles, body.roles)
        marked = spec.masked(marks.sensitive)
        positive = positive_of(marked, body.positive, spec)
        if not marks.change and (roles, positive) == (spec.roles, spec.positive):
            return json(resources.dataset(row, snapshot), headers=asked.prefer.applied())
        described = replace(marked, roles=roles, positive=positive)
        return await register(described, asked, marks, new=False)

    async def add(
        file: uploads.Received,
        name: str,
        who: Principal,
        asked: CommandRequest,
        about: _Description,
        hints: Hints,
        *,
        new: bool = True,
    ) -> Response:
        """Examine a file, and register it as a version of a dataset."""
        snapshot = context.queries.now()

        def looked() -> tuple[DatasetRow | None, DatasetRow | None, Marks, Expectations]:
            rules = snapshot.catalog.expectations(name)
            if rules is None:
                raise unreadable()
            return (
                snapshot.catalog.dataset(name),
                snapshot.catalog.dataset(name, file.digest),
                marks_of(snapshot, name, about.sensitive, about.not_sensitive),
                rules.expectations,
            )

        newest, there, marks, rules = await context.executors.lists.run(looked)
        before = None if newest is None else newest.spec
        wanted = target_in(about.roles, None) if about.target is None else about.target
        target = before.target if wanted is None and before is not None else wanted or None
        known = there.spec if there is not None else before
        # Another reading of the same bytes decides anew: no type of a mistaken one stays.
        typed = None if there is not None and hints.read != ReadHints() else before
        if hints.read == ReadHints() and known is not None:
            accepted = hints.accept_findings or (there is not None and known.accepted)
            said = known.hints or ReadHints()
            hints = hints._replace(read=said, accept_findings=accepted)
        summary = about.summary or (before.summary if before is not None else "")
        roles_before = {} if before is None else before.roles
        if there is not None and not marks.change and not hints.dry_run:
            same = _same(there.spec, target, summary, hints)
            same = same and merged_roles(there.spec, roles_before, about.roles) == there.spec.roles
            same = same and positive_of(there.spec, about.positive, before) == there.spec.positive
            if same and newest is not None and newest.spec.version == file.digest:
                shown = resources.dataset(there, snapshot)
                return json(shown, headers=asked.prefer.applied())
        if there is None and context.queries.answer(asked.id) is None:
            require_version(context, who, name, file.size)
        async with context.executors.examining.turn():
            spec = await uploads.examine(
                file,
                name,
                given=about.format,
                media=about.media,
                target=target,
                summary=summary,
                sensitive=marks.sensitive,
                hints=hints,
                before=typed,
                expectations=rules if there is None else rules.softened(),
            )
        check_columns(spec, about.sensitive, marks.before)
        check_columns(spec, list(about.roles), ())
        roles = merged_roles(spec, roles_before, about.roles)
        spec = replace(spec, roles=roles, positive=positive_of(spec, about.positive, before))
        changes = None if before is None else changes_of(spec, before)
        if changes is not None and there is None and not hints.accept_changes:
            check_changes(spec, changes, hints.read)
        if hints.dry_run:
            offered = resources.offered(spec, who.name, "")
            return json(replace(offered, changes=changes or UNSET))
        keyid = await context.commands.key_of(stream("dataset", name), asked)
        probe = replace(spec, stored=file.digest, keyid=keyid)
        context.commands.require_fit(stream("dataset", name), RegisterDataset(probe), asked)
        spec = await uploads.keep(context, file, spec, keyid)
        return await register(spec, asked, marks, changes=changes, new=new)

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
