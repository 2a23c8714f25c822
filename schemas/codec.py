"""The only door between bytes and types.

A command and an event are CloudEvents 1.0 in structured mode, JSON format
(https://github.com/cloudevents/spec, `application/cloudevents+json`). The attributes of ours are
CloudEvents extension attributes. `data` stays raw until it is asked for, so that a reader that
only needs the envelope pays only for the envelope.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import replace

from autolearn.schemas.commands import COMMANDS
from autolearn.schemas.errors import MalformedRecord, UnknownType
from autolearn.schemas.events import EVENTS
from autolearn.schemas.messages import Command, Event, type_of
from autolearn.schemas.upcasters import UPCASTERS

__all__ = [
    "CONTENT_TYPE",
    "DEEPEST",
    "CommandRecord",
    "EventRecord",
    "Headers",
    "command_of",
    "decode_command",
    "decode_event",
    "encode",
    "event_of",
    "from_json",
    "is_too_deep",
    "lifted",
    "raw",
    "read_part",
    "to_json",
]

T = TypeVar("T")
Headers = tuple[tuple[str, bytes], ...]

CONTENT_TYPE: Headers = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
"""The Kafka header of every command and event (CloudEvents Kafka protocol binding, 3.3)."""


DEEPEST = 100
"""How deep the JSON of a command may be nested. Decoders recurse: what one program can just decode,
another, which is deeper in its own calls, cannot; and nothing on `events` may be unreadable."""

Short = Annotated[str, Meta(max_length=200)]


class CommandRecord(Struct, frozen=True, kw_only=True, gc=False):
    """A command as it lies on the log.

    `id` is the command's id, `subject` its stream, `time` RFC 3339 in UTC, `actor` who asks, and
    `fingerprint` tells requests with the same id but another content apart. They are short, because
    every answer repeats them and must be written, however large the command's data are.
    """

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Meta(min_length=1, max_length=200)]
    source: Short
    type: Short
    subject: Short
    time: Short
    actor: Short = ""
    fingerprint: Short = ""
    datacontenttype: str = "application/json"
    data: Raw = Raw(b"{}")


class EventRecord(Struct, frozen=True, kw_only=True, gc=False):
    """An event as it lies on the log.

    `subject` is its stream and `sequence` its number there, from 1; `causationid` is the id of the
    command that it answers and `commandoffset` that command's offset; `prev` is the offset of the
    command answered before it on this partition (-1 for none); `term` numbers the decider's
    tenure of the partition. `time` is the command's.
    """

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: str
    sequence: int
    causationid: str = ""
    commandoffset: int = -1
    prev: int = -1
    term: int
    actor: str = ""
    fingerprint: str = ""
    datacontenttype: str = "application/json"
    data: Raw = Raw(b"{}")


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
ONE_KIND = bytes.maketrans(b"{}", b"[]")
NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))

encoder = msgspec.json.Encoder(order="deterministic")
command_decoder = msgspec.json.Decoder(CommandRecord)
event_decoder = msgspec.json.Decoder(EventRecord)
command_data = {name: msgspec.json.Decoder(kind) for name, kind in COMMANDS.items()}
event_data = {name: msgspec.json.Decoder(kind) for name, kind in EVENTS.items()}
newest = {name.rpartition(".v")[0]: name for name in EVENTS}


def encode(record: CommandRecord | EventRecord) -> bytes:
    """Return the bytes of a record: JSON in which equal records are equal bytes."""
    return encoder.encode(record)


def raw(message: Command | Event) -> Raw:
    """Return a message as the `data` of a record."""
    return Raw(encoder.encode(message))


def to_json(value: object) -> bytes:
    """Return any value of ours as JSON with sorted keys."""
    return encoder.encode(value)


def from_json(data: bytes | Raw, kind: type[T]) -> T:
    """Return JSON as a value of `kind`.

    Raises:
        MalformedRecord: it is not JSON, or does not fit.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except UNREADABLE as error:
        raise MalformedRecord(f"{error}.") from None


