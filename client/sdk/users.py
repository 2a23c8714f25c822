"""Users, tokens and groups, for both clients."""

from __future__ import annotations

from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.pages import Pages, listing
from autolearn.client.sdk.operation import operation
from autolearn.client.sdk.paths import segment
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.groups import DeletedGroup, GroupSummary, UserGroup
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.users import AccessToken, Me, NewToken, QuotaState, User


class Users:
    """The own identity; and for sysadmins, all users."""

    @operation
    def login(
        self, user: str, password: str, *, name: str = "", days: float = 90
    ) -> Flow[NewToken]:
        """Return a token for a user's password. The client keeps its present one."""
        body = {"user": user, "password": password, "name": name, "days": float(days)}
        return ask(Call("POST", "/v1/login", NewToken, body=body))

    @operation
    def me(self) -> Flow[Me]:
        """Return the own identity."""
        return ask(Call("GET", "/v1/me", Me))

    @listing
    def quotas(self) -> Pages[QuotaState, QuotaState]:
        """List one's own quotas: limits and use."""
        return Pages(Call("GET", "/v1/me/quota", Page[QuotaState]), paged=False)

    @operation
    def set_own_password(self, password: str, *, present: str | None = None) -> Flow[CommandState]:
        """Set one's own password; `present` is the current one, if there is one.

        All of one's tokens but the one in use are revoked.
        """
        body = {"password": password, "present": present}
        return ask(Call("POST", "/v1/me/password", CommandState, body=body))

    @listing
    def tokens(self) -> Pages[AccessToken, AccessToken]:
        """List one's own tokens."""
        return Pages(Call("GET", "/v1/tokens", Page[AccessToken]), paged=False)

    @operation
    def new_token(self, *, name: str = "", days: float = 90) -> Flow[NewToken]:
        """Issue another token for oneself; with 0 days it is valid until it is revoked."""
        body = {"name": name, "days": float(days)}
        return ask(Call("POST", "/v1/tokens", NewToken, body=body))

    @operation
    def revoke_token(self, token: str) -> Flow[AccessToken]:
        """Revoke a token, by its id."""
        return ask(Call("POST", f"/v1/tokens/{segment(token)}/revoke", AccessToken))

    @operation
    def revoke_tokens(self) -> Flow[CommandState]:
        """Revoke all of one's own tokens but the one in use."""
        return ask(Call("POST", "/v1/tokens/revoke", CommandState))

    @listing
    def users(self) -> Pages[User, User]:
        """List all users (sysadmins only, like everything below)."""
        return Pages(Call("GET", "/v1/users", Page[User]), paged=False)

    @operation
    def add_user(self, name: str, *, role: str = "user", password: str | None = None) -> Flow[User]:
        """Add a user; without a password the user cannot log in until one is set."""
        body = {"name": name, "role": role, "password": password}
        return ask(Call("POST", "/v1/users", User, body=body))

    @operation
    def set_role(self, user: str, role: str) -> Flow[User]:
        """Change the role of a user: user, viewer or sysadmin."""
        return ask(Call("POST", f"/v1/users/{segment(user)}/role", User, body={"role": role}))

    @operation
    def set_password(self, user: str, password: str) -> Flow[User]:
        """Change a user's password; all tokens of the user are revoked."""
        body = {"password": password}
        return ask(Call("POST", f"/v1/users/{segment(user)}/password", User, body=body))

    @operation
    def disable_user(self, user: str) -> Flow[User]:
        """Disable a user; all tokens of the user are revoked."""
        return ask(Call("POST", f"/v1/users/{segment(user)}/disable", User))

    @operation
    def enable_user(self, user: str) -> Flow[User]:
        """Enable a user, who must log in again: former tokens stay revoked."""
        return ask(Call("POST", f"/v1/users/{segment(user)}/enable", User))

    @listing
    def quotas_of(self, user: str) -> Pages[QuotaState, QuotaState]:
        """List the quotas of a user."""
        return Pages(Call("GET", f"/v1/users/{segment(user)}/quota", Page[QuotaState]), paged=False)

    @operation
    def set_quota(self, user: str, name: str, limit: int | None) -> Flow[Page[QuotaState]]:
        """Set a user's own limit of a quota; None: the default holds again."""
        at, body = f"/v1/users/{segment(user)}/quota", {"name": name, "limit": limit}
        return ask(Call("POST", at, Page[QuotaState], body=body))


class Groups:
    """Groups of users, with whom sessions, experiments and datasets are shared as group/NAME."""

    @listing
    def groups(self, *, limit: int | None = None) -> Pages[GroupSummary, GroupSummary]:
        """List one's own groups by name, at most `limit`; all groups for sysadmins."""
        return Pages(Call("GET", "/v1/groups", Page[GroupSummary]), limit=limit)

    @operation
    def create_group(self, name: str, *, owner: str | None = None) -> Flow[UserGroup]:
        """Create a group. The owner, by default oneself, is its first member."""
        return ask(Call("POST", "/v1/groups", UserGroup, body={"name": name, "owner": owner}))

    @operation
    def group(self, name: str) -> Flow[UserGroup]:
        """Return a group with its members."""
        return ask(Call("GET", f"/v1/groups/{segment(name)}", UserGroup))

    @operation
    def add_member(self, group: str, user: str) -> Flow[UserGroup]:
        """Add a user to a group: what is shared with the group is shared with the user."""
        return ask(Call("POST", f"/v1/groups/{segment(group)}/add", UserGroup, body={"user": user}))

    @operation
    def remove_member(self, group: str, user: str) -> Flow[UserGroup]:
        """Remove a member from a group, at once. Members may remove themselves."""
        return ask(
            Call("POST", f"/v1/groups/{segment(group)}/remove", UserGroup, body={"user": user})
        )

    @operation
    def delete_group(self, name: str) -> Flow[DeletedGroup]:
        """Delete a group: its grants count no longer, and its name is never reused."""
        return ask(Call("POST", f"/v1/groups/{segment(name)}/delete", DeletedGroup))
