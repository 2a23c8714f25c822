"""The only conversion between bytes and types.

A command and an event are CloudEvents 1.0 in structured mode, JSON format
(https://github.com/cloudevents/spec, `application/cloudevents+json`). Our attributes are
CloudEvents extension attributes. `data` stays raw until it is read, so a reader of the envelope
pays only for the envelope.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.structs import force_setattr, replace

from autolearn.schemas.bounds import ERASURE_TEXT
from autolearn.schemas.commands import COMMANDS
from autolearn.schemas.errors import MalformedRecord, UnknownType
from autolearn.schemas.events import EVENTS
from autolearn.schemas.messages import Command, Event, type_of
from autolearn.schemas.upcasters import UPCASTERS
from autolearn.schemas.values import StreamId
from autolearn.schemas.workers.labels import TEXT

T = TypeVar("T")
Headers = tuple[tuple[str, bytes], ...]

CONTENT_TYPE: Headers = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
"""The Kafka header of every command and event (CloudEvents Kafka protocol binding, 3.3)."""


NO_EVENT = "autolearn.NoEvent"
"""The type of a record on `events` that is no event. It has no term, and never counts."""


DEEPEST = 100
"""The deepest nesting of a command's JSON. Decoders recurse: a program in a deep call stack decodes
less than another, and every program must be able to read `events`."""

Short = Annotated[str, Meta(max_length=200)]
Some = Short | UnsetType
Long = Annotated[str, Meta(max_length=2000)]
Requests = Annotated[str, Meta(max_length=ERASURE_TEXT)] | UnsetType
LabelText = Annotated[Long, Meta(pattern=TEXT)]
Routes = Annotated[Long, Meta(pattern=r"^([a-z0-9._-]+=\d{1,3}(,(?!$)|$))*$")]
"""Such as challenger=10,champion=90."""

ATTRIBUTES = (
    *("run", "attempt", "worker", "kind", "training", "study", "artifact", "maxattempts", "labels"),
    *("pipelinerun", "cachekey", "pipeline"),
    *("expires", "bytes", "rows", "everybody", "marks"),
    *("experiment", "number", "alias", "before"),
    *("task", "revision", "routes", "guards", "shadow", "requests"),
    *("experiment", "number", "alias", "before", "model"),
)
"""Attributes that are copied in clear into the envelope of an encrypted message."""


class CommandRecord(Struct, frozen=True, kw_only=True, gc=False):
    """A command as it lies on the log.

    `id` is the command's id, `subject` its stream, `time` RFC 3339 in UTC and `actor` its sender;
    `fingerprint` distinguishes requests with the same id and other content. `grant` is the right
    that `actor` has beside the name, and `via` the group whose grant it uses (`schemas.actors`).
    They are short, because every answer repeats them, however large the command's data are.

    The data are in `data`, or encrypted with the key `keyid` in `data_base64`; the attributes
    between repeat some of them in clear (`schemas.confidentiality`).
    """

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Meta(min_length=1, max_length=200)]
    source: Short
    type: Short
    subject: Annotated[StreamId, Meta(max_length=200)]
    time: Short
    actor: Short = ""
    grant: Some = UNSET
    via: Some = UNSET
    fingerprint: Short = ""
    keyid: Some = UNSET
    run: Some = UNSET
    attempt: int | UnsetType = UNSET
    worker: Some = UNSET
    kind: Some = UNSET
    training: Some = UNSET
    study: Some = UNSET
    pipelinerun: Some = UNSET
    cachekey: Some = UNSET
    pipeline: Some = UNSET
    artifact: Some = UNSET
    maxattempts: int | UnsetType = UNSET
    labels: LabelText | UnsetType = UNSET
    expires: int | UnsetType = UNSET
    bytes: int | UnsetType = UNSET
    rows: int | UnsetType = UNSET
    everybody: bool | UnsetType = UNSET
    marks: bool | UnsetType = UNSET
    experiment: Some = UNSET
    number: int | UnsetType = UNSET
    alias: Some = UNSET
    before: int | UnsetType = UNSET
    task: Some = UNSET
    revision: int | UnsetType = UNSET
    routes: Routes | UnsetType = UNSET
    guards: Long | UnsetType = UNSET
    shadow: Some = UNSET
    requests: Requests = UNSET
    model: Some = UNSET
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
    subject: StreamId
    time: str
    sequence: int
    causationid: str = ""
    commandoffset: int = -1
    prev: int = -1
    term: int
    actor: str = ""
    grant: Some = UNSET
    via: Some = UNSET
    fingerprint: str = ""
    keyid: Some = UNSET
    run: Some = UNSET
    attempt: int | UnsetType = UNSET
    worker: Some = UNSET
    kind: Some = UNSET
    training: Some = UNSET
    study: Some = UNSET
    pipelinerun: Some = UNSET
    cachekey: Some = UNSET
    pipeline: Some = UNSET
    artifact: Some = UNSET
    maxattempts: int | UnsetType = UNSET
    labels: LabelText | UnsetType = UNSET
    expires: int | UnsetType = UNSET
    bytes: int | UnsetType = UNSET
    rows: int | UnsetType = UNSET
    everybody: bool | UnsetType = UNSET
    marks: bool | UnsetType = UNSET
    experiment: Some = UNSET
    number: int | UnsetType = UNSET
    alias: Some = UNSET
    before: int | UnsetType = UNSET
    task: Some = UNSET
    revision: int | UnsetType = UNSET
    routes: Routes | UnsetType = UNSET
    guards: Long | UnsetType = UNSET
    shadow: Some = UNSET
    requests: Requests = UNSET
    model: Some = UNSET
    datacontenttype: str = "application/json"
    data: Raw | UnsetType = Raw(b"{}")
    data_base64: str | UnsetType = UNSET


R = TypeVar("R", CommandRecord, EventRecord)

_UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError, OverflowError)
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))

encoder = msgspec.json.Encoder(order="deterministic")
command_decoder = msgspec.json.Decoder(CommandRecord)
event_decoder = msgspec.json.Decoder(EventRecord)
command_data = {name: msgspec.json.Decoder(kind) for name, kind in COMMANDS.items()}
event_data = {name: msgspec.json.Decoder(kind) for name, kind in EVENTS.items()}
newest = {name.rpartition(".v")[0]: name for name in EVENTS}


def encode(record: CommandRecord | EventRecord) -> bytes:
    """Encode a record as JSON; equal records give equal bytes."""
    return encoder.encode(record)


def raw(message: Command | Event) -> Raw:
    """Return a message as the `data` of a record."""
    return Raw(encoder.encode(message))


def clear_data(record: CommandRecord | EventRecord) -> Raw:
    """Return the data of a record in clear.

    Raises:
        MalformedRecord: the record is encrypted; `session_cipher` decrypts it first.
    """
    if record.data_base64 is not UNSET:
        raise MalformedRecord(f"The data of the {record.type} with id {record.id} are encrypted.")
    return Raw(b"{}") if record.data is UNSET else record.data


def kept(record: EventRecord) -> Raw:
    """Return the data of an event as rows and tasks store them.

    In clear they are an object. Encrypted they are a list: the key's id, the event's id and type,
    and the ciphertext in base64.
    """
    if record.data_base64 is UNSET:
        return clear_data(record)
    return Raw(encoder.encode((record.keyid, record.id, record.type, record.data_base64)))


def to_json(value: object) -> bytes:
    """Encode a value as JSON with sorted keys."""
    return encoder.encode(value)


def from_json(data: bytes | Raw, kind: type[T]) -> T:
    """Decode JSON as a value of `kind`.

    Raises:
        MalformedRecord: it is not JSON, or does not fit.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except _UNREADABLE as error:
        raise MalformedRecord(f"{error}.") from None


