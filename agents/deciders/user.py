"""The rules of a user: added once, with a role and tokens, and disabled or enabled.

That a sysadmin remains is no rule of one stream: the API refuses sysadmins to disable or demote
themselves (`api.services.users.router`).
"""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from autolearn.agents.deciders.decider import Decider
from autolearn.agents.deciders.quotas import set_quota, with_quota
from autolearn.schemas import commands, events
from autolearn.schemas.actors import FIRST_USER, Actor
from autolearn.schemas.bounds import TOKENS
from autolearn.schemas.messages import Event
from autolearn.schemas.values import Role


class Nobody(Struct, frozen=True, tag="nobody", omit_defaults=True):
    """An unknown user; an OpenID provider may know one, who has quotas."""

    quotas: dict[str, int] = {}


class Known(Struct, frozen=True, tag="known"):
    """A user, with the end of each token by its id: "" for never, _REVOKED for a revoked one.

    Ended tokens are dropped when the next one is issued.
    """

    role: Role
    password: str
    disabled: bool = False
    tokens: dict[str, str] = {}
    quotas: dict[str, int] = {}


User = Nobody | Known

_REVOKED = "0"
"""A time that is always over."""

UserCommand = (
    commands.AddUser
    | commands.SetRole
    | commands.SetPassword
    | commands.DisableUser
    | commands.EnableUser
    | commands.IssueToken
    | commands.RevokeToken
    | commands.RevokeTokens
    | commands.SetQuota
)

_OWN = commands.SetPassword | commands.IssueToken | commands.RevokeToken | commands.RevokeTokens
"""The commands that users give about themselves."""


def _decide(state: User, command: UserCommand, actor: Actor) -> Event:
    """Answer a command to a user."""
    match state, command:
        case _ if not may(command, actor):
            why = f"{actor.name or 'Nobody known'} may not do that to this user."
            return events.Refused("forbidden", why)
        case Nobody(), commands.AddUser():
            return events.UserAdded(command.role, command.password)
        case _, commands.SetQuota():
            return set_quota(state.quotas, command, "user")
        case Nobody(), _:
            return events.Refused("user-unknown", "There is no user with this name.")
        case Known(), commands.AddUser():
            return events.Refused("user-exists", "There is a user with this name already.")
        case Known(role=role), commands.SetRole():
            same = role == command.role
            return _unchanged(f"the role {role}") if same else events.RoleSet(command.role)
        case Known(password=password), commands.SetPassword():
            same = password == command.password
            if same:
                return _unchanged("this password")
            return events.PasswordSet(command.password, command.keep)
        case Known(disabled=disabled), commands.DisableUser():
            return _unchanged("no access") if disabled else events.UserDisabled()
        case Known(disabled=disabled), commands.EnableUser():
            return events.UserEnabled() if disabled else _unchanged("access")
        case Known(), commands.IssueToken():
            return _issue(state, command, actor)
        case Known(tokens=tokens), commands.RevokeToken(token=token):
            if tokens.get(token, _REVOKED) == _REVOKED:
                why = f"The user has no token {token}, or it was revoked before."
                return events.Refused("token-unknown", why)
            return events.TokenRevoked(token)
        case Known(), commands.RevokeTokens(keep=keep):
            return events.TokensRevoked(keep)
        case _:
            assert_never((state, command))


def may(command: UserCommand, actor: Actor) -> bool:
    """Return whether the actor may give a command.

    Users have their own passwords and tokens; everything is for sysadmins, and for the tool that
    makes the first one. An actor's role is on another stream: here the grant counts.
    """
    if actor.administers or actor.name == FIRST_USER:
        return True
    return actor.is_self and isinstance(command, _OWN)


def _unchanged(what: str) -> Event:
    """Refuse what changes nothing."""
    return events.Refused("user-unchanged", f"The user has {what} already.")


def _issue(state: Known, command: commands.IssueToken, actor: Actor) -> Event:
    """Issue a token to an enabled user."""
    if state.disabled:
        return events.Refused("user-disabled", "The user is disabled and gets no token.")
    if command.token in state.tokens:
        return events.Refused("token-exists", f"There is a token {command.token} already.")
    over = tuple(token for token, end in state.tokens.items() if end and end <= actor.time)
    left, most = len(state.tokens) - len(over), state.quotas.get("tokens", TOKENS)
    if left >= most:
        name = actor.stream.partition("/")[2]
        return events.Refused(
            "quota-exceeded",
            f"{name} has {left} tokens, and at most {most} are allowed: revoke some, or have a "
            f"sysadmin raise it with `autolearn admin quota {name} --set tokens=N`.",
        )
    return events.TokenIssued(command.token, command.name, command.digest, command.expires, over)


def _revoked(tokens: dict[str, str], keep: str = "") -> dict[str, str]:
    """Return tokens after all were revoked but one."""
    return {token: end if token == keep else _REVOKED for token, end in tokens.items()}


def _evolve(state: User, event: Event, _: str) -> User:
    """Return the user after an event."""
    match state, event:
        case Nobody(), events.UserAdded():
            return Known(event.role, event.password, quotas=state.quotas)
        case _, events.QuotaSet():
            return replace(state, quotas=with_quota(state.quotas, event))
        case Known(), events.RoleSet():
            return replace(state, role=event.role)
        case Known(), events.PasswordSet():
            tokens = _revoked(state.tokens, event.keep)
            return replace(state, password=event.password, tokens=tokens)
        case Known(), events.UserDisabled():
            return replace(state, disabled=True, tokens=_revoked(state.tokens))
        case Known(), events.UserEnabled():
            return replace(state, disabled=False)
        case Known(tokens=tokens), events.TokenIssued():
            left = {token: end for token, end in tokens.items() if token not in event.dropped}
            return replace(state, tokens={**left, event.token: event.expires or ""})
        case Known(tokens=tokens), events.TokenRevoked():
            return replace(state, tokens={**tokens, event.token: _REVOKED})
        case Known(tokens=tokens), events.TokensRevoked(keep=keep):
            return replace(state, tokens=_revoked(tokens, keep))
        case _:
            return state


user: Decider[User, UserCommand] = Decider(
    initial=Nobody(),
    decide=_decide,
    evolve=_evolve,
    kind=User,
    commands=commands.COMMANDS_OF["user"],
)
