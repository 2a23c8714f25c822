"""The AsyncAPI 3 document: every topic, its messages, senders and receivers.

It is generated from the types (https://www.asyncapi.com/docs/reference/specification/v3.0.0). The
committed docs/asyncapi.json has the default settings, old versions of events and golden records as
examples.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from autolearn.schemas.asyncapi.channels import CHANNELS, TRAFFIC, Channel
from autolearn.schemas.asyncapi.docstrings import Schema, schemas_of
from autolearn.schemas.codec import CONTENT_TYPE, CommandRecord, EventRecord
from autolearn.schemas.commands import COMMANDS
from autolearn.schemas.confidentiality import CLEAR
from autolearn.schemas.events import EVENTS
from autolearn.schemas.records.audit_hop import Hop
from autolearn.schemas.records.checkpoint import Checkpoint
from autolearn.schemas.records.dead_letter import DeadLetter
from autolearn.schemas.records.heartbeat import Heartbeat
from autolearn.schemas.records.prediction import PredictionRecord
from autolearn.schemas.records.prediction_hour import PredictionHour
from autolearn.schemas.records.session_key import WrappedKey
from autolearn.schemas.records.task import Task
from autolearn.schemas.records.truth import TruthRecord
from autolearn.schemas.topics import Topic, Topics
from autolearn.schemas.upcasters import UPCASTERS

_SCHEMAS = "#/components/schemas/"
_CLOUD_EVENT = CONTENT_TYPE[0][1].decode()
_BINDING = "0.5.0"
_PLAIN: dict[str, type[Struct]] = {
    "checkpoints": Checkpoint,
    "tasks": Task,
    "workers": Heartbeat,
    "dead_letters": DeadLetter,
    "audit": Hop,
    "keys": WrappedKey,
    "predictions": PredictionRecord,
    "prediction_hours": PredictionHour,
    "open_hours": PredictionHour,
    "truths": TruthRecord,
}
"""The messages without an envelope, by channel."""
_TRACING = {
    "traceparent": {"type": "string", "description": "Where in its trace it was sent (W3C)."},
    "hop": {"type": "string", "description": "Who sent it: process, span before, time or nothing."},
}
_ASKED = {"type": "string", "description": "The `hop` of the command that is answered, its type."}
"""Optional Kafka headers of commands, events and tasks."""


def document(
    topics: Topics,
    version: str,
    old: Mapping[str, Schema] | None = None,
    examples: Iterable[Any] = (),
) -> dict[str, Any]:
    """Return the document.

    `old` has the JSON Schemas of old event versions by type; types without an upcaster are ignored.
    `examples` are records of these types.
    """
    before = {name: shape for name, shape in (old or {}).items() if name in UPCASTERS}
    messages = dict(_all_messages(before))
    for example in examples:
        shown = messages[example["type"]].setdefault("examples", [])
        shown.append({"name": "golden", "payload": example})
    channels = {
        name: _channel(name, getattr(topics, name), about, _on_channel(name, messages))
        for name, about in CHANNELS.items()
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "AutoLearn",
            "version": version,
            "description": "The topics of AutoLearn. Every command is answered by exactly one "
            "event; the events are the only truth. Events of old versions stay on the log and are "
            "lifted to the present version when they are read.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": dict(_operations(channels)),
        "components": {"messages": messages, "schemas": _all_schemas(before)},
    }


def _all_schemas(old: Mapping[str, Schema]) -> dict[str, Schema]:
    kinds: list[type[Struct]] = [CommandRecord, EventRecord]
    kinds += [*COMMANDS.values(), *EVENTS.values(), *_PLAIN.values()]
    found = schemas_of(kinds, _SCHEMAS + "{name}")
    for name, shape in old.items():
        for inner, schema in shape["$defs"].items():
            found[f"{name}.{inner}"] = _moved(schema, name)
    return found


def _moved(schema: Any, name: str) -> Any:
    """Point the references of an old version's schema to that version's schemas."""
    if isinstance(schema, dict):
        return {
            key: _SCHEMAS + f"{name}.{_last(value)}" if key == "$ref" else _moved(value, name)
            for key, value in schema.items()
        }
    return [_moved(one, name) for one in schema] if isinstance(schema, list) else schema


def _last(reference: str) -> str:
    """Return the name at the end of a reference."""
    return reference.rsplit("/", 1)[-1]


def _all_messages(old: Mapping[str, Schema]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every message by name: present types, events of old versions, and plain ones."""
    for name, command in COMMANDS.items():
        yield name, _cloud_event(name, CommandRecord, command.__name__, command)
    for name, event in EVENTS.items():
        yield name, _cloud_event(name, EventRecord, event.__name__, event)
    for name, shape in old.items():
        message = _cloud_event(name, EventRecord, f"{name}.{_last(shape['$ref'])}")
        summary = f"An old version: read as {UPCASTERS[name][0]}."
        yield name, message | {"deprecated": True, "summary": summary}
    for channel_name, kind in _PLAIN.items():
        key = CHANNELS[channel_name].key
        yield (
            kind.__name__,
            {
                "name": kind.__name__,
                "summary": summary_of(kind),
                **_signed_or_plain(kind),
                **({"headers": {"type": "object", "properties": _TRACING}} if kind is Task else {}),
                **({"bindings": _keyed(key)} if key else {}),
            },
        )


