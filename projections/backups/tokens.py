"""The tokens of a backup, and how to revoke them all after it was put back."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from autolearn.eventlog.log import Log
from autolearn.projections.backups.format import as_bytes
from autolearn.projections.backups.reading import BackupSet
from autolearn.schemas.actors import RESTORE, SYSADMIN
from autolearn.schemas.codec import (
    CONTENT_TYPE,
    CommandRecord,
    decode_event,
    encode,
    event_of,
    raw,
)
from autolearn.schemas.commands import RevokeToken
from autolearn.schemas.errors import LogError, MalformedRecord, UnknownType
from autolearn.schemas.events import TokenIssued, TokenRevoked
from autolearn.schemas.messages import type_of
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

__all__ = ["revoke_tokens", "tokens_of"]

PATIENCE = 60.0
"""Seconds within which the brokers must take the commands."""


def tokens_of(backup: BackupSet) -> list[tuple[str, str]]:
    """Return the stream and the id of every token that was not revoked when the backup was made.

    What a decider has written that had lost its partition is in it, too: it can do no harm.
    """
    found: dict[tuple[str, str], None] = {}
    for part in backup.manifest.topic("events").partitions:
        for line in backup.lines(part):
            if not (as_bytes(line.key) or b"").startswith(b"user/"):
                continue
            try:
                record = decode_event(as_bytes(line.value) or b"")
                event = event_of(record)
            except (MalformedRecord, UnknownType):
                continue
            match event:
                case TokenIssued(token=token):
                    found[record.subject, token] = None
                case TokenRevoked(token=token):
                    found.pop((record.subject, token), None)
    return list(found)


def revoke_tokens(log: Log, settings: Settings, backup: BackupSet) -> int:
    """Ask for the revocation of every token of a backup; return how many there are.

    They are commands like others, which are decided when the system starts, before anything that
    is asked of it then. Asked for once more, they are answered once.

    Raises:
        LogError: the brokers do not take them.
    """
    commands, failures = Topics.of(settings).commands, list[LogError]()
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    tokens = tokens_of(backup)
    for stream, token in tokens:
        command = RevokeToken(token)
        record = CommandRecord(
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"restore {backup.manifest.made} {token}")),
            source="autolearn/restore",
            type=type_of(type(command)),
            subject=stream,
            time=now,
            actor=RESTORE,
            grant=SYSADMIN,
            data=raw(command),
        )
        log.append(
            commands.name,
            encode(record),
            key=stream,
            headers=CONTENT_TYPE,
            delivered=lambda error, *_: failures.append(error) if error else None,
        )
    log.flush(PATIENCE)
    if failures:
        raise failures[0]
    return len(tokens)
