"""Registers files and tables as versions of datasets: examined, stored, put on the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import created, json, pending
from autolearn.api.http.problems import Problem, unreadable
from autolearn.api.identity.principal import Principal
from autolearn.api.shared import resources, uploads
from autolearn.api.shared.columns.column_roles import merged_roles, positive_of, target_in
from autolearn.api.shared.columns.sensitive_columns import Marks, check_columns, marks_of
from autolearn.api.shared.dataset_checks import require_version
from autolearn.api.shared.read_hints import Hints, check_changes
from autolearn.api.state.context import ApiContext
from autolearn.projections.rows.catalog import DatasetRow
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.commands import RegisterDataset
from autolearn.schemas.dataset_changes import DatasetChanges, changes_of
from autolearn.schemas.datasets.made_from import DatasetSource
from autolearn.schemas.datasets.read_options import ReadHints
from autolearn.schemas.datasets.rules import Expectations
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import ColumnRole


class Description(NamedTuple):
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
    made_from: tuple[DatasetSource, ...] = ()


async def add_version(
    context: ApiContext,
    file: uploads.Received,
    name: str,
    who: Principal,
    asked: CommandRequest,
    about: Description,
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
        same = same and about.made_from in ((), there.spec.made_from)
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
    sources = about.made_from or (() if there is None else there.spec.made_from)
    positive = positive_of(spec, about.positive, before)
    spec = replace(spec, roles=roles, positive=positive, made_from=sources)
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
    return await register_version(context, spec, asked, marks, changes=changes, new=new)


async def register_version(
    context: ApiContext,
    spec: DatasetSpec,
    asked: CommandRequest,
    marks: Marks,
    *,
    new: bool = True,
    changes: DatasetChanges | None = None,
) -> Response:
    """Put an examined and stored version on the log, and answer with it.

    Raises:
        Problem: it is refused; then nothing of it is kept.
    """
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
    row = await context.executors.lists.run(lambda: now.catalog.dataset(spec.name, spec.version))
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
