"""Queries about users."""

from __future__ import annotations

from autolearn.projections.queries.decrypting_reader import DecryptingReader
from autolearn.projections.rows.stored_rows import (
    StoredToken,
    StoredTokens,
    StoredUser,
    StoredWork,
)
from autolearn.projections.rows.view_rows import (
    QuotaRow,
)
from autolearn.projections.storage.row_reader import decode
from autolearn.projections.storage.store import key, prefix_of
from autolearn.projections.views.users import quota_key, token_key, tokens_key, user_key
from autolearn.schemas.rest.users import AccessToken, User


class UserQueries(DecryptingReader):
    """Users, their tokens, and what they take."""

    def user(self, name: str) -> User | None:
        """Return a user."""
        row = self.get(user_key(name), StoredUser)
        return None if row is None else _user_row(name, row)

    def users(self) -> list[User]:
        """Return all users, by name."""
        rows = self.content.scan(prefix_of("user"))
        return [
            _user_row(at.rpartition(b"\0")[2].decode(), decode(row, StoredUser)) for at, row in rows
        ]

    def tokens(self, name: str) -> list[AccessToken]:
        """Return the tokens of a user, oldest first; ended ones stay until the next is issued."""
        row = self.get(tokens_key(name), StoredTokens)
        found = {token: self.stored_token(token) for token in (row.ids if row else ())}
        return [
            AccessToken(token, row.user, row.name, row.created, row.expires, row.revoked)
            for token, row in found.items()
            if row is not None
        ]

    def quotas(self, user: str) -> list[QuotaRow]:
        """Return a user's own limits, by the names of the quotas."""
        return list(self.scan(prefix_of("quota", user), QuotaRow))

    def quota(self, user: str, quota: str) -> int | None:
        """Return a user's own limit; None: the default holds."""
        row = self.get(quota_key(user, quota), QuotaRow)
        return None if row is None else row.limit

    def open_sessions(self, user: str) -> int:
        """Return the number of a user's open sessions."""
        return sum(1 for _ in self.content.scan(prefix_of("session-of", user)))

    def work(self, user: str) -> StoredWork:
        """Return the numbers of waiting and running runs of a user's sessions."""
        return self.get(key("user-work", user), StoredWork) or StoredWork()

    def stored_user(self, name: str) -> StoredUser | None:
        """Return a user with the verifier of the password: only for checking it."""
        return self.get(user_key(name), StoredUser)

    def stored_token(self, token: str) -> StoredToken | None:
        """Return a token with the digest of its secret: only for checking it."""
        return self.get(token_key(token), StoredToken)


def _user_row(name: str, row: StoredUser) -> User:
    return User(name, row.role, row.disabled, bool(row.password), row.created, row.updated)
