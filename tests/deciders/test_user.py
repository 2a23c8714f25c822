"""The rules of a user: added once, with a role, let in or not, with tokens."""

import pytest

from autolearn.agents.deciders.given import Refused, given
from autolearn.agents.deciders.user import user
from autolearn.schemas import commands, events
from autolearn.schemas.actors import (
    EVERYBODY,
    FIRST_USER,
    SUPERVISE,
    SYSADMIN,
    Actor,
    is_reserved,
    worker,
)
from autolearn.schemas.commands import (
    AddUser,
    DisableUser,
    EnableUser,
    IssueToken,
    RevokeToken,
    SetPassword,
    SetQuota,
    SetRole,
)
from autolearn.schemas.events import (
    PasswordSet,
    QuotaSet,
    RoleSet,
    TokenIssued,
    TokenRevoked,
    UserAdded,
    UserDisabled,
    UserEnabled,
)
from autolearn.schemas.messages import type_of
from autolearn.schemas.streams import KINDS
from tests import samples

ADDED = UserAdded("user", samples.VERIFIER)
ID = samples.TOKEN[0]
ISSUED = TokenIssued(*samples.TOKEN)


def test_a_user_is_added_once():
    given(user).when(AddUser("user", samples.VERIFIER)).then(ADDED)
    given(user, ADDED).when(AddUser("sysadmin")).then(Refused(reason="user-exists"))
    given(user, ADDED, UserDisabled()).when(AddUser("user")).then(Refused(reason="user-exists"))


def test_a_user_needs_no_password():
    given(user).when(AddUser("sysadmin")).then(UserAdded("sysadmin", ""))


@pytest.mark.parametrize(
    "command",
    [c for c in samples.COMMANDS.values() if isinstance(c, user.commands[1:-1])],
    ids=lambda command: type(command).__name__,
)
def test_nothing_happens_to_somebody_unknown(command):
    given(user).when(command).then(Refused(reason="user-unknown"))


def test_a_role_is_changed():
    given(user, ADDED).when(SetRole("sysadmin")).then(RoleSet("sysadmin"))
    given(user, ADDED).when(SetRole("user")).then(Refused(reason="user-unchanged"))
    past = ADDED, RoleSet("sysadmin")
    given(user, *past).when(SetRole("sysadmin")).then(Refused(reason="user-unchanged"))
    given(user, *past).when(SetRole("user")).then(RoleSet("user"))


def test_a_password_is_changed():
    given(user, ADDED).when(SetPassword("$argon2id$other")).then(PasswordSet("$argon2id$other"))
    given(user, ADDED, PasswordSet("$argon2id$other")).when(SetPassword("$argon2id$other")).then(
        Refused(reason="user-unchanged")
    )


def test_a_user_is_disabled_and_enabled():
    given(user, ADDED).when(DisableUser()).then(UserDisabled())
    given(user, ADDED).when(EnableUser()).then(Refused(reason="user-unchanged"))
    past = ADDED, UserDisabled()
    given(user, *past).when(DisableUser()).then(Refused(reason="user-unchanged"))
    given(user, *past).when(EnableUser()).then(UserEnabled())
    given(user, *past, UserEnabled()).when(DisableUser()).then(UserDisabled())


def test_a_token_is_issued_once():
    given(user, ADDED).when(IssueToken(*samples.TOKEN)).then(ISSUED)
    given(user, ADDED, ISSUED).when(IssueToken(ID, "", "e" * 64)).then(
        Refused(reason="token-exists")
    )


def test_who_is_disabled_gets_no_token_but_can_lose_one():
    past = ADDED, ISSUED, UserDisabled()
    given(user, *past).when(IssueToken("f" * 16, "", "e" * 64)).then(
        Refused(reason="user-disabled")
    )
    given(user, *past).when(RevokeToken(ID)).then(TokenRevoked(ID))
    given(user, *past, UserEnabled()).when(RevokeToken(ID)).then(TokenRevoked(ID))


def test_a_token_is_revoked_once():
    given(user, ADDED).when(RevokeToken(ID)).then(Refused(reason="token-unknown"))
    given(user, ADDED, ISSUED).when(RevokeToken(ID)).then(TokenRevoked(ID))
    given(user, ADDED, ISSUED, TokenRevoked(ID)).when(RevokeToken(ID)).then(
        Refused(reason="token-unknown")
    )


def test_the_decider_answers_every_command_of_a_user():
    mine = {
        kind
        for kind in commands.COMMANDS.values()
        if any(word in kind.__name__ for word in ("User", "Role", "Password", "Token", "Quota"))
    }
    assert set(user.commands) == mine


def test_answers_that_change_nothing_change_nothing():
    state = given(user, ADDED, ISSUED).state
    for answer in (events.Refused("user-unchanged", "…"), events.CommandFailed("…")):
        assert user.evolve(state, answer, "") == state


def test_a_quota_is_set_also_of_somebody_who_was_not_added():
    ten = QuotaSet("sessions", 10)
    for past in ((), (ADDED,), (ADDED, UserDisabled())):
        given(user, *past).when(SetQuota("sessions", 10)).then(ten)
        given(user, *past, ten).when(SetQuota("sessions", 0)).then(QuotaSet("sessions", 0))
        given(user, *past, ten).when(SetQuota("sessions", None)).then(QuotaSet("sessions", None))
        given(user, *past, ten).when(SetQuota("sessions", 10)).then(Refused("quota-unchanged"))
        given(user, *past).when(SetQuota("sessions", None)).then(Refused("quota-unchanged"))
    given(user, ten, ADDED).when(SetQuota("sessions", 10)).then(Refused("quota-unchanged"))


@pytest.mark.parametrize("name", ["", "session", "x" * 10**6])
def test_a_quota_that_there_is_not_is_not_set(name: str):
    given(user, ADDED).when(SetQuota(name, 1)).then(Refused("quota-unknown"))


@pytest.mark.parametrize("limit", [-1, 2**53 + 1, 10**400])
def test_a_quota_has_a_highest_limit(limit: int):
    given(user, ADDED).when(SetQuota("tokens", limit)).then(Refused("quota-unknown"))


def test_users_have_their_own_password_and_tokens_and_all_else_is_for_sysadmins():
    own = (commands.SetPassword, commands.IssueToken, commands.RevokeToken)
    for kind in user.commands:
        command = samples.COMMANDS[type_of(kind)]
        for actor, expected in (
            (Actor("ada", stream="user/ada"), kind in own),
            (Actor("bob", stream="user/ada"), False),
            (Actor("", stream="user/"), False),
            (Actor(worker("ada"), stream="user/ada"), False),
            (Actor("root", SYSADMIN, "user/ada"), True),
            (Actor("", EVERYBODY, "user/ada"), True),
            (Actor(FIRST_USER, stream="user/ada"), True),
            (Actor("first-user", stream="user/ada"), False),
        ):
            answer = user.decide(given(user, ADDED, ISSUED).state, command, actor)
            assert (getattr(answer, "reason", "") != "forbidden") == expected, (actor, command)


def test_no_user_is_called_like_a_part_of_the_system():
    for name in (FIRST_USER, SUPERVISE, worker("w1")):
        assert is_reserved(name)
        assert not KINDS["user"].fits(name)
    assert not is_reserved("worker")
