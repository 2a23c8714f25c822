"""The shapes of message types: of the code, and of all that was shipped (`shapes.json`)."""

import json
from pathlib import Path
from typing import Any

import msgspec
from msgspec import NODEFAULT, Struct

from autolearn.schemas.codec import CommandRecord, EventRecord
from autolearn.schemas.commands import COMMANDS
from autolearn.schemas.dead_letters import DeadLetter
from autolearn.schemas.events import EVENTS
from autolearn.schemas.tasks import Task
from autolearn.schemas.workers import Heartbeat

__all__ = ["PATH", "Shapes", "encoded", "present", "shape_of", "shipped"]

Shapes = dict[str, dict[str, dict[str, Any]]]
"""JSON Schemas by group (commands, events, records) and by name."""

PATH = Path(__file__).parent / "shapes.json"
RECORDS = (CommandRecord, EventRecord, Task, Heartbeat, DeadLetter)
"""What lies on the topics without a version of its own."""


def present() -> Shapes:
    """The shapes of the code as it is."""
    return {
        "commands": {name: shape_of(kind) for name, kind in COMMANDS.items()},
        "events": {name: shape_of(kind) for name, kind in EVENTS.items()},
        "records": {kind.__name__: shape_of(kind) for kind in RECORDS},
    }


def shipped() -> Shapes:
    """The shapes of all message types ever shipped, old versions of events included."""
    return json.loads(PATH.read_bytes())


def encoded(shapes: Shapes) -> str:
    """Shapes as they lie in the file."""
    return json.dumps(shapes, indent=1, sort_keys=True) + "\n"


def shape_of(kind: type[Struct]) -> dict[str, Any]:
    """The JSON Schema of a type as it is encoded, without its prose."""
    schema = without_prose(msgspec.json.schema(describable(kind)))
    return json.loads(json.dumps(schema))  # as the file has it: no tuples


def describable(kind: type[Struct]) -> type[Struct]:
    """The same type, but with null for a default of raw JSON, which no JSON Schema can show."""
    fields = msgspec.structs.fields(kind)
    if not any(isinstance(field.default, msgspec.Raw) for field in fields):
        return kind
    same = [
        (field.encode_name, field.type)
        if field.required
        else (field.encode_name, field.type, raw_as_null(field.default))
        for field in fields
    ]
    return msgspec.defstruct(kind.__name__, same, kw_only=True)


def raw_as_null(default: object) -> object:
    assert default is not NODEFAULT
    return None if isinstance(default, msgspec.Raw) else default


def without_prose(schema: Any) -> Any:
    """A schema without what is said to people. (Names of fields are kept, whatever they are.)"""
    if isinstance(schema, list):
        return [without_prose(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: without_prose(one) for name, one in value.items()}
        if key in ("properties", "$defs")
        else value
        if key in ("default", "enum")
        else without_prose(value)
        for key, value in schema.items()
        if key not in ("title", "description")
    }
