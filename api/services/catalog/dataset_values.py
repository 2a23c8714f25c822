"""Routes that show the values of a dataset: its first rows, and one column."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query
from msgspec.structs import replace
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.problems import Problem, unknown
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.identity.visibility import Level
from autolearn.api.shared import uploads
from autolearn.api.shared.dataset_checks import require_dataset
from autolearn.api.shared.id_prefixes import no_version, one_version
from autolearn.api.shared.sensitive_columns import sensitive_in
from autolearn.api.state.context import ApiContext
from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.sandbox import LookJob, rows_apart, summary_apart
from autolearn.schemas.bounds import LONGEST_NAME
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.datasets.look import ColumnSummary, TableRows

T = TypeVar("T")
_MOST_ROWS, _MOST_CELLS = 1_000, 20_000
"""Rows, and values, of one answer."""
_MOST_COLUMNS = 1_000
Version = Annotated[str, Query(max_length=64, description="A version, or its start.")]
ColumnName = Annotated[str, Query(max_length=LONGEST_NAME)]


def add_value_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router."""

    @routes.get("/datasets/{name}/rows", responses=answers({200: TableRows}))
    async def list_rows(
        name: str,
        who: Who,
        version: Version = "",
        limit: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 10,
        column: Annotated[list[ColumnName], Query(max_length=_MOST_COLUMNS)] = [],  # noqa: B006
    ) -> Response:
        """Show the first rows of a version as a training reads them, by default of the newest.

        `column` names the columns, by default the first ones. Values of sensitive columns are
        hidden.
        """
        spec = await find_version(name, who, version)
        for one in column:
            _require_column(spec, one)
        chosen = tuple(column) or tuple(one.name for one in spec.columns[:_MOST_COLUMNS])
        most = max(1, min(limit, _MOST_CELLS // len(chosen)))
        found = await looked(
            who, spec, lambda path: rows_apart(LookJob(path, spec.read, most, chosen))
        )
        secret = frozenset(sensitive_in(spec))
        rows = [
            [None if one in secret else value for one, value in zip(chosen, row, strict=True)]
            for row in found.rows
        ]
        return json(replace(found, rows=rows, hidden=[one for one in chosen if one in secret]))

    @routes.get("/datasets/{name}/column", responses=answers({200: ColumnSummary}))
    async def see_column(
        name: str, who: Who, column: ColumnName, version: Version = ""
    ) -> Response:
        """Show what the values of a column are, of a version (the newest without it).

        Of a sensitive column only the counts are shown.
        """
        spec = await find_version(name, who, version)
        _require_column(spec, column)
        if column in sensitive_in(spec):
            about = next(one for one in spec.columns if one.name == column)
            counts = (spec.rows, about.missing, about.distinct)
            return json(ColumnSummary(column, about.type, *counts, sensitive=True))
        job = LookJob("", spec.read, column=column)
        return json(await looked(who, spec, lambda path: summary_apart(replace(job, path=path))))

    async def find_version(name: str, who: Principal, version: str) -> DatasetSpec:
        """Return a version of a dataset that a principal may read. Raises a problem."""
        await require_dataset(context, who, name, Level.READ)
        now, lists = context.queries.now(), context.executors.lists

        def found() -> DatasetSpec:
            one = one_version(now, name, version) if version else None
            row = None if version and one is None else now.catalog.dataset(name, one)
            if row is None:
                raise no_version(now, name, version)
            return row.spec

        return await lists.run(found)

    async def looked(who: Principal, spec: DatasetSpec, look: Callable[[str], Awaitable[T]]) -> T:
        """Look at the file of a version, in turn with the examination of uploads."""
        with context.uploads.room(who.name) as room:
            async with (
                uploads.stored(context, spec.ref, room) as file,
                context.executors.examining.turn(),
            ):
                try:
                    return await look(str(file.path))
                except DatasetRefused as refused:
                    detail = " ".join(refused.sentences)
                    raise Problem(422, "dataset-refused", refused.title, detail) from None


def _require_column(spec: DatasetSpec, name: str) -> None:
    """Raise a problem unless a dataset has a column (404)."""
    names = [one.name for one in spec.columns]
    if name not in names:
        raise unknown("column", name, names, f"/v1/catalog/datasets/{spec.name}")
