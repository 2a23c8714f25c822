"""The tokens of a backup, and their revocation after a restore."""

from __future__ import annotations

from autolearn.agents.command_client import command_id
from autolearn.eventlog.append import append_all
from autolearn.eventlog.log import Producer, Record
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.storage.store import Readable
from autolearn.runtime.timestamps import now
from autolearn.schemas.actors import RESTORE, SYSADMIN
from autolearn.schemas.codec import CONTENT_TYPE, CommandRecord, decode_command, encode, raw
from autolearn.schemas.commands import RevokeToken
from autolearn.schemas.errors import LogError, MalformedRecord
from autolearn.schemas.messages import type_of
from autolearn.schemas.settings import Settings
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.topics import Topics
from autolearn.schemas.values import StreamId

_PATIENCE = 60.0
"""Seconds within which the brokers must acknowledge the commands."""
_SOURCE = "autolearn/restore"
Tokens = list[tuple[StreamId, str]]
"""The streams and ids of tokens."""


def tokens_of(content: Readable) -> Tokens:
    """Return every valid token in the read models of a restored log."""
    snapshot, present = Snapshot(content), now()
    return [
        (stream("user", user.name), token.id)
        for user in snapshot.users.all()
        for token in snapshot.users.tokens(user.name)
        if token.revoked is None and (token.expires is None or token.expires > present)
    ]


def revoke_tokens(log: Producer, settings: Settings, made: str, tokens: Tokens) -> None:
    """Send the revocation of all tokens of the backup that was `made` at a time.

    They are ordinary commands, which are decided when the system starts, before any new one. Sent
    again, they are answered once.

    Raises:
        LogError: the brokers do not acknowledge them all.
    """
    commands = [
        CommandRecord(
            id=command_id("restore", made, token),
            source=_SOURCE,
            type=type_of(RevokeToken),
            subject=name,
            time=now(),
            actor=RESTORE,
            grant=SYSADMIN,
            data=raw(RevokeToken(token)),
        )
        for name, token in tokens
    ]
    topic, records = Topics.of(settings).commands.name, [(c.subject, encode(c)) for c in commands]
    try:
        append_all(log, topic, records, headers=CONTENT_TYPE, timeout=_PATIENCE)
    except LogError as error:
        raise LogError(
            f"The log is restored, but not all of its {len(tokens)} tokens are asked to be "
            f"revoked: {error.detail}",
            title="Some tokens of the backup may still be valid",
            advice="Run the same `autolearn restore` again before `autolearn up`.",
        ) from error


def is_revocation(record: Record) -> bool:
    """Return whether a command is a restore's revocation."""
    try:
        command = decode_command(record.content)
    except MalformedRecord:
        return False
    return (command.source, command.actor) == (_SOURCE, RESTORE)
