"""The confidential messages of sessions, datasets and models, and their parts in clear.

A message of a type in `CLEAR` is encrypted in a stream that has a key. Its envelope repeats in
clear all that folds, dispatch and the deciders' rules need: they give the same result with the key,
without it, and after it was shredded. Messages of other types only name the run, attempt, worker or
user.
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
from autolearn.schemas.models.versions import VersionSource
from autolearn.schemas.results import StepResult, artifact_of
from autolearn.schemas.values import AttachedFile, TrainedArtifact
from autolearn.schemas.work_kinds import WORK, kind_of_run
from autolearn.schemas.workers.labels import labels_in, text_of

Message = Command | Event
_REGISTERS = commands.RegisterDataset | events.DatasetRegistered
_STEPS = commands.RecordStep | events.StepRecorded
_VERSIONS = commands.RegisterVersion | events.VersionRegistered
_ROUTES = commands.SetTraffic | events.TrafficSet
_ANNOTATES = commands.AnnotateSession | events.SessionAnnotated
_COMPLETES = (
    commands.CompleteRun | commands.ImportTraining | events.RunCompleted | events.TrainingImported
)
_REQUEST = ("run", "training", "study", "pipelinerun", "maxattempts", "model", "labels")
"""The fields of a run's request that are in clear."""

_FIELDS = {"maxattempts": "max_attempts", "pipelinerun": "pipeline_run"}
"""The fields whose attributes have another name."""


def _field_of(attribute: str) -> str:
    return _FIELDS.get(attribute, attribute)


CLEAR: dict[type[Message], tuple[str, ...]] = {
    commands.RegisterDataset: ("artifact", "bytes", "rows", "everybody", "marks"),
    commands.LabelRows: ("rows",),
    commands.ExpectDataset: ("number",),
    commands.OpenSession: ("expires", "pipeline"),
    commands.RenameSession: (),
    commands.AnnotateSession: ("run", "artifact"),
    commands.CompleteRun: ("run", "attempt", "worker", "kind", "artifact", "bytes"),
    commands.FailRun: ("run", "attempt", "worker"),
    commands.ImportTraining: ("run", "artifact"),
    commands.RegisterVersion: ("experiment", "training", "task", "artifact"),
    commands.RetireVersion: ("number",),
    commands.Promote: ("number", "alias"),
    commands.RollBack: ("alias",),
    commands.SetTraffic: ("routes", "guards"),
    commands.SetShadow: ("shadow",),
    commands.AddCase: (),
    commands.ErasePredictions: ("requests",),
    commands.ApplyPipeline: (),
    commands.RecordStep: ("run", "cachekey"),
    events.PipelineApplied: ("number",),
    events.StepRecorded: ("run", "cachekey"),
    events.VersionRegistered: ("number", "experiment", "training", "task", "artifact"),
    events.VersionRetired: ("number",),
    events.VersionPromoted: ("number", "alias", "before"),
    events.VersionRolledBack: ("number", "alias", "before"),
    events.TrafficSet: ("revision", "routes", "guards"),
    events.ShadowSet: ("shadow",),
    events.CaseAdded: ("number",),
    events.PredictionsErased: ("requests",),
    events.DatasetRegistered: ("artifact", "bytes", "rows", "everybody", "marks"),
    events.RowsLabelled: ("rows",),
    events.DatasetExpected: ("number",),
    events.SessionOpened: ("expires", "pipeline"),
    events.SessionRenamed: (),
    events.SessionAnnotated: ("run", "artifact"),
    events.RunCompleted: ("run", "attempt", "worker", "kind", "artifact", "bytes"),
    events.RunFailed: ("run", "attempt", "worker"),
    events.TrainingImported: ("run", "artifact"),
    **{
        request: tuple(name for name in _REQUEST if _field_of(name) in request.__struct_fields__)
        for work in WORK.values()
        for request in (work.request, work.requested)
    },
}
"""The attributes in clear of each confidential type."""

_SPEC = {"artifact": "stored", "bytes": "bytes", "rows": "rows"}
"""The fields of a dataset's specification by the attributes."""


def is_confidential(kind: type[Message]) -> bool:
    """Return whether messages of a type are encrypted in a stream with a key."""
    return kind in CLEAR


def clear_part(message: Message) -> dict[str, str | int]:
    """Return the attributes of a confidential message that are in clear.

    `kind` is that of the result; `artifact` is the folder of its artifact, if there is one, named
    by the SHA-256 of the encrypted content. Of versions only an imported one has it: the artifact
    of a training is that of its experiment.
    """
    told = {name: _value_of(message, name) for name in CLEAR[type(message)]}
    return {name: value for name, value in told.items() if value is not UNSET}


