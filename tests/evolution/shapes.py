"""The shapes of message types: of the code, and of all that was shipped (`shapes.json`)."""

import json
from pathlib import Path
from typing import Any

from msgspec import Struct

from autolearn.schemas.asyncapi.docstrings import Schema, schemas_of
from autolearn.schemas.codec import CommandRecord, EventRecord
from autolearn.schemas.commands import COMMANDS
from autolearn.schemas.events import EVENTS
from autolearn.schemas.records.audit_hop import Hop
from autolearn.schemas.records.checkpoint import Checkpoint, Proof
from autolearn.schemas.records.dead_letter import DeadLetter
from autolearn.schemas.records.heartbeat import Heartbeat
from autolearn.schemas.records.session_key import WrappedKey
from autolearn.schemas.records.task import Task

Shapes = dict[str, dict[str, Schema]]
"""JSON Schemas by group (commands, events, records) and by name."""

PATH = Path(__file__).parent / "shapes.json"
RECORDS = (
    *(CommandRecord, EventRecord, Task, Heartbeat, DeadLetter, Checkpoint, Proof),
    *(Hop, WrappedKey),
)
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


def shape_of(kind: type[Struct]) -> Schema:
    """The JSON Schema of a type, with the structs that it holds, without its prose."""
    defs = schemas_of([kind], "#/$defs/{name}")
    return {"$ref": f"#/$defs/{kind.__name__}", "$defs": without_prose(defs)}


def without_prose(schema: Any) -> Any:
    """A schema without what is said to people. Fields keep their names, whatever these are."""
    if isinstance(schema, list):
        return [without_prose(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain: Schema = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            plain[key] = {name: without_prose(one) for name, one in value.items()}
        elif key in ("default", "enum"):
            plain[key] = value
        elif key not in ("title", "description"):
            plain[key] = without_prose(value)
    return plain
