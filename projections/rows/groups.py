"""Groups of users, their members, and the groups of each user."""

from __future__ import annotations

from msgspec import Struct

from autolearn.projections.storage.table import Table
from autolearn.schemas.rest.groups import GroupMember


class StoredGroup(Struct, array_like=True, gc=False):
    """A group, with the number of its members and that of its newest event in its stream."""

    owner: str
    created: str
    updated: str
    sequence: int
    members: int = 0


class StoredMemberships(Struct, array_like=True, gc=False):
    """The groups of a user, by name; `ended` counts those that the user is in no longer.

    Events of several partitions change it, in any order, and give the same.
    """

    groups: list[str]
    ended: int = 0


GROUPS = Table("group", StoredGroup)
"""By name."""
MEMBERS = Table("group-member", GroupMember)
"""By group and user."""
MEMBERSHIPS = Table("user-groups", StoredMemberships)
"""By user."""
