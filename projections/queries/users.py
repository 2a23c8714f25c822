"""Queries about users."""

from __future__ import annotations

from autolearn.projections.queries.decrypting_reader import Queries
from autolearn.projections.rows import runs, sessions, users
from autolearn.schemas.rest.users import AccessToken, User


class UserQueries(Queries):
    """Users, their tokens, and what they and pipelines take."""

    def get(self, name: str) -> User | None:
        """Return a user."""
        row = self.rows.get(users.USERS, name)
        return None if row is None else _user_row(name, row)

    def all(self) -> list[User]:
        """Return all users, by name."""
        return [_user_row(name, row) for name, row in self.rows.items(users.USERS)]

    def tokens(self, name: str) -> list[AccessToken]:
        """Return the tokens of a user, oldest first; ended ones stay until the next is issued."""
        row = self.rows.get(users.TOKEN_IDS, name)
        found = {token: self.token(token) for token in (row.ids if row else ())}
        return [
            AccessToken(token, row.user, row.name, row.created, row.expires, row.revoked)
            for token, row in found.items()
            if row is not None
        ]

    def quotas(self, holder: str) -> list[users.QuotaRow]:
        """Return the own limits of a holder (`schemas.quotas`), by the names of the quotas."""
        return list(self.rows.scan(users.QUOTAS, holder))

    def quota(self, holder: str, quota: str) -> int | None:
        """Return a holder's own limit; None: the default holds."""
        row = self.rows.get(users.QUOTAS, holder, quota)
        return None if row is None else row.limit

    def open_sessions(self, holder: str) -> int:
        """Return the number of open sessions that count for a holder."""
        return sum(1 for _ in self.rows.names(sessions.HELD_BY, holder))

    def work(self, holder: str) -> runs.StoredWork:
        """Return the numbers of waiting and running runs that count for a holder."""
        return self.rows.get(runs.USER_WORK, holder) or runs.StoredWork()

    def stored(self, name: str) -> users.StoredUser | None:
        """Return a user with the verifier of the password: only for checking it."""
        return self.rows.get(users.USERS, name)

    def token(self, token: str) -> users.StoredToken | None:
        """Return a token with the digest of its secret: only for checking it."""
        return self.rows.get(users.TOKENS, token)


def _user_row(name: str, row: users.StoredUser) -> User:
    return User(name, row.role, row.disabled, bool(row.password), row.created, row.updated)
