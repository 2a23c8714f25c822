"""Answers one command by one event: the pure part of the write path, also used in tests."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import UNSET, Raw
from msgspec.structs import replace

from autolearn.agents.command_handling.state_store import Stream, decider_of
from autolearn.agents.deciders import is_for_viewers
from autolearn.eventlog.encryption.session_cipher import SessionCipher, belongs
from autolearn.schemas import commands, events
from autolearn.schemas.actors import VIEWER, VIEWER_REFUSED, Actor
from autolearn.schemas.bounds import LARGEST_COMMAND, LARGEST_EVENT, check_size, size_of
from autolearn.schemas.codec import CommandRecord, EventRecord, clear_data, command_of, encode, raw
from autolearn.schemas.commands import COMMANDS
from autolearn.schemas.confidentiality import command_outline, is_confidential
from autolearn.schemas.errors import MalformedRecord, TooLarge
from autolearn.schemas.messages import Command, Event, type_of
from autolearn.schemas.sizes import check_command
from autolearn.schemas.stream_kinds import kind_of
from autolearn.schemas.values import StreamId
from autolearn.security.data_key import Unreadable

_SOURCE = "autolearn/decide"
_LONGEST_DETAIL = 1000
_NO_DATA = Raw(b"{}")
_UNREADABLE = events.Refused(
    "unreadable", "It is encrypted with a key that is not there, or was changed on its way."
)
Register = (
    commands.RegisterEstimator
    | commands.RegisterMetric
    | commands.RegisterStep
    | commands.RegisterDataset
)


class AppendFence(NamedTuple):
    """The place of an answer on the log."""

    partition: int
    offset: int
    """Of the command."""
    prev: int
    """Offset of the command answered before."""
    term: int


class Decision(NamedTuple):
    """The answer to a command, and the stream after it."""

    record: EventRecord
    value: bytes
    after: Stream
    event: Event


def check_stream(record: CommandRecord, key: bytes | None) -> None:
    """Check that a command lies in its stream's partition.

    Raises:
        MalformedRecord: its subject is no stream's name, or is not the record's key.
    """
    try:
        kind_of(record.subject)
    except ValueError as error:
        raise MalformedRecord(f"The subject names no stream: {error}.") from None
    if key is None or key != record.subject.encode():
        raise MalformedRecord(
            f"The record's key is {key!r:.200}, its subject {record.subject!r}: they must be equal."
        )
    if record.keyid is not UNSET and not belongs(record.keyid, record.subject):
        raise MalformedRecord(f"{record.keyid!r} is no key of {record.subject!r}.")


def decide(
    stream: Stream,
    record: CommandRecord,
    place: AppendFence,
    vault: SessionCipher | None = None,
    size: int = 0,
) -> Decision:
    """Answer a command. Whatever the rules do, there is exactly one event.

    The answer in a session that has a key is encrypted with it, as the command may be. An
    unreadable command is refused: for the reason that would refuse every command now, or as
    unreadable. `size` is that of the command as it lies on the log: one that is too large is
    refused, and so is one whose answer would be too large.

    Raises:
        MalformedRecord: the command's type is unknown, its data do not fit, or it is encrypted
        though commands of its type never are.
    """
    vault = vault or SessionCipher()
    keyid = stream.keyid or ("" if record.keyid is UNSET else record.keyid)
    found = opened(record, vault)
    try:
        check_size("The command", size, LARGEST_COMMAND)
        decision = _judge(stream, record, place, found, keyid)
        if found is None and not isinstance(decision.event, events.Refused):
            return _answer(stream, record, place, _UNREADABLE)
        decision = _sealed(decision, keyid, vault)
        check_size("The answer", size_of(decision.value, record.subject, ()), LARGEST_EVENT)
    except Unreadable:
        return _answer(stream, record, place, _UNREADABLE)
    except TooLarge as error:
        return _answer(stream, record, place, events.Refused("too-large", error.detail))
    return decision


def opened(record: CommandRecord, vault: SessionCipher) -> tuple[Command, Raw] | None:
    """Decode a command's record, and return it with its JSON; None if it cannot be decrypted.

    Raises:
        MalformedRecord: it is no command; whatever goes wrong while it is read.
    """
    if record.data_base64 is not UNSET and not is_confidential(COMMANDS.get(record.type, Command)):
        raise MalformedRecord(f"The data of a {record.type[:200]} are never encrypted.")
    try:
        clear = vault.open(record)
        return command_of(clear), clear_data(clear)
    except Unreadable:
        return None
    except MalformedRecord:
        raise
    except Exception as error:
        raise MalformedRecord(f"It cannot be read: {type(error).__name__}.") from error


def _sealed(decision: Decision, keyid: str, vault: SessionCipher) -> Decision:
    """Encrypt a decision for the log.

    Raises:
        Unreadable: it is confidential, and its key is not known.
    """
    if not keyid or not is_confidential(type(decision.event)):
        return decision
    record = vault.seal(decision.record, decision.event, keyid)
    return _replace_record(decision, record)


def _judge(
    stream: Stream,
    record: CommandRecord,
    place: AppendFence,
    found: tuple[Command, Raw] | None,
    keyid: str,
) -> Decision:
    """Answer a command by the rules; the answer is in clear yet.

    A command that cannot be decrypted has only its envelope.
    """
    command, data = found or (command_outline(record), _NO_DATA)
    decider = decider_of(record.subject)
    event: Event
    if not isinstance(command, decider.commands) or _registers_another(record.subject, command):
        event = events.Refused(
            "wrong-stream", f"{type(command).__name__} is no command for {record.subject}."
        )
        return _answer(stream, record, place, event)
    try:
        check_command(command, data)
        actor = actor_of(record)
        if actor.grant == VIEWER and not is_for_viewers(command, actor):
            event = events.Refused("forbidden", VIEWER_REFUSED)
        else:
            event = decider.decide(stream.state, command, actor)
        return _answer(stream, record, place, event)
    except TooLarge:
        raise
    except Exception as error:  # noqa: BLE001 - a fault in a rule must not stop the partition
        # An error's message may hold confidential data; an answer like this is in clear.
        why = f"{type(error).__name__}: {error}"[:_LONGEST_DETAIL]
        why = type(error).__name__ if keyid else why
        return _answer(stream, record, place, events.CommandFailed(why))


def actor_of(record: CommandRecord) -> Actor:
    """Return the actor of a command, by its envelope."""
    grant = "" if record.grant is UNSET else record.grant
    via = "" if record.via is UNSET else record.via
    return Actor(record.actor, grant, record.subject, record.time, via)


def _registers_another(stream: StreamId, command: Command) -> bool:
    """Return whether a command registers, on one name's stream, something with another name."""
    return isinstance(command, Register) and command.spec.name != stream.partition("/")[2]


def _answer(stream: Stream, command: CommandRecord, place: AppendFence, event: Event) -> Decision:
    """Return an event as the record that answers a command."""
    record = EventRecord(
        id=f"{place.partition}-{place.offset}-{place.term}",
        source=_SOURCE,
        type=type_of(type(event)),
        subject=command.subject,
        time=command.time,
        sequence=stream.sequence + 1,
        causationid=command.id,
        commandoffset=place.offset,
        prev=place.prev,
        term=place.term,
        actor=command.actor,
        grant=command.grant,
        via=command.via,
        fingerprint=command.fingerprint,
        data=raw(event),
    )
    after = decider_of(command.subject).evolve(stream.state, event, command.actor)
    return Decision(record, encode(record), Stream(record.sequence, after, stream.keyid), event)


def _replace_record(decision: Decision, record: EventRecord) -> Decision:
    assert record.keyid is not UNSET
    after = replace(decision.after, keyid=record.keyid)
    return Decision(record, encode(record), after, decision.event)
