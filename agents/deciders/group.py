"""The rules of a group of users: its owner and sysadmins administer it, and members may leave.

Grants are on the streams of what is shared (`deciders.session`, `deciders.dataset`).
"""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from autolearn.agents.deciders.decider import Decider
from autolearn.schemas import commands, events
from autolearn.schemas.actors import Actor
from autolearn.schemas.bounds import GROUP_MEMBERS
from autolearn.schemas.messages import Event


class Uncreated(Struct, frozen=True, tag="uncreated"):
    """There is no such group yet."""


class Created(Struct, frozen=True, tag="created"):
    """A group; the owner is one of its members."""

    owner: str
    members: tuple[str, ...] = ()


class Disbanded(Struct, frozen=True, tag="disbanded"):
    """A deleted group, whose name is never reused: a grant never means other members."""


UserGroup = Uncreated | Created | Disbanded

GroupCommand = (
    commands.CreateGroup | commands.AddMember | commands.RemoveMember | commands.DeleteGroup
)


def _decide(state: UserGroup, command: GroupCommand, actor: Actor) -> Event:
    """Answer a command to a group."""
    match state, command:
        case Disbanded(), _:
            why = "This group was deleted, and its name is not given again: choose another."
            return events.Refused("group-deleted", why)
        case Uncreated(), commands.CreateGroup(owner=owner):
            if owner not in ("", actor.name) and not actor.administers:
                return events.Refused("forbidden", "Only a sysadmin gives a group to another user.")
            return events.GroupCreated(owner or actor.name)
        case Uncreated(), _:
            return events.Refused("group-unknown", "There is no group with this name.")
        case Created(), commands.CreateGroup():
            return events.Refused("group-exists", "There is a group with this name already.")
        case Created(), _ if not _may(state, command, actor):
            why = (
                f"{actor.name or 'Nobody known'} may not do that: it is the owner's, {state.owner}."
            )
            return events.Refused("forbidden", why)
        case Created(members=members), commands.AddMember(user=user):
            if user in members:
                return events.Refused("already-member", f"{user} is a member already.")
            if len(members) >= GROUP_MEMBERS:
                why = f"It has {len(members)} members, and at most {GROUP_MEMBERS} are possible."
                return events.Refused("too-many-members", why)
            return events.MemberAdded(user)
        case Created(members=members), commands.RemoveMember(user=user):
            if user not in members:
                return events.Refused("not-member", f"{user} is no member of it.")
            if user == state.owner:
                why = f"{user} owns the group, and stays its member: delete it, if it is over."
                return events.Refused("owner-stays", why)
            return events.MemberRemoved(user)
        case Created(), commands.DeleteGroup():
            return events.GroupDeleted()
        case _:
            assert_never((state, command))


def _may(state: Created, command: GroupCommand, actor: Actor) -> bool:
    """Return whether the actor may give a command; members may leave."""
    if isinstance(command, commands.RemoveMember) and actor.name and command.user == actor.name:
        return True
    return actor.administers or actor.owns(state.owner)


def _evolve(state: UserGroup, event: Event, _: str) -> UserGroup:
    """Return the group after an event."""
    match state, event:
        case Uncreated(), events.GroupCreated(owner=owner):
            return Created(owner, (owner,))
        case Created(members=members), events.MemberAdded(user=user):
            return replace(state, members=(*members, user))
        case Created(members=members), events.MemberRemoved(user=user):
            return replace(state, members=tuple(one for one in members if one != user))
        case Created(), events.GroupDeleted():
            return Disbanded()
        case _:
            return state


group: Decider[UserGroup, GroupCommand] = Decider(
    initial=Uncreated(),
    decide=_decide,
    evolve=_evolve,
    kind=UserGroup,
    commands=commands.COMMANDS_OF["group"],
)
