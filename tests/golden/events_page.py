"""The committed list of events and commands: docs/events.md. `python -m tests.golden` writes it."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Struct, UnsetType

from autolearn.schemas.asyncapi.document import summary_of
from autolearn.schemas.commands import COMMANDS_OF
from autolearn.schemas.confidentiality import CLEAR
from autolearn.schemas.events import EVENTS_OF
from autolearn.schemas.messages import Command, Event, type_of
from autolearn.schemas.values import JsonValue

PATH = Path(__file__).parents[2] / "docs" / "events.md"
HEAD = """# Events and commands

`python -m tests.golden` generates this page from the types (`schemas/commands/__init__.py`,
`schemas/events/__init__.py`): do not edit it.

Exactly one event of its stream answers every command. Both are CloudEvents:

- [asyncapi.json](asyncapi.json) describes their envelopes and the topics;
- [feed.md](feed.md) describes how to read events;
- [evolution.md](evolution.md) describes how a message may change.

A field with `?` has a default. *Encrypted* marks messages whose data are encrypted in a stream
with a key; the fields named there are in the envelope, in clear
([confidentiality.md](confidentiality.md)).
"""
STREAMS = {
    "": "Every stream",
    "estimator": "`estimator/<name>`",
    "metric": "`metric/<name>`",
    "dataset": "`dataset/<name>`",
    "session": "`session/<id>`",
    "user": "`user/<name>`",
    "group": "`group/<name>`",
    "model": "`model/<name>`",
}


def text() -> str:
    """The page as it is committed."""
    return "\n".join([HEAD, *streams(), *values()])


def streams() -> Iterator[str]:
    for stream, title in STREAMS.items():
        yield f"## {title}\n"
        if stream in COMMANDS_OF:
            yield from listed("Commands", COMMANDS_OF[stream])
        yield from listed("Events", EVENTS_OF[stream])


def listed(title: str, kinds: tuple[type[Command | Event], ...]) -> Iterator[str]:
    yield f"### {title}\n"
    for kind in kinds:
        clear = ", ".join(f"`{name}`" for name in CLEAR.get(kind, ()))
        sealed = f" *Encrypted*, but for {clear}." if clear else ""
        yield line(type_of(kind).removeprefix("autolearn."), kind, sealed)
    yield ""


def values() -> Iterator[str]:
    """The structs that messages hold, and these hold."""
    yield "## Values\n"
    found: dict[type[Struct], None] = {}
    waiting = [kind for group in (*COMMANDS_OF.values(), *EVENTS_OF.values()) for kind in group]
    while waiting:
        for field in msgspec.structs.fields(waiting.pop(0)):
            for one in structs_in(field.type):
                if one not in found:
                    found[one] = None
                    waiting.append(one)
    for one in sorted(found, key=lambda one: one.__name__):
        yield line(one.__name__, one)
    yield ""


def structs_in(kind: Any) -> Iterator[type[Struct]]:
    if isinstance(kind, type) and issubclass(kind, Struct):
        yield kind
    for inner in get_args(kind):
        yield from structs_in(inner)


def line(name: str, kind: type[Struct], more: str = "") -> str:
    config = kind.__struct_config__
    tag = [f"`{config.tag_field}: {config.tag!r}`"] if config.tag else []
    fields = [*tag, *map(field_of, msgspec.structs.fields(kind))]
    return f"- **{name}**: {summary_of(kind)}{more} {', '.join(fields) or 'No fields.'}".rstrip()


def field_of(field: msgspec.structs.FieldInfo) -> str:
    needed = "" if field.required else "?"
    return f"`{field.encode_name}{needed}: {words(field.type)}`"


def words(kind: Any) -> str:
    """A type as it is written."""
    if kind is JsonValue:
        return "JSON"
    if get_origin(kind) in (Union, types.UnionType):
        return " | ".join(words(one) for one in get_args(kind) if one is not UnsetType)
    if get_origin(kind) is Literal:
        return " | ".join(map(repr, get_args(kind)))
    if arguments := get_args(kind):
        inner = ", ".join("…" if one is Ellipsis else words(one) for one in arguments)
        return f"{get_origin(kind).__name__}[{inner}]"
    plain = getattr(kind, "__supertype__", kind)
    return "null" if plain is type(None) else plain.__name__
