"""The only door between bytes and types.

A command and an event are CloudEvents 1.0 in structured mode, JSON format
(https://github.com/cloudevents/spec, `application/cloudevents+json`). The attributes of ours are
CloudEvents extension attributes. `data` stays raw until it is asked for, so that a reader that
only needs the envelope pays only for the envelope.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.structs import force_setattr, replace

from autolearn.schemas.commands import COMMANDS
from autolearn.schemas.errors import MalformedRecord, UnknownType
from autolearn.schemas.events import EVENTS
from autolearn.schemas.messages import Command, Event, type_of
from autolearn.schemas.upcasters import UPCASTERS

__all__ = [
    "CONTENT_TYPE",
    "NO_EVENT",
    "ATTRIBUTES",
    "DEEPEST",
    "CommandRecord",
    "EventRecord",
    "Headers",
    "clear_data",
    "command_of",
    "decode_command",
    "decode_event",
    "event_on_log",
    "encode",
    "event_of",
    "from_json",
    "is_too_deep",
    "kept",
    "lifted",
    "present_type",
    "raw",
    "read_part",
    "to_json",
]

T = TypeVar("T")
Headers = tuple[tuple[str, bytes], ...]

CONTENT_TYPE: Headers = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
"""The Kafka header of every command and event (CloudEvents Kafka protocol binding, 3.3)."""


NO_EVENT = "autolearn.NoEvent"
"""The type of a record on `events` that is no event. It is of no term, and never counts."""


DEEPEST = 100
"""How deep the JSON of a command may be nested. Decoders recurse: what one program can just decode,
another, which is deeper in its own calls, cannot; and nothing on `events` may be unreadable."""

Short = Annotated[str, Meta(max_length=200)]
Some = Short | UnsetType

ATTRIBUTES = (
    *("run", "attempt", "worker", "kind", "training", "artifact", "maxattempts", "expires"),
    *("bytes", "rows", "everybody", "marks"),
)
"""What of encrypted data is in the envelope as well, so that nobody needs a key to fold it."""


class CommandRecord(Struct, frozen=True, kw_only=True, gc=False):
    """A command as it lies on the log.

    `id` is the command's id, `subject` its stream, `time` RFC 3339 in UTC, `actor` who asks, and
    `fingerprint` tells requests with the same id but another content apart. `grant` is the right
    that `actor` has beside the name (`schemas.actors`). They are short, because every answer
    repeats them and must be written, however large the command's data are.

    The data are in `data`, or encrypted with the key `keyid` in `data_base64`; what of these is
    said in clear is in the attributes between (`schemas.confidentiality`).
    """

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Meta(min_length=1, max_length=200)]
    source: Short
    type: Short
    subject: Short
    time: Short
    actor: Short = ""
    grant: Some = UNSET
    fingerprint: Short = ""
    keyid: Some = UNSET
    run: Some = UNSET
    attempt: int | UnsetType = UNSET
    worker: Some = UNSET
    kind: Some = UNSET
    training: Some = UNSET
    artifact: Some = UNSET
    maxattempts: int | UnsetType = UNSET
    expires: int | UnsetType = UNSET
    bytes: int | UnsetType = UNSET
    rows: int | UnsetType = UNSET
    everybody: bool | UnsetType = UNSET
    marks: bool | UnsetType = UNSET
    datacontenttype: str = "application/json"
    data: Raw | UnsetType = Raw(b"{}")
    data_base64: str | UnsetType = UNSET


class EventRecord(Struct, frozen=True, kw_only=True, gc=False):
    """An event as it lies on the log.

    `subject` is its stream and `sequence` its number there, from 1; `causationid` is the id of the
    command that it answers and `commandoffset` that command's offset; `prev` is the offset of the
    command answered before it on this partition (-1 for none); `term` numbers the decider's
    tenure of the partition. `time` is the command's. The rest is as in a CommandRecord.
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
    grant: Some = UNSET
    fingerprint: str = ""
    keyid: Some = UNSET
    run: Some = UNSET
    attempt: int | UnsetType = UNSET
    worker: Some = UNSET
    kind: Some = UNSET
    training: Some = UNSET
    artifact: Some = UNSET
    maxattempts: int | UnsetType = UNSET
    expires: int | UnsetType = UNSET
    bytes: int | UnsetType = UNSET
    rows: int | UnsetType = UNSET
    everybody: bool | UnsetType = UNSET
    marks: bool | UnsetType = UNSET
    datacontenttype: str = "application/json"
    data: Raw | UnsetType = Raw(b"{}")
    data_base64: str | UnsetType = UNSET


