"""Groups: who administers one, who may leave it, and that a name never means other members."""

import pytest

from autolearn.agents.deciders.group import group
from autolearn.agents.deciders.specification import Refused, given
from autolearn.schemas.actors import EVERYBODY, SYSADMIN, Actor
from autolearn.schemas.bounds import GROUP_MEMBERS
from autolearn.schemas.commands import AddMember, CreateGroup, DeleteGroup, RemoveMember
from autolearn.schemas.events import GroupCreated, GroupDeleted, MemberAdded, MemberRemoved

ADA, BOB, EVE, ROOT = Actor("ada"), Actor("bob"), Actor("eve"), Actor("root", SYSADMIN)
CHURN = (GroupCreated("ada"), MemberAdded("bob"))


def test_who_creates_a_group_owns_it_and_a_sysadmin_may_give_it_away():
    given(group).when(CreateGroup(), ADA).then(GroupCreated("ada"))
    given(group).when(CreateGroup("ada"), ROOT).then(GroupCreated("ada"))
    given(group).when(CreateGroup("bob"), ADA).then(Refused(reason="forbidden"))
    given(group, *CHURN).when(CreateGroup(), EVE).then(Refused(reason="group-exists"))
    given(group).when(AddMember("bob"), ADA).then(Refused(reason="group-unknown"))


@pytest.mark.parametrize("command", [AddMember("eve"), RemoveMember("bob"), DeleteGroup()])
def test_the_owner_and_sysadmins_administer_it(command):
    for actor in (ADA, ROOT, Actor("", EVERYBODY)):
        assert not isinstance(given(group, *CHURN).when(command, actor).answer, Refused)
    for actor in (Actor("carl"), EVE, Actor(), Actor("carl", via="group/churn@2")):
        given(group, *CHURN).when(command, actor).then(Refused(reason="forbidden"))


def test_members_leave_and_the_owner_stays():
    given(group, *CHURN).when(RemoveMember("bob"), BOB).then(MemberRemoved("bob"))
    given(group, *CHURN).when(RemoveMember("ada"), BOB).then(Refused(reason="forbidden"))
    for actor in (ADA, ROOT):
        given(group, *CHURN).when(RemoveMember("ada"), actor).then(Refused(reason="owner-stays"))
    given(group, *CHURN).when(RemoveMember("eve"), ADA).then(Refused(reason="not-member"))
    given(group, *CHURN).when(AddMember("bob"), ADA).then(Refused(reason="already-member"))
    again = (*CHURN, MemberRemoved("bob"))
    given(group, *again).when(AddMember("bob"), ADA).then(MemberAdded("bob"))


def test_a_deleted_name_is_not_given_again():
    over = (*CHURN, GroupDeleted())
    for command in (CreateGroup(), AddMember("eve"), RemoveMember("bob"), DeleteGroup()):
        given(group, *over).when(command, ADA).then(Refused(reason="group-deleted"))


def test_it_has_so_many_members_at_most():
    many = (MemberAdded(f"user-{number}") for number in range(GROUP_MEMBERS - 1))
    full = given(group, GroupCreated("ada"), *many)
    full.when(AddMember("one-more"), ADA).then(Refused(reason="too-many-members"))
    full.when(RemoveMember("user-0"), ADA).then(MemberRemoved("user-0"))