def _value_of(message: Any, attribute: str) -> Any:
    if attribute in _SPEC and isinstance(message, _REGISTERS):
        return getattr(message.spec, _SPEC[attribute])
    if attribute == "cachekey":
        return message.outcome.key or UNSET
    if attribute == "bytes":  # those of a step count for a quota of its pipeline
        result = message.result
        return result.artifact.bytes if isinstance(result, StepResult) else UNSET
    if attribute == "task":
        return message.source.task
    if attribute == "routes":
        return ",".join(f"{name}={percent}" for name, percent in sorted(message.routes.items()))
    if attribute == "guards":
        return ",".join(message.guards)
    if attribute == "kind":
        return kind_of_run(message.result)
    if attribute == "artifact" and isinstance(message, _ANNOTATES):
        return message.file.artifact.folder if message.file else UNSET
    if attribute == "artifact" and isinstance(message, _VERSIONS):
        return UNSET if message.experiment else message.source.artifact.folder
    if attribute == "labels":
        return text_of(message.labels) or UNSET
    if attribute == "artifact":
        artifact = artifact_of(message.result)
        return artifact.folder if artifact else UNSET
    if attribute == "run":
        return message.run or UNSET  # an annotation may be of no run
    if attribute in ("study", "model", "pipeline"):
        return getattr(message, attribute) or UNSET
    return getattr(message, _field_of(attribute))


def outline_of(record: EventRecord) -> Event:
    """Return the part of an event that can be read without a key.

    An event in clear is returned whole. An encrypted one has what its envelope has, and all else is
    empty. Folds may depend on nothing more, so that every reader gets the same.

    Raises:
        UnknownType: there is no such event, or its version is newer than this program.
        MalformedRecord: its data do not fit its type.
    """
    if record.data_base64 is UNSET:
        return event_of(record)
    event: Event = _outlined(EVENTS[present_type(record)], record)
    return event


def command_outline(record: CommandRecord) -> Command:
    """Return the part of an encrypted command that can be read without a key.

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
    if isinstance(message, _REGISTERS):
        return _registering(message, record)
    if isinstance(message, _COMPLETES):
        message = _completing(message, record)
    if isinstance(message, _ANNOTATES) and record.artifact is not UNSET:
        artifact = TrainedArtifact("", {}, 0, stored=record.artifact)
        message = replace(message, file=AttachedFile("", "", 0, artifact))
    if isinstance(message, _VERSIONS):
        message = replace(message, source=_sourcing(message.source, record))
    if isinstance(message, _STEPS) and record.cachekey is not UNSET:
        message = replace(message, outcome=replace(message.outcome, key=record.cachekey))
    if isinstance(message, _ROUTES):
        return _routing(message, record)
    told = {_field_of(name): getattr(record, name) for name in CLEAR[kind]}
    fields = {name: told[name] for name in message.__struct_fields__ if name in told}
    if (labels := fields.get("labels", UNSET)) is not UNSET:
        fields["labels"] = labels_in(labels)
    return replace(message, **{name: one for name, one in fields.items() if one is not UNSET})


def _completing(message: Any, record: CommandRecord | EventRecord) -> Any:
    work = None if record.kind is UNSET else WORK.get(record.kind)
    result = empty(work.result) if work else message.result
    artifact = artifact_of(result)
    if artifact is not None and record.artifact is not UNSET:
        size = 0 if record.bytes is UNSET else record.bytes
        result = replace(result, artifact=replace(artifact, stored=record.artifact, bytes=size))
    return replace(message, result=result)


def _sourcing(source: VersionSource, record: CommandRecord | EventRecord) -> VersionSource:
    if record.artifact is not UNSET:
        source = replace(source, artifact=replace(source.artifact, stored=record.artifact))
    return source if record.task is UNSET else replace(source, task=record.task)


def _routing(message: Any, record: CommandRecord | EventRecord) -> Any:
    routes = (one.partition("=") for one in (record.routes or "").split(",") if one)
    guards = tuple(filter(None, (record.guards or "").split(",")))
    revision = {} if record.revision is UNSET else {"revision": record.revision}
    shares = {name: int(percent) for name, _, percent in routes}
    return replace(message, routes=shares, guards=guards, **revision)


def _registering(message: Any, record: CommandRecord | EventRecord) -> Any:
    told = {field: getattr(record, name) for name, field in _SPEC.items()}
    told = {field: value for field, value in told.items() if value is not UNSET}
    name = record.subject.partition("/")[2]
    spec = replace(message.spec, name=name, origin="uploaded", **told)
    return replace(
        message, spec=spec, everybody=record.everybody is True, marks=record.marks is True
    )


def empty(kind: type[Struct]) -> Any:
    """Return a struct of a type with empty fields."""
    if kind not in empties:
        raise KeyError(f"{kind.__name__} is not confidential")
    return empties[kind]


def _nothing(kind: msgspec.inspect.Type) -> Any:
    """Return the empty value of a type, as JSON has it."""
    match kind:
        case msgspec.inspect.StructType(fields=fields):
            tag = {kind.tag_field: kind.tag} if kind.tag_field else {}
            held = [field for field in fields if not _is_unset(field)]
            return {field.encode_name: _nothing(field.type) for field in held} | tag
        case msgspec.inspect.UnionType(types=types):
            options = [_nothing(one) for one in types]
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
        case msgspec.inspect.LiteralType(values=values):
            return values[0]
    return None


def _is_unset(field: msgspec.inspect.Field) -> bool:
    """Return whether a field is UNSET without a value."""
    none = msgspec.NODEFAULT
    return not field.required and field.default is none and field.default_factory is none


empties = {
    kind: msgspec.convert(_nothing(msgspec.inspect.type_info(kind)), kind)
    for kind in (*CLEAR, *(work.result for work in WORK.values()))
}
"""An empty message of every confidential type, and an empty result of every kind."""

assert {*map(type_of, CLEAR)} <= {*COMMANDS, *EVENTS}
