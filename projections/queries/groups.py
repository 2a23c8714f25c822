"""Queries about groups of users."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from autolearn.projections.queries.decrypting_reader import Queries
from autolearn.projections.rows import groups
from autolearn.schemas.rest.groups import GroupMember, GroupSummary, UserGroup

_NO_GROUPS = groups.StoredMemberships([])


class GroupQueries(Queries):
    """Groups, their members, and the groups of each user."""

    def get(self, name: str) -> UserGroup | None:
        """Return a group with its members."""
        row = self.rows.get(groups.GROUPS, name)
        if row is None:
            return None
        members = list[GroupMember](self.rows.scan(groups.MEMBERS, name))
        return UserGroup(
            name=name,
            owner=row.owner,
            members=members,
            created=row.created,
            updated=row.updated,
            links={"self": f"/v1/groups/{name}"},
        )

    def owner(self, name: str) -> str | None:
        """Return the owner of a group; None if there is no such group."""
        row = self.rows.get(groups.GROUPS, name)
        return None if row is None else row.owner

    def summaries(self, names: Iterable[str]) -> Iterator[GroupSummary]:
        """Yield groups as a list shows them."""
        for name in names:
            row = self.rows.get(groups.GROUPS, name)
            if row is not None:
                yield GroupSummary(
                    name=name,
                    owner=row.owner,
                    members=row.members,
                    created=row.created,
                    updated=row.updated,
                    links={"self": f"/v1/groups/{name}"},
                )

    def names(self, after: str = "") -> Iterator[str]:
        """Yield the names of all groups in order, past one."""
        return self.rows.names(groups.GROUPS, after=after)

    def of_user(self, user: str) -> list[str]:
        """Return the names of the groups of a user, in order."""
        return self._memberships(user).groups

    def ended(self, user: str) -> int:
        """Return how many memberships of a user have ended ever."""
        return self._memberships(user).ended

    def _memberships(self, user: str) -> groups.StoredMemberships:
        return self.rows.get(groups.MEMBERSHIPS, user) or _NO_GROUPS

    def membership(self, group: str, user: str) -> int | None:
        """Return the number of a group's newest event if a user is its member, else None."""
        row = self.rows.get(groups.GROUPS, group)
        member = row is not None and self.rows.has(groups.MEMBERS, group, user)
        return row.sequence if row is not None and member else None
