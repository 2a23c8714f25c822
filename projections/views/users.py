"""Users and their tokens, for authentication and roles."""

from __future__ import annotations

from collections.abc import Callable

from autolearn.projections.rows.stored_rows import StoredToken, StoredTokens, StoredUser
from autolearn.projections.rows.view_rows import QuotaRow
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.store import key
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, event_of
from autolearn.schemas.messages import Event, type_of

TABLES = ("user", "token", "user-tokens", "quota")

_NAME = slice(len("user/"), None)
"""The index of a user's name in the name of the stream."""


def user_key(name: str) -> bytes:
    """Return the key of a user's row."""
    return key("user", name)


def token_key(token: str) -> bytes:
    """Return the key of a token's row, by its id."""
    return key("token", token)


def tokens_key(user: str) -> bytes:
    """Return the key of the ids of a user's tokens."""
    return key("user-tokens", user)


def quota_key(user: str, quota: str) -> bytes:
    """Return the key of a user's own limit."""
    return key("quota", user, quota)


def add(rows: RowBatch, record: EventRecord) -> None:
    """Fold a new user."""
    event, time = event_of(record), record.time
    assert isinstance(event, events.UserAdded)
    added = StoredUser(event.role, event.password, False, time, time)
    rows.put(user_key(record.subject[_NAME]), added)


def change(rows: RowBatch, record: EventRecord) -> None:
    """Fold a change of a user or of a token."""
    name = record.subject[_NAME]
    user = rows.change(user_key(name), StoredUser)
    assert user is not None, f"{record.type} for a user who was not added"
    user.updated = record.time
    match event_of(record):
        case events.RoleSet(role=role):
            user.role = role
        case events.PasswordSet(password=password, keep=keep):
            user.password = password
            _revoke_all(rows, name, keep, record.time)
        case events.UserDisabled():
            user.disabled = True
            _revoke_all(rows, name, "", record.time)
        case events.UserEnabled():
            user.disabled = False
        case events.TokenIssued() as issued:
            for token in issued.dropped:
                rows.delete(token_key(token))
            left = [token for token in _tokens_of(rows, name) if token not in issued.dropped]
            rows.put(tokens_key(name), StoredTokens([*left, issued.token]))
            row = StoredToken(name, issued.name, issued.digest, record.time, issued.expires)
            rows.put(token_key(issued.token), row)
        case events.TokenRevoked(token=token):
            revoke(rows, token, record.time)
        case events.TokensRevoked(keep=keep):
            _revoke_all(rows, name, keep, record.time)


def _tokens_of(rows: RowBatch, user: str) -> list[str]:
    row = rows.get(tokens_key(user), StoredTokens)
    return [] if row is None else row.ids


def _revoke_all(rows: RowBatch, user: str, keep: str, time: str) -> None:
    for token in _tokens_of(rows, user):
        if token != keep:
            revoke(rows, token, time)


def revoke(rows: RowBatch, token: str, time: str) -> None:
    """Fold the revocation of a token."""
    row = rows.change(token_key(token), StoredToken)
    assert row is not None, f"{token} was not issued"
    row.revoked = row.revoked or time


def _set_quota(rows: RowBatch, record: EventRecord) -> None:
    """Fold a quota of a user, who need not have been added."""
    event, name = event_of(record), record.subject[_NAME]
    assert isinstance(event, events.QuotaSet)
    if event.limit is None:
        rows.delete(quota_key(name, event.name))
    else:
        rows.put(quota_key(name, event.name), QuotaRow(name, event.name, event.limit))


_CHANGES: tuple[type[Event], ...] = (
    events.RoleSet,
    events.PasswordSet,
    events.UserDisabled,
    events.UserEnabled,
    events.TokenIssued,
    events.TokenRevoked,
    events.TokensRevoked,
)

HANDLERS: dict[str, Callable[[RowBatch, EventRecord], None]] = {
    type_of(events.UserAdded): add,
    type_of(events.QuotaSet): _set_quota,
    **{type_of(event): change for event in _CHANGES},
}
