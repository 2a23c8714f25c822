"""The routes of a process `serve` as OpenAPI describes them; the API passes them on."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, get_args

from fastapi import APIRouter, Request
from starlette.responses import Response

from autolearn.api.http.openapi import answers, schema_of
from autolearn.schemas.datasets.rules import RowRules
from autolearn.schemas.records.prediction import PRODUCTION, Purpose
from autolearn.schemas.rest.models import Inference, ModelExamples
from autolearn.schemas.rest.serving.cases import CaseRun
from autolearn.schemas.rest.serving.inference_protocol import (
    InferenceAnswer,
    InferenceRequest,
    ModelMetadata,
    ModelReady,
    ServerLive,
    ServerMetadata,
    ServerReady,
)

_HEADER = "Inference-Header-Content-Length"
"""The header with the bytes of the JSON, where tensors follow it in binary."""
_LENGTH = {
    "description": "The bytes of the JSON, where tensors follow it in binary.",
    "schema": {"type": "string", "pattern": "^[0-9]{1,11}$"},
}
_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
_ROWS = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "description": "A row as an object of values by column; or "
                    "{records: [row, …]}; or {csv: text}."
                }
            },
            "text/csv": {"schema": {"type": "string"}},
        },
    },
    "parameters": [
        {
            "name": "with",
            "in": "query",
            "description": "Further versions (VERSION or MODEL@VERSION) that answer the same rows.",
            "schema": {"type": "array", "items": _TEXT, "maxItems": 9},
        },
        {
            "name": "combine",
            "in": "query",
            "description": "How the answers of several versions become one.",
            "schema": {"type": "string", "enum": ["vote", "mean", "each"]},
        },
        {
            "name": "purpose",
            "in": "query",
            "description": "Any other request than production is recorded, and not counted.",
            "schema": {"enum": [*get_args(Purpose)], "default": PRODUCTION},
        },
    ],
}
_ANSWERS = """: a label and probabilities, a value, a cluster, an anomaly.

A row is refused if a column is missing or has a value of another type (422). Warnings name unknown
categories, values outside the training's range, and new gaps."""


def described_routes(answer: Callable[[Request], Awaitable[Response]]) -> APIRouter:
    """Return the routes of a process `serve`, all of which `answer` answers."""
    routes = APIRouter(tags=["inference"])

    def add(
        method: str,
        path: str,
        words: str,
        kinds: dict[int, Any],
        more: dict[str, Any] | None = None,
    ) -> dict[int | str, dict[str, Any]]:
        """Add a route, and return the OpenAPI of its answers."""
        named = [
            {"name": name, "in": "path", "required": True, "schema": _TEXT}
            for name in re.findall(r"{(\w+)}", path)
        ]
        extra = {**(more or {}), "parameters": [*named, *(more or {}).get("parameters", ())]}
        described = answers(kinds)
        routes.add_api_route(
            path,
            answer,
            methods=[method],
            name=path.rpartition("/")[2].strip("{}"),
            summary=words.partition(".")[0].partition(":")[0],
            description=words,
            responses=described,
            openapi_extra=extra,
            response_class=Response,
        )
        return described

    add("GET", "/v2", "Describe the server.", {200: ServerMetadata})
    for path, words, kind in (
        ("live", "Report that the process runs, or that it has failed.", ServerLive),
        ("ready", "Report whether the registry is known, and since when.", ServerReady),
    ):
        add("GET", f"/v2/health/{path}", words, {200: kind, 503: kind})
    for version, who in (
        ("", "the champion"),
        ("/versions/{version}", "a version, given as a number or an alias"),
    ):
        at = f"/v2/models/{{model}}{version}"
        add("GET", at, f"Show the inputs, outputs and plan of {who}.", {200: ModelMetadata})
        add("GET", f"{at}/ready", f"Report the readiness of {who}.", {200: ModelReady})
        body = {
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": schema_of(InferenceRequest)}, **_BINARY},
            },
            "parameters": [{"name": _HEADER, "in": "header", **_LENGTH}],
        }
        words = f"Answer rows by the Open Inference Protocol, by {who}."
        described = add("POST", f"{at}/infer", words, {200: InferenceAnswer}, body)
        described[200]["content"] |= _BINARY
        described[200]["headers"] = {_HEADER: _LENGTH}
        words = f"Answer rows by {who}{_ANSWERS}"
        add("POST", f"/v1/models/{{model}}{version}/predict", words, {200: Inference}, _ROWS)
    words = "Show the JSON Schema of a row of the champion."
    add("GET", "/v1/models/{model}/schema", words, {200: dict[str, Any]})
    words = "Show the rules of a row of the champion: hard ones refuse it, soft ones warn."
    add("GET", "/v1/models/{model}/rules", words, {200: RowRules})
    words = "Show rows that can be sent, of mixed values of the champion's training."
    add("GET", "/v1/models/{model}/examples", words, {200: ModelExamples})
    words = "Show how a version answers the named cases now; they are on no log."
    add("GET", "/v1/models/{model}/versions/{version}/cases", words, {200: CaseRun})
    return routes