def decode_command(value: bytes) -> CommandRecord:
    """Return the record of a command; its data are not looked at.

    Raises:
        MalformedRecord: the bytes are not a CloudEvent in JSON, or nested too deep.
    """
    try:
        record = command_decoder.decode(value)
        if not is_too_deep(value):
            return record
        why = f"it is nested deeper than {DEEPEST}"
    except RecursionError:
        why = f"it is nested deeper than {DEEPEST}"
    except UNREADABLE as error:
        why = str(error)
    raise MalformedRecord(f"A command cannot be decoded: {why}.")


def is_too_deep(value: bytes, levels: int = DEEPEST) -> bool:
    """Say whether JSON is nested deeper than so many levels of lists and objects."""
    if value.count(b"[") + value.count(b"{") <= levels:
        return False
    brackets = STRING.sub(b"", value).translate(ONE_KIND, NO_BRACKET)
    for _ in range(levels):  # take away the innermost pairs each time
        brackets = brackets.replace(b"[]", b"")
    return brackets != b""


def decode_event(value: bytes) -> EventRecord:
    """Return the record of an event; its data are not looked at.

    Raises:
        MalformedRecord: the bytes are not a CloudEvent in JSON.
    """
    try:
        return event_decoder.decode(value)
    except UNREADABLE as error:
        raise MalformedRecord(f"An event cannot be decoded: {error}.") from None


def command_of(record: CommandRecord) -> Command:
    """Return what a command's record says.

    Raises:
        UnknownType: there is no such command.
        MalformedRecord: its data do not fit its type.
    """
    decoder = command_data.get(record.type)
    if decoder is None:
        raise UnknownType(f"There is no command {record.type[:200]!r}.")
    try:
        return decoder.decode(record.data)
    except UNREADABLE as error:
        raise MalformedRecord(f"The data of a {record.type} do not fit: {error}.") from None


def event_of(record: EventRecord) -> Event:
    """Return what an event's record says, lifted to the present version of its type.

    Raises:
        UnknownType: there is no such event, or it is of a newer version than this program knows.
        MalformedRecord: its data do not fit its type.
    """
    decoder = event_data.get(record.type)
    try:
        if decoder is not None:
            return decoder.decode(record.data)
        return lift(record)
    except UNREADABLE as error:
        raise unfit(record, error) from None


def read_part(record: EventRecord, decoder: msgspec.json.Decoder[T]) -> T:
    """Return some of the data of an event of a present version: what the decoder's type has.

    Raises:
        MalformedRecord: its data do not fit.
    """
    try:
        return decoder.decode(record.data)
    except UNREADABLE as error:
        raise unfit(record, error) from None


def lifted(record: EventRecord) -> EventRecord:
    """Return an event's record in the present version of its type; most are so already.

    Raises:
        UnknownType: there is no such event, or it is of a newer version than this program knows.
        MalformedRecord: its data do not fit its type.
    """
    if record.type in event_data:
        return record
    event = event_of(record)
    return replace(record, type=type_of(type(event)), data=raw(event))


def unfit(record: EventRecord, error: Exception) -> MalformedRecord:
    """Return the error of an event whose data do not fit its type."""
    return MalformedRecord(
        f"The data of the {record.type} with id {record.id} do not fit: {error}."
    )


def lift(record: EventRecord) -> Event:
    """Return an event of an old version as the present one."""
    name, data = record.type, None
    while name in UPCASTERS:
        name, upcast = UPCASTERS[name]
        data = upcast(msgspec.json.decode(record.data) if data is None else data)
    if data is None or name not in EVENTS:
        raise unknown(record)
    return msgspec.convert(data, EVENTS[name])


def unknown(record: EventRecord) -> UnknownType:
    """Return what there is to say about an event that this program does not know."""
    what = f"The event {record.id} of {record.subject} is a {record.type[:200]!r}"
    known = newest.get(record.type.rpartition(".v")[0])
    if known is None:
        why, who = ", an event that this version does not know", "Most likely a"
    else:
        why, who = f"; this version knows that event up to {known!r}", "A"
    return UnknownType(
        f"{what}{why}.",
        advice=f"{who} newer version of AutoLearn wrote it: use that version or a later one.",
    )