def decode_command(value: bytes) -> CommandRecord:
    """Decode the record of a command, but not its data.

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
    except _UNREADABLE as error:
        why = str(error)
    raise MalformedRecord(f"A command cannot be decoded: {why}.")


def _without_default(record: R) -> R:
    """Remove the default data of a record that was just decoded and is encrypted."""
    if record.data_base64 is not UNSET:
        force_setattr(record, "data", UNSET)  # nobody else has it yet
    return record


def is_too_deep(value: bytes, levels: int = DEEPEST) -> bool:
    """Return whether lists and objects of JSON are nested deeper than so many levels."""
    if value.count(b"[") + value.count(b"{") <= levels:
        return False
    brackets = _STRING.sub(b"", value).translate(_ONE_KIND, _NO_BRACKET)
    for _ in range(levels):  # take away the innermost pairs each time
        brackets = brackets.replace(b"[]", b"")
    return brackets != b""


def decode_event(value: bytes) -> EventRecord:
    """Decode the record of an event, but not its data.

    Raises:
        MalformedRecord: the bytes are not a CloudEvent in JSON.
    """
    try:
        return _without_default(event_decoder.decode(value))
    except _UNREADABLE as error:
        raise MalformedRecord(f"An event cannot be decoded: {error}.") from None


def event_on_log(value: bytes | None) -> EventRecord:
    """Decode a value on `events`; a value that is no event becomes a record that never counts."""
    try:
        return decode_event(value or b"")
    except MalformedRecord:
        mark = hashlib.sha256(value or b"").hexdigest()[:32]
        return EventRecord(
            id=mark, source="", type=NO_EVENT, subject=StreamId(""), time="", sequence=0, term=-1
        )


def command_of(record: CommandRecord) -> Command:
    """Decode the data of a command's record.

    Raises:
        UnknownType: there is no such command.
        MalformedRecord: its data do not fit its type.
    """
    decoder = command_data.get(record.type)
    if decoder is None:
        raise UnknownType(f"There is no command {record.type[:200]!r}.")
    try:
        return decoder.decode(clear_data(record))
    except _UNREADABLE as error:
        raise MalformedRecord(f"The data of a {record.type} do not fit: {error}.") from None


def event_of(record: EventRecord) -> Event:
    """Decode the data of an event's record, lifted to the present version of its type.

    Raises:
        UnknownType: there is no such event, or its version is newer than this program.
        MalformedRecord: its data do not fit its type.
    """
    decoder = event_data.get(record.type)
    try:
        if decoder is not None:
            return decoder.decode(clear_data(record))
        return _lift(record)
    except _UNREADABLE as error:
        raise _unfit(record, error) from None


def read_part(record: EventRecord, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode only the fields of the decoder's type from an event of a present version.

    For encrypted data, decode only the envelope's ATTRIBUTES.

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
    except (*_UNREADABLE, TypeError) as error:  # an attribute is missing
        raise _unfit(record, error) from None


def lifted(record: EventRecord) -> EventRecord:
    """Lift an event's record to the present version of its type.

    Raises:
        UnknownType: there is no such event, or its version is newer than this program.
        MalformedRecord: its data do not fit its type.
    """
    if record.type in event_data:
        return record
    if record.data_base64 is not UNSET:
        return replace(record, type=present_type(record))
    event = event_of(record)
    return replace(record, type=type_of(type(event)), data=raw(event))


def present_type(record: EventRecord) -> str:
    """Return the present type of an event's record.

    Raises:
        UnknownType: there is no such event, or its version is newer than this program.
    """
    name = record.type
    while name in UPCASTERS:
        name, _ = UPCASTERS[name]
    if name not in EVENTS:
        raise _unknown(record)
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
        raise _unknown(record)
    return msgspec.convert(data, EVENTS[name])


def _unknown(record: EventRecord) -> UnknownType:
    """Return the error for an event that this program does not know."""
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
