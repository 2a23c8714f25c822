"""Commands of groups of users."""

from __future__ import annotations

from autolearn.schemas.messages import Command


class CreateGroup(Command, frozen=True, omit_defaults=True):
    """Create a group. The `owner` administers it and is its first member; "": the sender."""

    owner: str = ""


class AddMember(Command, frozen=True):
    """Add a user to a group: what is shared with the group is shared with the user."""

    user: str


class RemoveMember(Command, frozen=True):
    """Remove a user from a group. Members may remove themselves; the owner stays."""

    user: str


class DeleteGroup(Command, frozen=True):
    """Delete a group: its grants count no longer, and its name is never reused."""
