"""The OpenAPI document: bodies from pydantic, responses from msgspec, problems everywhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from autolearn.eventlog.positions import AFTER, REACHED
from autolearn.schemas.rest.serving.inference_protocol import InferenceError

_REF = "#/components/schemas/{name}"
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "1 to 255 visible characters. Repeating a request with its key does it once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "wait=N: wait up to N seconds (at most 300) until it is done. "
    "respond-async: answer 202 at once, with a Location to follow (RFC 7240).",
    "schema": {"type": "string", "examples": ["wait=30", "respond-async"]},
}
_AFTER_HEADER = {
    "name": AFTER,
    "in": "header",
    "required": False,
    "description": "A position, such as AutoLearn-Reached of an earlier answer: what is answered "
    "holds everything before it. Waits for it up to 2 s, then 503 not-there-yet.",
    "schema": {"type": "string", "maxLength": 50_000},
}
_HEADERS = {
    "AutoLearn-Position": "With as_of: the position that is shown.",
    "Location": "Where the resource is.",
    "Link": "The next page, with rel=next (RFC 8288).",
    "Preference-Applied": "Which preferences were honoured (RFC 7240).",
}
_CHANGED = {REACHED: "A position that holds what this has changed: for AutoLearn-After."}
_STALE = {
    "Age": "While Kafka does not answer: the age of what is shown, in seconds (RFC 9111).",
    "Cache-Status": "With Age: why what is shown may be old (RFC 9211).",
}
_LATER = {
    "429": "This process works on too many requests: try again after Retry-After.",
    "503": "Kafka or the deciders do not answer or do not keep up, or this process starts: try "
    "again after Retry-After, with the same Idempotency-Key.",
}
"""The answers that every route under /v1 may give instead, and those of models under /v2."""
_RETRY_AFTER = {
    "description": "Seconds after which to try again (RFC 9110).",
    "required": True,
    "schema": {"type": "integer", "minimum": 0},
}
_FILE = {"schema": {"type": "string", "format": "binary"}}
UPLOAD: dict[str, Any] = {
    "parameters": [_KEY, _PREFER],
    "requestBody": {
        "required": True,
        "content": {"text/csv": _FILE, "application/vnd.apache.parquet": _FILE},
    },
}
_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "An error, as RFC 9457 has it. There may be further members.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}
returned: dict[str, Any] = {}
"""The types of all answers, by the name of their schema."""
accepted: dict[str, type[BaseModel]] = {}
"""The types of all bodies, by the name of their schema."""
pending: list[tuple[dict[str, Any], tuple[Any, ...]]] = []
"""Schemas that are filled later, with their types: filling takes long, and is rarely needed."""


def accepts(
    body: type[BaseModel] | None, *, command: bool = False, prefer: bool = False
) -> dict[str, Any]:
    """Return the OpenAPI of a route's body.

    Raises:
        ValueError: two types of bodies have the same name; one would be shown as the other.
    """
    extra: dict[str, Any] = {}
    if body is not None:
        if accepted.setdefault(body.__name__, body) is not body:
            raise ValueError(f"two types of bodies are called {body.__name__}")
        schema = {"$ref": _REF.format(name=body.__name__)}
        needed = any(field.is_required() for field in body.model_fields.values())
        extra["requestBody"] = {
            "required": needed,
            "content": {"application/json": {"schema": schema}},
        }
    if command or prefer:
        extra["parameters"] = [_KEY, _PREFER] if command else [_PREFER]
    return extra


def answers(bodies: dict[int, Any], *headers: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI of a route's answers: the type (or types) of each status.

    The schemas are empty until `complete`.
    """
    described: dict[int | str, dict[str, Any]] = {}
    for status, kind in bodies.items():
        schema = schema_of(*(kind if isinstance(kind, tuple) else (kind,)))
        described[status] = {
            "description": {201: "Made.", 202: "Accepted, not done yet."}.get(status, "Found."),
            "content": {"application/json": {"schema": schema}},
        }
        shown = [*headers, "Location"] if status == 202 else headers
        if shown:
            described[status]["headers"] = _headers_of({name: _HEADERS[name] for name in shown})
    return described


def schema_of(*kinds: Any) -> dict[str, Any]:
    """Return the schema of one of some types, which is empty until `complete`."""
    schema: dict[str, Any] = {}
    pending.append((schema, kinds))
    return schema


def complete() -> None:
    """Fill in the schemas of all answers.

    Raises:
        ValueError: two types of answers have the same name; one would be shown as the other.
    """
    while pending:
        schema, kinds = pending.pop(0)
        schemas, found = msgspec.json.schema_components(kinds, ref_template=_REF)
        schema |= schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}
        for name, shape in found.items():
            if returned.setdefault(name, shape) != shape:
                raise ValueError(f"two types of answers are called {name}")


def _headers_of(words: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: {"description": described, "schema": {"type": "string"}}
        for name, described in words.items()
    }


def _error_of(path: str) -> dict[str, Any]:
    """Return the OpenAPI of the errors of a path: under /v2 those of the inference protocol."""
    media, name = "application/problem+json", "Problem"
    if path == "/v2" or path.startswith("/v2/"):
        media, name = "application/json", InferenceError.__name__
    return {
        "description": "A problem: what is wrong, why, and what to do.",
        "content": {media: {"schema": {"$ref": _REF.format(name=name)}}},
    }


def _later(problem: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI of the answers with a Retry-After."""
    headers = {"Retry-After": _RETRY_AFTER}
    return {
        status: {**problem, "description": words, "headers": headers}
        for status, words in _LATER.items()
    }


def streams(described: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI of answers, of which the one with status 200 may be an event stream."""
    words = "Server-Sent Events (WHATWG HTML, 9.2): id is a position, data a CloudEvent in JSON."
    stream = {"schema": {"type": "string", "description": words}}
    described[200]["content"]["text/event-stream"] = stream
    return described


def describe(app: FastAPI, public: Collection[str] | None = None) -> dict[str, Any]:
    """Return the OpenAPI document of an app, made once.

    All operations but the `public` ones (method and path) require a token; None: none does.
    """
    if app.openapi_schema is not None:
        return app.openapi_schema
    schema_of(InferenceError)
    complete()
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    _, bodies = models_json_schema(
        [(body, "validation") for body in accepted.values()],
        ref_template="#/components/schemas/{model}",
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update({"Problem": _PROBLEM, **bodies.get("$defs", {}), **returned})
    for path, operations in document["paths"].items():
        problem = _error_of(path)
        for method, operation in operations.items():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = problem
            if path.startswith(("/v1/", "/v2/models/")):
                operation["responses"] |= _later(problem)
            if path.startswith(("/v1/", "/v2/models/")) and method == "get":
                operation["responses"]["200"].setdefault("headers", {}).update(_headers_of(_STALE))
                operation.setdefault("parameters", []).append(_AFTER_HEADER)
            elif path.startswith("/v1/") and not path.endswith("/predict"):
                for status, response in operation["responses"].items():
                    if status.startswith("2"):
                        response.setdefault("headers", {}).update(_headers_of(_CHANGED))
            if public is not None:
                free = f"{method.upper()} {path}" in public
                operation["security"] = [] if free else [{"token": []}]
    if public is not None:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    app.openapi_schema = document
    return document
