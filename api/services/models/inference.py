"""Service `inference`: models answer. Any number of processes; none waits for a decision."""

from __future__ import annotations

import csv
import io
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level
from autolearn.api.services.models.checks import require_model
from autolearn.api.services.models.loaded_models import LoadedModels, number_of
from autolearn.api.state.context import ApiContext
from autolearn.artifacts.datasets.column_evidence import MISSING_IN_TEXT, MISSING_WORDS
from autolearn.schemas.bounds import ONLINE_ROWS, WARNINGS_SHOWN, cut
from autolearn.schemas.codec import is_too_deep
from autolearn.schemas.rest.models import Inference, InferenceWarning
from autolearn.schemas.values import JsonValue

if TYPE_CHECKING:
    from autolearn.ml.prediction.online import OnlineModel

_DEEPEST = 4
_SHORT = 4096
"""Bytes of a body that is answered at once: some rows, in less than a millisecond."""
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")
_ACCEPTS: dict[str, Any] = {
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
    }
}


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(prefix="/v1/models", tags=["inference"])
    loaded = LoadedModels(context.artifacts, context.vault, context.executors.inference)
    context.reader.taken.append(loaded.taken)

    async def found(who: Who, model: str, version: str) -> tuple[int, OnlineModel]:
        """Return a version that a principal may ask: its number, and its model."""
        await require_model(context, who, model, Level.PREDICT)
        now = context.queries.now()
        number = number_of(now, model, version)
        if number is None:
            return await loaded.champion(now, model)
        return number, await loaded.get(now, model, number)

    async def answer(request: Request, model: str, version: str, who: Who) -> Response:
        number, online = await found(who, model, version)
        content = await request.body()
        media = request.headers.get("content-type", "application/json").partition(";")[0].strip()

        def computed() -> Inference:
            records = _records_in(content, media, online)
            return _computed(online, records, model, number)

        if online.plan is not None and len(content) <= _SHORT:
            return json(computed())  # a thread would take longer than the answer
        return json(await context.executors.inference.run(computed))

    @routes.post("/{model}/predict", openapi_extra=_ACCEPTS, responses=answers({200: Inference}))
    async def predict(request: Request, model: str, who: Who) -> Response:
        """Answer rows by the champion: a label and probabilities, a value, a cluster, an anomaly.

        A row is refused if a column is missing or has a value of another type (422). Warnings name
        unknown categories, values outside the training's range, and new gaps.
        """
        return await answer(request, model, "", who)

    @routes.post(
        "/{model}/versions/{version}/predict",
        openapi_extra=_ACCEPTS,
        responses=answers({200: Inference}),
    )
    async def predict_by(request: Request, model: str, version: str, who: Who) -> Response:
        """Answer rows by a version, given as a number or an alias."""
        return await answer(request, model, version, who)

    @routes.get("/{model}/schema", response_class=Response)
    async def see_schema(model: str, who: Who) -> Response:
        """Show the JSON Schema of a row of the champion."""
        _, online = await found(who, model, "")
        return json(online.schema())

    return routes


def _computed(
    online: OnlineModel, records: Sequence[dict[str, JsonValue]], model: str, number: int
) -> Inference:
    """Return the answers to rows.

    Raises:
        Problem: they do not fit (422).
    """
    from autolearn.ml.prediction.online import RowsRefused

    if len(records) > ONLINE_ROWS:
        raise _refused(
            f"There are {len(records):,} rows, and at most {ONLINE_ROWS:,} are answered at once: "
            "send them in parts, or predict them as a file (autolearn predict TRAINING FILE)."
        )
    try:
        said = online.answer(records)
    except RowsRefused as error:
        faults = [
            {"pointer": f"#/records/{one.row}/{one.column}", "detail": one.detail}
            for one in error.faults
        ]
        detail = f"{cut(error.detail, 1000)}. GET /v1/models/{model}/schema says what is wanted."
        raise Problem(
            422, "row-unfit", "A row does not fit the model", detail, errors=faults
        ) from None
    kinds = Counter(one.kind for one in said.warnings)
    return Inference(
        model=model,
        version=number,
        request=str(uuid.uuid4()),
        predictions=said.rows,
        warnings=[
            InferenceWarning(one.row, one.column, one.kind, one.detail)
            for one in said.warnings[:WARNINGS_SHOWN]
        ],
        warned={str(kind): many for kind, many in kinds.items()},
        unused=said.unused,
    )


def _records_in(content: bytes, media: str, online: OnlineModel) -> list[dict[str, JsonValue]]:
    """Return the rows of a body.

    Raises:
        Problem: it is no JSON object or CSV, or has no rows (400, 415, 422).
    """
    if media == "text/csv":
        records = _csv_rows(content, online)
    elif media == "application/json" or media.endswith("+json"):
        records = _json_rows(content, online)
    else:
        detail = f"It is {media[:100]!r}: send application/json or text/csv."
        raise Problem(415, "not-json", "The body is neither JSON nor CSV", detail)
    if not records:
        raise _refused("There is no row: send one at least.")
    return records


def _json_rows(content: bytes, online: OnlineModel) -> list[dict[str, JsonValue]]:
    """Return the rows of JSON, in which CSV may be: what is sealed is always JSON."""
    try:
        given = msgspec.json.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        detail = f"It cannot be read as JSON (RFC 8259): {error}."
        raise Problem(400, "not-json", "The body is not JSON", detail) from None
    if is_too_deep(content, _DEEPEST):
        raise _refused("It is nested too deeply: a row is an object of plain values.")
    if isinstance(given, dict) and [*given] == ["csv"] and isinstance(given["csv"], str):
        return _csv_rows(given["csv"].encode(), online)
    if isinstance(given, dict) and [*given] == ["records"]:
        given = given["records"]
    records = given if isinstance(given, list) else [given]
    if not all(isinstance(one, dict) for one in records):
        raise _refused("A row is an object of values by column; several are {records: [row, …]}.")
    return records


def _csv_rows(content: bytes, online: OnlineModel) -> list[dict[str, JsonValue]]:
    """Return the rows of CSV (RFC 4180) in UTF-8 with a header; an empty field is a gap."""
    try:
        text = content.decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Problem(400, "not-csv", "The body is not CSV", f"{error}.") from None
    lines = [line for line in lines if line]
    if not lines:
        return []
    names = lines[0]
    if twice := [name for name, many in Counter(names).items() if many > 1]:
        raise _refused(f"The header has {cut(twice[0])!r} twice.")
    kinds = [online.columns[one].type if one in online.columns else "string" for one in names]
    for number, line in enumerate(lines[1:]):
        if len(line) != len(names):
            raise _refused(f"row {number} has {len(line)} fields, and the header {len(names)}.")
    return [dict(zip(names, map(_typed, line, kinds), strict=True)) for line in lines[1:]]


def _typed(field: str, kind: str) -> JsonValue:
    """Return a field of CSV as a value of a type; as text if it is none, which is then refused.

    The words for a gap are those with which datasets are read.
    """
    if not field or field in (MISSING_IN_TEXT if kind == "string" else MISSING_WORDS):
        return None
    if kind in ("integer", "number"):
        try:
            return field if "_" in field else float(field)  # Python would take 3_750
        except ValueError:
            return field
    if kind == "boolean":
        low = field.lower()
        return True if low in _TRUE else False if low in _FALSE else field
    return field


def _refused(detail: str) -> Problem:
    return Problem(422, "invalid-body", "The body does not fit", detail)
