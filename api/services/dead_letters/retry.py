"""Retries the command of a dead letter, once."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest, Prefer
from autolearn.api.commands.recorded_request import RecordedRequest
from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import Level, level_of
from autolearn.api.shared.authorization import forbidden
from autolearn.api.state.context import ApiContext
from autolearn.api.state.dead_letters import FoundDeadLetter, command_id
from autolearn.projections.rows.command_answers import Answer
from autolearn.schemas.codec import CommandRecord, command_of, decode_command
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.dead_letter import RETRY_HEADER
from autolearn.schemas.stream_kinds import kind_of, session_id


class Retried(NamedTuple):
    """The outcome of a retry: the command's id, and its answer; None while it is undecided."""

    command: str
    answer: Answer | None


async def retry(
    context: ApiContext,
    found: FoundDeadLetter,
    value: bytes | None,
    who: Principal,
    prefer: Prefer,
    call: RecordedRequest | None,
) -> Retried:
    """Send the command of a dead letter again, or `value` in its place.

    The command keeps its id, stream, type, data and actor. Its time is that of the retry, because
    times on the log follow the order of decisions. The actor of a `value` is its sender. If there
    is an answer already, it is returned, and nothing is sent: the original sender may have repaired
    the command.

    Raises:
        Problem: it is still no command; others may change that session (403); or the
        command is refused, or cannot be sent.
    """
    command = command_id(found)
    await context.reader.fresh()
    if (answer := context.queries.answer(command)) is not None:
        return Retried(command, answer)
    record = replace(_check(context, found, value), id=command)
    if value is not None:
        record = _given_by(who, record, context)
    fingerprint = record.fingerprint if value is None else hashlib.sha256(value).hexdigest()[:32]
    answered = await context.commands.post(
        record.subject,
        command_of(record),
        CommandRequest(
            command, fingerprint, prefer, grant=record.grant or "", call=call, via=record.via or ""
        ),
        record.actor,
        headers=((RETRY_HEADER, found.id.encode()),),
    )
    return Retried(command, None if isinstance(answered, Accepted) else answered)


def _given_by(who: Principal, record: CommandRecord, context: ApiContext) -> CommandRecord:
    """Return a command with the principal as actor: nobody sends in the name of others.

    Raises:
        Problem: it is about a session of others (403).
    """
    if who.everything:
        return replace(record, grant=who.grant, via=UNSET)
    session, snapshot = session_id(record.subject), context.queries.latest()
    there = record.subject.startswith("session/") and snapshot.sessions.owner(session) is not None
    if there and level_of(who, snapshot, session) < Level.OWN:
        raise forbidden("It is about a session of somebody else.")
    return replace(record, actor=who.name, grant=who.grant or UNSET, via=UNSET)


def _check(context: ApiContext, found: FoundDeadLetter, value: bytes | None) -> CommandRecord:
    """Return the command of a letter in clear, or that of `value`, which replaces it.

    Raises:
        Problem: it would become a dead letter again.
    """
    letter = found.letter
    try:
        record = decode_command((letter.value or b"") if value is None else value)
        record = context.vault.open(record)
        command_of(record)
        kind_of(record.subject)
    except MalformedRecord as error:
        raise _still_malformed(found, value, error.detail) from None
    except ValueError as error:
        why = f"The subject names no stream: {error}."
        raise _still_malformed(found, value, why) from None
    if value is None and letter.key != record.subject.encode():
        why = f"The record's key is {letter.key!r:.200}, its subject {record.subject!r}."
        raise _still_malformed(found, value, why)
    return record


def _still_malformed(found: FoundDeadLetter, value: bytes | None, why: str) -> Problem:
    """Return the problem of a value that is still no command."""
    if value is not None:
        errors = [{"pointer": "#/value", "detail": why}]
        return Problem(422, "malformed-command", "That is no command", why, errors=errors)
    cut = " Only its beginning was kept." if found.letter.cut else ""
    return Problem(
        409,
        "still-malformed",
        "The dead letter still cannot be decoded",
        f"{why}{cut} Give a corrected command in its place (`value`; --value FILE), or a version "
        "of AutoLearn that knows it.",
    )
