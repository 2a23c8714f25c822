"""Routes that show the values of a dataset: its first rows, and one column."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, Query
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.problems import unknown
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.identity.visibility import Level
from autolearn.api.services.catalog.stored_file import limits_of, opened
from autolearn.api.shared.dataset_checks import find_version, require_dataset
from autolearn.api.state.context import ApiContext
from autolearn.artifacts.datasets.reader_process import (
    ColumnJob,
    RowsJob,
    rows_apart,
    summary_apart,
)
from autolearn.schemas.bounds import LONGEST_NAME, MOST_COLUMNS, PAGE_BYTES, ROWS_SHOWN
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.datasets.look import ColumnSummary, TableRows

Version = Annotated[str, Query(max_length=64, description="A version, or its start.")]
ColumnName = Annotated[str, Query(max_length=LONGEST_NAME)]


def add_value_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router."""

    @routes.get("/datasets/{name}/rows", responses=answers({200: TableRows}))
    async def list_rows(
        name: str,
        who: Who,
        version: Version = "",
        limit: Annotated[int, Query(ge=1, le=ROWS_SHOWN)] = 10,
        column: Annotated[list[ColumnName], Query(max_length=MOST_COLUMNS)] = [],  # noqa: B006
    ) -> Response:
        """Show the first rows of a version as a training reads them, by default of the newest.

        `column` names the columns, by default all. There are fewer rows where they are large: an
        answer has 1 MiB of them. Values of sensitive columns are hidden.
        """
        spec, types = await find_types(name, who, version)
        for one in column:
            _require_column(spec, types, one)
        chosen = tuple(dict.fromkeys(column)) or tuple(types)
        sensitive = frozenset(spec.sensitive)
        hidden = tuple(one for one in chosen if one in sensitive)
        rows: list[Any] = [[None] * len(chosen)] * min(limit, spec.rows)
        if hidden != chosen:
            job = RowsJob(
                **limits_of(spec), columns=chosen, hidden=hidden, limit=limit, most=PAGE_BYTES
            )
            async with opened(context, spec) as file:
                rows = cast("list[Any]", await rows_apart(job, *file))  # in JSON already
        kinds = [types[one] for one in chosen]
        about = (name, spec.version, spec.rows)
        return json(TableRows(list(chosen), kinds, rows, list(hidden), *about))

    @routes.get("/datasets/{name}/column", responses=answers({200: ColumnSummary}))
    async def see_column(
        name: str, who: Who, column: ColumnName, version: Version = ""
    ) -> Response:
        """Show what the values of a column are, of a version (the newest without it).

        Of a sensitive column only the counts are shown.
        """
        spec, types = await find_types(name, who, version)
        _require_column(spec, types, column)
        if column in spec.sensitive:
            about = next(one for one in spec.columns if one.name == column)
            counts = (spec.rows, about.missing, about.distinct)
            return json(ColumnSummary(column, about.type, *counts, sensitive=True))
        job = ColumnJob(**limits_of(spec), column=column)
        async with opened(context, spec) as file:
            return json(await summary_apart(job, *file))

    async def find_types(
        name: str, who: Principal, version: str
    ) -> tuple[DatasetSpec, dict[str, str]]:
        """Return a version that a principal may read, and the types of its columns."""
        await require_dataset(context, who, name, Level.READ)
        spec = await find_version(context, name, version)
        return spec, {column.name: column.type for column in spec.columns}


def _require_column(spec: DatasetSpec, types: dict[str, str], name: str) -> None:
    """Raise a problem unless a dataset has a column (404)."""
    if name not in types:
        raise unknown("column", name, types, f"/v1/catalog/datasets/{spec.name}")
