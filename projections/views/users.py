"""Users and their tokens, for authentication and roles."""

from __future__ import annotations

from autolearn.projections.rows import users
from autolearn.projections.rows.pipelines import PIPELINES
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.views import pipelines
from autolearn.projections.views.view import View
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, event_of
from autolearn.schemas.quotas import holder_of

_NAME = slice(len("user/"), None)
"""The index of a user's name in the name of the stream."""


def _add(rows: RowBatch, record: EventRecord) -> None:
    """Fold a new user."""
    event, time = event_of(record), record.time
    assert isinstance(event, events.UserAdded)
    added = users.StoredUser(event.role, event.password, False, time, time)
    rows.put(users.USERS, added, record.subject[_NAME])


def _change(rows: RowBatch, record: EventRecord) -> None:
    """Fold a change of a user or of a token."""
    name = record.subject[_NAME]
    user = rows.change(users.USERS, name)
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
                rows.delete(users.TOKENS, token)
            left = [token for token in _tokens_of(rows, name) if token not in issued.dropped]
            rows.put(users.TOKEN_IDS, users.StoredTokens([*left, issued.token]), name)
            row = users.StoredToken(name, issued.name, issued.digest, record.time, issued.expires)
            rows.put(users.TOKENS, row, issued.token)
        case events.TokenRevoked(token=token):
            _revoke(rows, token, record.time)
        case events.TokensRevoked(keep=keep):
            _revoke_all(rows, name, keep, record.time)


def _tokens_of(rows: RowBatch, user: str) -> list[str]:
    row = rows.get(users.TOKEN_IDS, user)
    return [] if row is None else row.ids


def _revoke_all(rows: RowBatch, user: str, keep: str, time: str) -> None:
    for token in _tokens_of(rows, user):
        if token != keep:
            _revoke(rows, token, time)


def _revoke(rows: RowBatch, token: str, time: str) -> None:
    """Fold the revocation of a token."""
    row = rows.change(users.TOKENS, token)
    assert row is not None, f"{token} was not issued"
    row.revoked = row.revoked or time


def _set_quota(rows: RowBatch, record: EventRecord) -> None:
    """Fold a quota of a pipeline, or of a user, who need not have been added."""
    event, holder = event_of(record), holder_of(record.subject)
    assert isinstance(event, events.QuotaSet)
    row = None if event.limit is None else users.QuotaRow(holder, event.name, event.limit)
    rows.put(users.QUOTAS, row, holder, event.name)
    if rows.get(PIPELINES, holder.partition("/")[2]) is not None:  # a process `serve` knows none
        pipelines.mark_changed(rows, record)


_CHANGES = (
    events.RoleSet,
    events.PasswordSet,
    events.UserDisabled,
    events.UserEnabled,
    events.TokenIssued,
    events.TokenRevoked,
    events.TokensRevoked,
)
VIEW = View(
    "users",
    users,
    handlers={
        events.UserAdded: _add,
        events.QuotaSet: _set_quota,
        **dict.fromkeys(_CHANGES, _change),
    },
)
