"""Groups of users and their members, for grants."""

from __future__ import annotations

from autolearn.projections.rows import groups
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.views.view import View
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, event_of
from autolearn.schemas.rest.groups import GroupMember

_NAME = slice(len("group/"), None)
"""The index of a group's name in the name of its stream."""


def _create(rows: RowBatch, record: EventRecord) -> None:
    """Fold a new group, whose owner is its first member."""
    event, name, time = event_of(record), record.subject[_NAME], record.time
    assert isinstance(event, events.GroupCreated)
    rows.put(groups.GROUPS, groups.StoredGroup(event.owner, time, time, record.sequence), name)
    _join(rows, name, event.owner, time)


def _change(rows: RowBatch, record: EventRecord) -> None:
    """Fold a change of the members."""
    name = record.subject[_NAME]
    group = rows.change(groups.GROUPS, name)
    assert group is not None, f"{record.type} for a group that was not created"
    group.updated, group.sequence = record.time, record.sequence
    match event_of(record):
        case events.MemberAdded(user=user):
            _join(rows, name, user, record.time)
        case events.MemberRemoved(user=user):
            _leave(rows, name, user)


def _delete(rows: RowBatch, record: EventRecord) -> None:
    """Fold the end of a group: nobody is its member."""
    name = record.subject[_NAME]
    for user in rows.names(groups.MEMBERS, name):
        _leave(rows, name, user)
    rows.delete(groups.GROUPS, name)


def _join(rows: RowBatch, group: str, user: str, time: str) -> None:
    rows.put(groups.MEMBERS, GroupMember(user, time), group, user)
    row = rows.change(groups.GROUPS, group)
    assert row is not None, f"{group} was not created"
    row.members += 1
    theirs = rows.change(groups.MEMBERSHIPS, user)
    if theirs is None:
        theirs = groups.StoredMemberships([])
        rows.put(groups.MEMBERSHIPS, theirs, user)
    theirs.groups = sorted({*theirs.groups, group})


def _leave(rows: RowBatch, group: str, user: str) -> None:
    rows.delete(groups.MEMBERS, group, user)
    row, theirs = rows.change(groups.GROUPS, group), rows.change(groups.MEMBERSHIPS, user)
    assert row is not None, f"{group} was not created"
    assert theirs is not None, f"{user} was no member of {group}"
    row.members -= 1
    theirs.groups = [one for one in theirs.groups if one != group]
    theirs.ended += 1


VIEW = View(
    "groups",
    groups,
    handlers={
        events.GroupCreated: _create,
        events.MemberAdded: _change,
        events.MemberRemoved: _change,
        events.GroupDeleted: _delete,
    },
)
