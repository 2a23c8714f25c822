"""Putting the command of a dead letter back on the log, once."""

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
from autolearn.projections.rows.view_rows import Answer
from autolearn.schemas.codec import CommandRecord, command_of, decode_command
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.dead_letter import RETRY_HEADER
from autolearn.schemas.stream_kinds import kind_of

__all__ = ["Retried", "check", "retry"]


class Retried(NamedTuple):
    """What a retry came to: the command's id, and its answer; None while nobody has decided it."""

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
    """Ask again for what a dead letter asked for, or for `value` in its place.

    The command keeps its id, stream, type, data and actor, and is asked for now: its time is of
    the retry, because the order of times on the log is that of what was decided. The actor of a
    `value` is who gives it. An answer that is there already is returned, and nothing is sent:
    whoever sent the command may have repaired it.

    Raises:
        Problem: it still is no command; it is for others to change that session (403); or the
            command is refused, or cannot be sent.
    """
    command = command_id(found)
    await context.reader.fresh()
    if (answer := context.queries.answer(command)) is not None:
        return Retried(command, answer)
    record = replace(check(context, found, value), id=command)
    if value is not None:
        record = _given_by(who, record, context)
    fingerprint = record.fingerprint if value is None else hashlib.sha256(value).hexdigest()[:32]
    answered = await context.commands.post(
        record.subject,
        command_of(record),
        CommandRequest(command, fingerprint, prefer, grant=record.grant or "", call=call),
        record.actor,
        headers=((RETRY_HEADER, found.id.encode()),),
    )
    return Retried(command, None if isinstance(answered, Accepted) else answered)


def _given_by(who: Principal, record: CommandRecord, context: ApiContext) -> CommandRecord:
    """Return a command as somebody's own: in the name of others nobody asks for anything.

    Raises:
        Problem: it is about a session of others (403).
    """
    if who.everything:
        return replace(record, grant=who.grant)
    kind, _, session = record.subject.partition("/")
    moment = context.queries.latest()
    there = kind == "session" and moment.owner(session) is not None
    if there and level_of(who, moment, session) < Level.OWN:
        raise forbidden("It is about a session of somebody else.")
    return replace(record, actor=who.name, grant=who.grant or UNSET)


def check(context: ApiContext, found: FoundDeadLetter, value: bytes | None) -> CommandRecord:
    """Return the command of a letter in clear, or that of `value`, which is to take its place.

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
    """Return the problem of what cannot be put back."""
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