R = TypeVar("R", CommandRecord, EventRecord)

UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError, OverflowError)
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


def clear_data(record: CommandRecord | EventRecord) -> Raw:
    """Return the data of a record that is not encrypted.

    Raises:
        MalformedRecord: it is encrypted; whoever has the key opens it first (`session_cipher`).
    """
    if record.data_base64 is not UNSET:
        raise MalformedRecord(f"The data of the {record.type} with id {record.id} are encrypted.")
    return Raw(b"{}") if record.data is UNSET else record.data


def kept(record: EventRecord) -> Raw:
    """Return the data of an event as rows and tasks keep them, for whoever has the key.

    In clear they are an object; encrypted ones a list: the key's id, the event's id and type, and
    what is encrypted, in base64.
    """
    if record.data_base64 is UNSET:
        return clear_data(record)
    return Raw(encoder.encode((record.keyid, record.id, record.type, record.data_base64)))


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
        record = _without_default(command_decoder.decode(value))
        if not is_too_deep(value):
            return record
        why = f"it is nested deeper than {DEEPEST}"
    except RecursionError:
        why = f"it is nested deeper than {DEEPEST}"
    except UNREADABLE as error:
        why = str(error)
    raise MalformedRecord(f"A command cannot be decoded: {why}.")


def _without_default(record: R) -> R:
    """Return a record that was just decoded; one that is encrypted has no data in clear."""
    if record.data_base64 is not UNSET:
        force_setattr(record, "data", UNSET)  # nobody else has it yet
    return record


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
        return _without_default(event_decoder.decode(value))
    except UNREADABLE as error:
        raise MalformedRecord(f"An event cannot be decoded: {error}.") from None


def event_on_log(value: bytes | None) -> EventRecord:
    """Return the record of a value on `events`; of what is no event, one that never counts."""
    try:
        return decode_event(value or b"")
    except MalformedRecord:
        mark = hashlib.sha256(value or b"").hexdigest()[:32]
        return EventRecord(
            id=mark, source="", type=NO_EVENT, subject="", time="", sequence=0, term=-1
        )


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
        return decoder.decode(clear_data(record))
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
            return decoder.decode(clear_data(record))
        return _lift(record)
    except UNREADABLE as error:
        raise _unfit(record, error) from None


def read_part(record: EventRecord, decoder: msgspec.json.Decoder[T]) -> T:
    """Return some of the data of an event of a present version: what the decoder's type has.

    Of data that are encrypted, what the envelope says: its fields are ATTRIBUTES.

    Raises:
        MalformedRecord: its data do not fit.
    """
    try:
        if record.data_base64 is UNSET:
            return decoder.decode(clear_data(record))
        told = {
            name: value
            for name in decoder.type.__struct_fields__  # type: ignore[attr-defined]
            if (value := getattr(record, name)) is not UNSET
        }
        return decoder.type(**told)
    except (*UNREADABLE, TypeError) as error:  # an attribute is missing
        raise _unfit(record, error) from None


def lifted(record: EventRecord) -> EventRecord:
    """Return an event's record in the present version of its type; most are so already.

    Raises:
        UnknownType: there is no such event, or it is of a newer version than this program knows.
        MalformedRecord: its data do not fit its type.
    """
    if record.type in event_data:
        return record
    if record.data_base64 is not UNSET:
        return replace(record, type=present_type(record))
    event = event_of(record)
    return replace(record, type=type_of(type(event)), data=raw(event))


def present_type(record: EventRecord) -> str:
    """Return the type that an event's record is lifted to.

    Raises:
        UnknownType: there is no such event, or it is of a newer version than this program knows.
    """
    name = record.type
    while name in UPCASTERS:
        name, _ = UPCASTERS[name]
    if name not in EVENTS:
        raise unknown(record)
    return name


def _unfit(record: EventRecord, error: Exception) -> MalformedRecord:
    return MalformedRecord(
        f"The data of the {record.type} with id {record.id} do not fit: {error}."
    )


def _lift(record: EventRecord) -> Event:
    name, data = record.type, None
    while name in UPCASTERS:
        name, upcast = UPCASTERS[name]
        data = upcast(msgspec.json.decode(clear_data(record)) if data is None else data)
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
