"""JSON Schemas of our types, for the AsyncAPI document and the evolution gate."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Raw, Struct, UnsetType

Schema = dict[str, Any]
_RAW = (Raw, Raw | UnsetType)


def schemas_of(kinds: Iterable[type[Struct]], template: str) -> dict[str, Schema]:
    """Return the schemas of types and of all their members by name; `template` makes the $refs.

    They are plain JSON: a default of a tuple is a list. Only the constants of the structs describe
    tags, because OpenAPI's `discriminator` has another meaning in AsyncAPI. Python below 3.13 keeps
    the indentation of docstrings; it is removed here.
    """
    shown = [_describable(kind) for kind in dict.fromkeys(kinds)]
    _, found = msgspec.json.schema_components(shown, ref_template=template)
    plain = _without_discriminator(msgspec.json.decode(msgspec.json.encode(found)))
    assert isinstance(plain, dict)
    for schema in plain.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    return plain


def _without_discriminator(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_discriminator(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = schema.keys() - ({"discriminator"} if "anyOf" in schema else set())
    return {key: _without_discriminator(value) for key, value in schema.items() if key in kept}


def _describable(kind: type[Struct]) -> type[Struct]:
    """Replace raw JSON in a type, which no schema can describe."""
    fields = msgspec.structs.fields(kind)
    if not any(field.type in _RAW for field in fields):
        return kind
    same: list[Any] = []
    for field in fields:
        what = Any if field.type in _RAW else field.type
        default = field.default
        if isinstance(default, Raw):
            default = msgspec.json.decode(default)
        same.append(
            (field.encode_name, what) if field.required else (field.encode_name, what, default)
        )
    doc = {"__doc__": inspect.getdoc(kind)}
    return msgspec.defstruct(kind.__name__, same, namespace=doc, kw_only=True)
