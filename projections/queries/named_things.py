"""Queries about what has a name, an owner and grants: models and pipelines."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import groupby
from types import ModuleType
from typing import Any, Generic, TypeVar

from autolearn.projections.queries.decrypting_reader import DecryptingReader, Queries
from autolearn.projections.queries.groups import GroupQueries
from autolearn.projections.storage.table import Table
from autolearn.schemas.actors import GROUP, group_name

N = TypeVar("N")
G = TypeVar("G")


class NamedQueries(Queries, Generic[N, G]):
    """The things of the `table`, which are N and may be deleted, with grants G.

    `tables` is the module with the tables GRANTS, OF_USER and SHARED_WITH.
    """

    table: Table[Any]
    tables: ModuleType

    def __init__(self, rows: DecryptingReader, groups: GroupQueries) -> None:
        super().__init__(rows)
        self.groups = groups

    def stored(self, name: str) -> N | None:
        """Return the row of a thing, also of a deleted one."""
        return self.rows.get(self.table, name)

    def names(
        self, after: str = "", whose: str | None = None, *, shared: bool = False
    ) -> Iterator[str]:
        """Yield names in order, past one, without those of deleted things.

        Without `whose` all of them, else those that this user owns or has a grant of; or only those
        that others have `shared`.
        """
        if whose is None:
            rows = self.rows.items(self.table, after=after)
            return (name for name, row in rows if name > after and not row.deleted)
        lists = [] if shared else [self.rows.names(self.tables.OF_USER, whose, after=after)]
        users = (whose, *map(group_name, self.groups.of_user(whose)))
        lists += [self.rows.names(self.tables.SHARED_WITH, user, after=after) for user in users]
        return (name for name, _ in groupby(heapq.merge(*lists)) if name > after)

    def grants(self, name: str) -> list[G]:
        """Return the users and groups with a grant, by name."""
        return list(self.rows.scan(self.tables.GRANTS, name))

    def group_grants(self, name: str) -> Iterator[G]:
        """Yield the grants to groups."""
        return (row for _, row in self.rows.items(self.tables.GRANTS, name, start=GROUP))

    def grant(self, name: str, user: str) -> G | None:
        """Return the grant to a user or group/<name>."""
        return self.rows.get(self.tables.GRANTS, name, user)
