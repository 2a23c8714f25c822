"""Tables of groups of users."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType

from autolearn.client.cli.output import pairs, rows, when
from autolearn.schemas.rest.groups import GroupSummary, UserGroup


def groups(found: Iterable[GroupSummary]) -> RenderableType:
    """Return groups."""
    lines = [(one.name, one.owner, one.members, when(one.updated)) for one in found]
    return rows(("group", "owner", "members", "changed"), lines)


def group(one: UserGroup) -> RenderableType:
    """Return a group with its members."""
    about = pairs({"group": one.name, "owner": one.owner, "created": when(one.created)})
    lines = [(member.user, when(member.since)) for member in one.members]
    return Group(about, "", rows(("member", "since"), lines))
