"""Events of groups of users."""

from __future__ import annotations

from autolearn.schemas.messages import Event


class GroupCreated(Event, frozen=True):
    """There is a group; its `owner` administers it and is its first member."""

    owner: str


class MemberAdded(Event, frozen=True):
    """`user` is a member."""

    user: str


class MemberRemoved(Event, frozen=True):
    """`user` is no member any more."""

    user: str


class GroupDeleted(Event, frozen=True):
    """There is no such group any more."""
