"""The rules of a user: added once, with a role, let in or not, with tokens."""

import pytest

from autolearn.agents.deciders.specification import Refused, given
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
from autolearn.schemas.bounds import TOKENS
from autolearn.schemas.commands import (
    AddUser,
    DisableUser,
    EnableUser,
    IssueToken,
    RevokeToken,
    RevokeTokens,
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
    TokensRevoked,
    UserAdded,
    UserDisabled,
    UserEnabled,
)
from autolearn.schemas.messages import type_of
from autolearn.schemas.stream_kinds import KINDS
from tests.support import samples

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


def test_who_is_disabled_has_no_token_and_gets_none_and_enabling_revives_none():
    past = ADDED, ISSUED, UserDisabled()
    given(user, *past).when(IssueToken("f" * 16, "", "e" * 64)).then(
        Refused(reason="user-disabled")
    )
    given(user, *past).when(RevokeToken(ID)).then(Refused(reason="token-unknown"))
    again = given(user, *past, UserEnabled())
    again.when(RevokeToken(ID)).then(Refused(reason="token-unknown"))


OTHER = TokenIssued("f" * 16, "", "e" * 64, None)


def left(*past):
    """The tokens that let in."""
    state = given(user, ADDED, *past).state
    return {token for token in state.tokens if not refuses(state, token)}


def refuses(state, token):
    answer = user.decide(state, RevokeToken(token), Actor("", SYSADMIN))
    return isinstance(answer, events.Refused)


def test_a_new_password_revokes_all_tokens_but_the_one_that_asks():
    assert left(ISSUED, OTHER) == {ID, OTHER.token}
    for keep, expected in ((ID, {ID}), ("", set()), ("unknown", set())):
        command = SetPassword("another", keep)
        given(user, ADDED, ISSUED, OTHER).when(command).then(PasswordSet("another", keep))
        assert left(ISSUED, OTHER, PasswordSet("another", keep)) == expected


def test_all_tokens_are_revoked_at_once_but_the_one_that_asks():
    given(user, ADDED, ISSUED).when(RevokeTokens(ID)).then(TokensRevoked(ID))
    assert left(ISSUED, OTHER, TokensRevoked(ID)) == {ID}
    assert left(ISSUED, OTHER, TokensRevoked()) == set()


def test_a_user_has_so_many_tokens_and_those_that_have_ended_do_not_count():
    end, name = samples.TOKEN[3], "user/ada"
    many = [TokenIssued(f"{n:016}", "", "d" * 64, end if n % 2 else None) for n in range(TOKENS)]
    state = given(user, ADDED, *many).state
    one_more = IssueToken("f" * 16, "", "e" * 64)
    before, after = (Actor("ada", stream=name, time=t) for t in ("2026-01-31T", "2026-02-02T"))
    refused = user.decide(state, one_more, before)
    assert refused.reason == "quota-exceeded"
    assert "100" in refused.detail
    assert "admin quota ada --set tokens=N" in refused.detail
    issued = user.decide(state, one_more, after)
    assert issued.dropped == tuple(one.token for one in many if one.expires)
    assert len(user.evolve(state, issued, "ada").tokens) == TOKENS // 2 + 1
    revoked = user.evolve(state, TokenRevoked(many[0].token), "ada")
    assert user.decide(revoked, one_more, before).dropped == (many[0].token,)
    own = given(user, ADDED, *many, QuotaSet("tokens", TOKENS + 1)).state
    assert isinstance(user.decide(own, one_more, before), TokenIssued)


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
    own = (commands.SetPassword, commands.IssueToken, commands.RevokeToken, commands.RevokeTokens)
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
