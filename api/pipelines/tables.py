"""The tables of a run's steps, as datasets that the checks of trainings find by name."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from msgspec.structs import replace

from autolearn.projections.queries.catalog import CatalogQueries
from autolearn.projections.queries.decrypting_reader import May
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.rows.catalog import DatasetRow
from autolearn.schemas.catalog import DatasetSpec


class _CatalogWithTables(CatalogQueries):
    """A catalog that has some tables as well, under names that no dataset has."""

    def __init__(self, of: CatalogQueries, tables: Mapping[str, DatasetSpec]) -> None:
        super().__init__(of.rows, of.present)
        self.tables = tables

    def has_dataset(self, name: str) -> bool:
        """Return whether there is a dataset, or a table."""
        return name in self.tables or super().has_dataset(name)

    def dataset(self, name: str, version: str | None = None) -> DatasetRow | None:
        """Return a version of a dataset, or a table, which has one."""
        table = self.tables.get(name)
        return super().dataset(name, version) if table is None else DatasetRow(table, "")

    def sensitive(self, name: str) -> tuple[str, ...]:
        """Return the columns whose values are hidden."""
        table = self.tables.get(name)
        return super().sensitive(name) if table is None else table.sensitive


def with_tables(snapshot: Snapshot, tables: Mapping[str, DatasetSpec]) -> Snapshot:
    """Return a snapshot whose catalog has these tables as well."""
    found = copy.copy(snapshot)
    found.catalog = _CatalogWithTables(snapshot.catalog, tables)
    return found


def may_also(may: May, tables: Mapping[str, DatasetSpec]) -> May:
    """Return which datasets and tables one may use, who `may` use those datasets."""
    return lambda name: name in tables or may(name)


def table_of_step(
    table: DatasetSpec, pipeline: str, step: str, tables: tuple[DatasetSpec, ...]
) -> DatasetSpec:
    """Return the table of a step under its name, with what is known of its first input.

    That are the target, the roles and the positive class, where the columns are still there; and
    what is sensitive in any input stays so.
    """
    name = f"{pipeline}/{step}"
    columns = {column.name for column in table.columns}
    sensitive = {one for spec in tables for one in spec.sensitive if one in columns}
    table = replace(table, name=name).masked({*table.sensitive, *sensitive})
    if not tables:
        return table
    first = tables[0]
    target = first.target if first.target in columns else None
    roles = {column: role for column, role in first.roles.items() if column in columns}
    return replace(
        table,
        target=table.target or target,
        roles={**roles, **table.roles},
        positive=first.positive if target else None,
    )
