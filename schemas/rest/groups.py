"""The answers of service `groups`."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.rest.page import Links


class GroupMember(Struct, frozen=True, gc=False):
    """A member of a group, since a time."""

    user: str
    since: str


class GroupSummary(Struct, kw_only=True, frozen=True):
    """A group in a list, with the number of its `members`, its owner included."""

    name: str
    owner: str
    members: int
    created: str
    updated: str
    links: Links


class UserGroup(Struct, kw_only=True, frozen=True):
    """A group. `members` are by name, its owner included."""

    name: str
    owner: str
    members: list[GroupMember]
    created: str
    updated: str
    links: Links


class DeletedGroup(Struct):
    """A group that was deleted, and when."""

    name: str
    deleted: str
