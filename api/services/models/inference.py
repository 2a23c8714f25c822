"""Service `inference`: passes what is asked of models on to a process `serve`, and its answer back.

So one address is enough for clients. Such a process may be asked itself as well.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from autolearn.api.http.openapi import answers
from autolearn.api.http.problems import Problem, respond
from autolearn.api.shared.predictions.serve_processes import BACK, ServeProcesses, passed_on
from autolearn.api.state.context import ApiContext
from autolearn.schemas.models.row_rules import RowRules
from autolearn.schemas.rest.models import Inference

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
    routes = APIRouter(tags=["inference"])
    to = ServeProcesses(context)

    @routes.post(
        "/v1/models/{model}/predict", openapi_extra=_ACCEPTS, responses=answers({200: Inference})
    )
    async def predict(request: Request, model: str) -> Response:  # noqa: ARG001
        """Answer rows by the champion: a label and probabilities, a value, a cluster, an anomaly.

        A row is refused if a column is missing or has a value of another type (422). Warnings name
        unknown categories, values outside the training's range, and new gaps.
        """
        return await _passed(to, request)

    @routes.post(
        "/v1/models/{model}/versions/{version}/predict",
        openapi_extra=_ACCEPTS,
        responses=answers({200: Inference}),
    )
    async def predict_by(request: Request, model: str, version: str) -> Response:  # noqa: ARG001
        """Answer rows by a version, given as a number or an alias."""
        return await _passed(to, request)

    @routes.get("/v1/models/{model}/schema", response_class=Response)
    async def see_schema(request: Request, model: str) -> Response:  # noqa: ARG001
        """Show the JSON Schema of a row of the champion."""
        return await _passed(to, request)

    @routes.get("/v1/models/{model}/rules", responses=answers({200: RowRules}))
    async def see_rules(request: Request, model: str) -> Response:  # noqa: ARG001
        """Show the rules of a row of the champion: hard ones refuse it, soft ones warn."""
        return await _passed(to, request)

    async def infer(request: Request) -> Response:
        return await _passed(to, request)

    # The Open Inference Protocol has a document of its own.
    for path in ("/v2", "/v2/health/{what}", "/v2/models/{rest:path}"):
        routes.add_api_route(path, infer, methods=["GET"], include_in_schema=False)
    routes.add_api_route("/v2/models/{rest:path}", infer, methods=["POST"], include_in_schema=False)
    return routes


async def _passed(to: ServeProcesses, request: Request) -> Response:
    """Pass a request on, and return its answer."""
    content = await request.body()
    # With AUTOLEARN_AUTH=none, the other process looks at the host as well.
    target = request.scope.get("raw_path", request.url.path.encode()).decode("ascii")
    query = request.scope.get("query_string", b"").decode("latin-1")
    target = f"{target}?{query}" if query else target
    try:
        answer = await to.ask(request.method, target, content, passed_on(request))
    except Problem as problem:
        return respond(problem, request.url.path)
    request.state.recorded = True  # by the other process
    headers = {name: value for name, value in answer.headers.items() if name.lower() in BACK}
    return Response(answer.content, answer.status_code, headers)
