"""What of a session or a dataset is confidential, and what of that is said in clear all the same.

A message of a type in `CLEAR` is encrypted in a stream that has a key. What whoever has no key
must know of it stands in its envelope too: that is all that folds, dispatch and the rules of the
deciders need, so that they come to the same with the key, without it, and after it was shredded.
Messages of other types say nothing but which run, attempt, worker or user they are about.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from autolearn.schemas import commands, events
from autolearn.schemas.codec import CommandRecord, EventRecord, event_of, present_type
from autolearn.schemas.commands import COMMANDS
from autolearn.schemas.errors import UnknownType
from autolearn.schemas.events import EVENTS
from autolearn.schemas.messages import Command, Event, type_of
from autolearn.schemas.results import artifact_of
from autolearn.schemas.work_kinds import WORK, kind_of_run

__all__ = ["CLEAR", "clear_part", "command_outline", "empty", "is_confidential", "outline_of"]

Message = Command | Event
REGISTERS = commands.RegisterDataset | events.DatasetRegistered
COMPLETES = commands.CompleteRun | events.RunCompleted
REQUEST = ("run", "training", "maxattempts")
"""What is in clear of the request of a run, of those that it has."""

FIELDS = {"maxattempts": "max_attempts"}
"""The fields of messages whose attributes are called otherwise."""


def _field_of(attribute: str) -> str:
    return FIELDS.get(attribute, attribute)


CLEAR: dict[type[Message], tuple[str, ...]] = {
    commands.RegisterDataset: ("artifact", "bytes", "rows", "everybody", "marks"),
    commands.OpenSession: ("expires",),
    commands.CompleteRun: ("run", "attempt", "worker", "kind", "artifact"),
    commands.FailRun: ("run", "attempt", "worker"),
    events.DatasetRegistered: ("artifact", "bytes", "rows", "everybody", "marks"),
    events.SessionOpened: ("expires",),
    events.RunCompleted: ("run", "attempt", "worker", "kind", "artifact"),
    events.RunFailed: ("run", "attempt", "worker"),
    **{
        request: tuple(name for name in REQUEST if _field_of(name) in request.__struct_fields__)
        for work in WORK.values()
        for request in (work.request, work.requested)
    },
}
"""The attributes that are in clear of each type that is confidential."""

SPEC = {"artifact": "stored", "bytes": "bytes", "rows": "rows"}
"""The fields of a dataset's specification by the attributes."""


def is_confidential(kind: type[Message]) -> bool:
    """Say whether messages of a type are encrypted where there is a key."""
    return kind in CLEAR


def clear_part(message: Message) -> dict[str, str | int]:
    """Return the attributes of a confidential message that are in clear.

    `kind` is that of the result; `artifact` is the folder of the artifact in it, if there is one,
    which is called by the SHA-256 of what is encrypted there.
    """
    told = {name: _value_of(message, name) for name in CLEAR[type(message)]}
    return {name: value for name, value in told.items() if value is not UNSET}


def _value_of(message: Any, attribute: str) -> Any:
    if attribute in SPEC and isinstance(message, REGISTERS):
        return getattr(message.spec, SPEC[attribute])
    if attribute == "kind":
        return kind_of_run(message.result)
    if attribute == "artifact":
        artifact = artifact_of(message.result)
        return artifact.folder if artifact else UNSET
    return getattr(message, _field_of(attribute))


def outline_of(record: EventRecord) -> Event:
    """Return what an event says to whoever has no key.

    An event in clear says all. Of an encrypted one there is what its envelope has, and all else is
    empty. Nothing that is folded may depend on more: then it is the same for everybody.

    Raises:
        UnknownType: there is no such event, or it is of a newer version than this program knows.
        MalformedRecord: its data do not fit its type.
    """
    if record.data_base64 is UNSET:
        return event_of(record)
    event: Event = _outlined(EVENTS[present_type(record)], record)
    return event


def command_outline(record: CommandRecord) -> Command:
    """Return what an encrypted command says to whoever has no key.

    Raises:
        UnknownType: there is no such command.
    """
    kind = COMMANDS.get(record.type)
    if kind is None:
        raise UnknownType(f"There is no command {record.type[:200]!r}.")
    command: Command = _outlined(kind, record)
    return command


def _outlined(kind: type[Any], record: CommandRecord | EventRecord) -> Any:
    message = empty(kind)
    if isinstance(message, REGISTERS):
        return _registering(message, record)
    if isinstance(message, COMPLETES):
        message = _completing(message, record)
    told = {_field_of(name): getattr(record, name) for name in CLEAR[kind]}
    fields = {name: told[name] for name in message.__struct_fields__ if name in told}
    return replace(message, **{name: one for name, one in fields.items() if one is not UNSET})


def _completing(message: Any, record: CommandRecord | EventRecord) -> Any:
    work = None if record.kind is UNSET else WORK.get(record.kind)
    result = empty(work.result) if work else message.result
    artifact = artifact_of(result)
    if artifact is not None and record.artifact is not UNSET:
        result = replace(result, artifact=replace(artifact, stored=record.artifact))
    return replace(message, result=result)


def _registering(message: Any, record: CommandRecord | EventRecord) -> Any:
    told = {field: getattr(record, name) for name, field in SPEC.items()}
    told = {field: value for field, value in told.items() if value is not UNSET}
    name = record.subject.partition("/")[2]
    spec = replace(message.spec, name=name, origin="uploaded", **told)
    return replace(
        message, spec=spec, everybody=record.everybody is True, marks=record.marks is True
    )


def empty(kind: type[Struct]) -> Any:
    """Return a struct of a type in which nothing is said."""
    if kind not in empties:
        raise KeyError(f"{kind.__name__} is not confidential")
    return empties[kind]


def nothing(kind: msgspec.inspect.Type) -> Any:
    """Return the value of a type that says nothing, as JSON has it."""
    match kind:
        case msgspec.inspect.StructType(fields=fields):
            tag = {kind.tag_field: kind.tag} if kind.tag_field else {}
            return {field.encode_name: nothing(field.type) for field in fields} | tag
        case msgspec.inspect.UnionType(types=types):
            options = [nothing(one) for one in types]
            return None if None in options else options[0]
        case msgspec.inspect.StrType():
            return ""
        case msgspec.inspect.BoolType():
            return False
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return 0
        case msgspec.inspect.DictType():
            return {}
        case msgspec.inspect.VarTupleType():
            return []
    return None


empties = {
    kind: msgspec.convert(nothing(msgspec.inspect.type_info(kind)), kind)
    for kind in (*CLEAR, *(work.result for work in WORK.values()))
}
"""A message of every confidential type, and a result of every kind, in which nothing is said."""

assert {*map(type_of, CLEAR)} <= {*COMMANDS, *EVENTS}
