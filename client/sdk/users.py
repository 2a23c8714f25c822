"""What can be asked about users and tokens, each described once for both clients."""

from __future__ import annotations

from autolearn.client.sdk import resources as r
from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.transport import operation

__all__ = ["Users"]


class Users:
    """Who one is; and for sysadmins, who there is."""

    @operation
    def login(
        self, user: str, password: str, *, name: str = "", days: float = 90
    ) -> Flow[r.NewToken]:
        """Return a token for a user's password. The client goes on with the one that it has."""
        body = {"user": user, "password": password, "name": name, "days": float(days)}
        return ask(Call("POST", "/v1/login", r.NewToken, body=body))

    @operation
    def me(self) -> Flow[r.Me]:
        """Return who one is."""
        return ask(Call("GET", "/v1/me", r.Me))

    @operation
    def quotas(self) -> Flow[r.Page[r.Quota]]:
        """List one's own quotas: what one may take, and has taken."""
        return ask(Call("GET", "/v1/me/quota", r.Page[r.Quota]))

    @operation
    def set_own_password(
        self, password: str, *, present: str | None = None
    ) -> Flow[r.CommandState]:
        """Set one's own password; `present` is the one until now, if there is one.

        All of one's tokens but the one in use are revoked.
        """
        body = {"password": password, "present": present}
        return ask(Call("POST", "/v1/me/password", r.CommandState, body=body))

    @operation
    def tokens(self) -> Flow[r.Page[r.Token]]:
        """List one's own tokens."""
        return ask(Call("GET", "/v1/tokens", r.Page[r.Token]))

    @operation
    def new_token(self, *, name: str = "", days: float = 90) -> Flow[r.NewToken]:
        """Make another token for oneself; with 0 days it is good until it is revoked."""
        body = {"name": name, "days": float(days)}
        return ask(Call("POST", "/v1/tokens", r.NewToken, body=body))

    @operation
    def revoke_token(self, token: str) -> Flow[r.Token]:
        """Let nobody in with a token any more, by its id."""
        return ask(Call("POST", f"/v1/tokens/{segment(token)}/revoke", r.Token))

    @operation
    def revoke_tokens(self) -> Flow[r.CommandState]:
        """Let nobody in with any of one's own tokens any more, but for the one in use."""
        return ask(Call("POST", "/v1/tokens/revoke", r.CommandState))

    @operation
    def users(self) -> Flow[r.Page[r.User]]:
        """List all users (sysadmins only, like everything below)."""
        return ask(Call("GET", "/v1/users", r.Page[r.User]))

    @operation
    def add_user(
        self, name: str, *, role: str = "user", password: str | None = None
    ) -> Flow[r.User]:
        """Add a user; without a password one cannot log in, until one is set."""
        body = {"name": name, "role": role, "password": password}
        return ask(Call("POST", "/v1/users", r.User, body=body))

    @operation
    def set_role(self, user: str, role: str) -> Flow[r.User]:
        """Give a user another role: user or sysadmin."""
        return ask(Call("POST", f"/v1/users/{segment(user)}/role", r.User, body={"role": role}))

    @operation
    def set_password(self, user: str, password: str) -> Flow[r.User]:
        """Give a user another password; all tokens of the user are revoked."""
        body = {"password": password}
        return ask(Call("POST", f"/v1/users/{segment(user)}/password", r.User, body=body))

    @operation
    def disable_user(self, user: str) -> Flow[r.User]:
        """Let a user in no longer; all tokens of the user are revoked."""
        return ask(Call("POST", f"/v1/users/{segment(user)}/disable", r.User))

    @operation
    def enable_user(self, user: str) -> Flow[r.User]:
        """Let a user in again, who logs in anew: tokens of before stay revoked."""
        return ask(Call("POST", f"/v1/users/{segment(user)}/enable", r.User))

    @operation
    def quotas_of(self, user: str) -> Flow[r.Page[r.Quota]]:
        """List the quotas of a user."""
        return ask(Call("GET", f"/v1/users/{segment(user)}/quota", r.Page[r.Quota]))

    @operation
    def set_quota(self, user: str, name: str, limit: int | None) -> Flow[r.Page[r.Quota]]:
        """Set a user's own limit of a quota; None: the default holds again."""
        at, body = f"/v1/users/{segment(user)}/quota", {"name": name, "limit": limit}
        return ask(Call("POST", at, r.Page[r.Quota], body=body))