def _signed_or_plain(kind: type[Struct]) -> dict[str, Any]:
    """Return how a message without an envelope looks on the log."""
    schema = {"$ref": _SCHEMAS + kind.__name__}
    if kind is not Checkpoint:
        return {"contentType": "application/json", "payload": schema}
    payload = {
        "type": "string",
        "pattern": r"^[\w-]+\.[\w-]+\.[\w-]+$",
        "contentMediaType": "application/jose",
        "contentSchema": schema,
        "description": "A JWS in compact form; what it has signed is a Checkpoint in JSON.",
    }
    return {"contentType": "application/jose", "payload": payload}


def _cloud_event(
    name: str, envelope: type[Struct], data: str, kind: type[Struct] | None = None
) -> dict[str, Any]:
    """Return a message that is a CloudEvent in structured mode; `data` names its data's schema."""
    command = envelope is CommandRecord
    return {
        "name": name,
        "summary": summary_of(kind) if kind else "",
        "contentType": _CLOUD_EVENT,
        "headers": {
            "type": "object",
            "required": ["content-type"],
            "properties": {
                "content-type": {"type": "string", "const": _CLOUD_EVENT},
                **_TRACING,
                **({} if command else {"asked": _ASKED}),
            },
        },
        "payload": {
            "allOf": [
                {"$ref": _SCHEMAS + envelope.__name__},
                {
                    "type": "object",
                    "properties": {"type": {"const": name}, "data": {"$ref": _SCHEMAS + data}},
                    **_in_clear_or_not(kind),
                },
            ]
        },
        "correlationId": {
            "description": "The command's id; the event that answers it has it as causationid.",
            "location": f"$message.payload#/{'id' if command else 'causationid'}",
        },
        "bindings": _keyed(CHANNELS["commands" if command else "events"].key),
    }


def _in_clear_or_not(kind: type[Struct] | None) -> dict[str, Any]:
    """Return the alternatives for the data of a message: in clear, or encrypted if confidential."""
    if kind not in CLEAR:
        return {"required": ["type", "data"]}
    return {
        "required": ["type"],
        "oneOf": [{"required": ["data"]}, {"required": ["data_base64", "keyid"]}],
    }


def _keyed(key: str) -> dict[str, Any]:
    return {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": _BINDING}}


def summary_of(kind: type[Struct]) -> str:
    """Return the first paragraph of a type's docstring, on one line."""
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())


def _on_channel(name: str, messages: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if name in _PLAIN:
        return [_PLAIN[name].__name__]
    here = COMMANDS if name == "commands" else EVENTS
    return [*here, *(m for m in messages if name == "events" and m in UPCASTERS)]


def _channel(key: str, topic: Topic, about: Channel, names: list[str]) -> dict[str, Any]:
    """Return a topic as it is created, with the messages on it."""
    config: dict[str, Any] = {
        name: _configured(name, value) for name, value in sorted(topic.config.items())
    }
    return {
        "address": topic.name,
        "title": key,
        "description": about.what,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "replicas": topic.replication,
                "topicConfiguration": config,
                "bindingVersion": _BINDING,
            }
        },
    }


def _configured(name: str, value: str) -> Any:
    if name == "cleanup.policy":
        return value.split(",")
    return value if name.endswith(".type") else json.loads(value)


def _operations(channels: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield who sends and who receives what, by name."""
    for flow in TRAFFIC:
        messages = channels[flow.channel]["messages"]
        if flow.messages is not None:
            messages = {name: messages[name] for name in flow.messages}
        elif flow.action == "send":
            messages = {name: ref for name, ref in messages.items() if name not in UPCASTERS}
        at = f"#/channels/{flow.channel}"
        yield (
            f"{flow.who}.{flow.action}.{flow.channel}",
            {
                "action": flow.action,
                "channel": {"$ref": at},
                "summary": flow.why,
                "messages": [{"$ref": f"{at}/messages/{name}"} for name in messages],
            },
        )
