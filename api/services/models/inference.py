"""Service `inference`: passes what is asked of models on to a process `serve`, and its answer back.

So one address is enough for clients. Such a process may be asked itself as well.
"""

from __future__ import annotations

import ssl
from typing import Any, get_args

import httpx
from fastapi import APIRouter, Request
from starlette.responses import Response

from autolearn.api.http.openapi import answers
from autolearn.api.http.problems import Problem, respond, unavailable
from autolearn.api.state.context import ApiContext
from autolearn.schemas.records.prediction import PRODUCTION, Purpose
from autolearn.schemas.rest.models import Inference, ModelExamples
from autolearn.schemas.settings import Settings, serve_port

_ACCEPTS: dict[str, Any] = {
    "parameters": [
        {
            "name": "purpose",
            "in": "query",
            "description": "Any other request than production is recorded, and not counted.",
            "schema": {"enum": [*get_args(Purpose)], "default": PRODUCTION},
        }
    ],
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
}
_TIMEOUT = httpx.Timeout(60.0, connect=2.0)
_CONNECTIONS = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=10)
_THERE = {
    *("authorization", "content-type", "accept", "traceparent", "tracestate"),
    *("autolearn-after", "inference-header-content-length", "user-agent"),
}
"""The headers that are passed on."""
_BACK = {
    *("content-type", "inference-header-content-length", "age", "cache-status", "retry-after"),
    *("allow", "www-authenticate"),
}
"""The headers of an answer that are passed back."""


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(tags=["inference"])
    passing = _Passing(context)

    @routes.post(
        "/v1/models/{model}/predict", openapi_extra=_ACCEPTS, responses=answers({200: Inference})
    )
    async def predict(request: Request, model: str) -> Response:  # noqa: ARG001
        """Answer rows by the champion: a label and probabilities, a value, a cluster, an anomaly.

        A row is refused if a column is missing or has a value of another type (422). Warnings name
        unknown categories, values outside the training's range, and new gaps.
        """
        return await passing.on(request)

    @routes.post(
        "/v1/models/{model}/versions/{version}/predict",
        openapi_extra=_ACCEPTS,
        responses=answers({200: Inference}),
    )
    async def predict_by(request: Request, model: str, version: str) -> Response:  # noqa: ARG001
        """Answer rows by a version, given as a number or an alias."""
        return await passing.on(request)

    @routes.get("/v1/models/{model}/schema", response_class=Response)
    async def see_schema(request: Request, model: str) -> Response:  # noqa: ARG001
        """Show the JSON Schema of a row of the champion."""
        return await passing.on(request)

    @routes.get("/v1/models/{model}/examples", responses=answers({200: ModelExamples}))
    async def see_examples(request: Request, model: str) -> Response:  # noqa: ARG001
        """Show rows of the champion's training, without values of sensitive columns."""
        return await passing.on(request)

    async def infer(request: Request) -> Response:
        return await passing.on(request)

    # The Open Inference Protocol has a document of its own.
    for path in ("/v2", "/v2/health/{what}", "/v2/models/{rest:path}"):
        routes.add_api_route(path, infer, methods=["GET"], include_in_schema=False)
    routes.add_api_route("/v2/models/{rest:path}", infer, methods=["POST"], include_in_schema=False)
    return routes


class _Passing:
    """Passes requests on to the first process `serve` that takes them."""

    def __init__(self, context: ApiContext) -> None:
        self.context, self.urls = context, _urls_of(context.settings)
        self.clients: list[httpx.AsyncClient] = []
        context.lifetime.push_async_callback(self.close)

    async def close(self) -> None:
        """Close the connections."""
        for client in self.clients:
            await client.aclose()

    def opened(self) -> list[httpx.AsyncClient]:
        """Return a client of each address."""
        if not self.clients:
            verify = _trust(self.context.settings)
            self.clients = [
                httpx.AsyncClient(
                    base_url=url,
                    verify=verify,
                    timeout=_TIMEOUT,
                    limits=_CONNECTIONS,
                    trust_env=False,
                )
                for url in self.urls
            ]
        return self.clients

    async def on(self, request: Request) -> Response:
        """Pass a request on, and return its answer."""
        content = await request.body()
        given = [(name, value) for name, value in request.headers.items() if name.lower() in _THERE]
        # With AUTOLEARN_AUTH=none, the other process looks at the host as well.
        target = request.scope.get("raw_path", request.url.path.encode()).decode("ascii")
        query = request.scope.get("query_string", b"").decode("latin-1")
        clients = self.opened()
        for client in clients:
            try:
                answer = await client.request(
                    request.method,
                    f"{target}?{query}" if query else target,
                    content=content,
                    headers=given,
                )
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # nothing was sent: the next one may be asked
            except httpx.HTTPError as error:
                return respond(_lost(client, error), request.url.path)
            clients.remove(client)
            clients.insert(0, client)  # it is asked first from now on
            # The other process has recorded it.
            request.state.recorded = True
            headers = {
                name: value for name, value in answer.headers.items() if name.lower() in _BACK
            }
            return Response(answer.content, answer.status_code, headers)
        return respond(_nobody(self.urls), request.url.path)


def _urls_of(settings: Settings) -> list[str]:
    """Return where the processes `serve` are asked."""
    given = [one.strip().rstrip("/") for one in settings.serving.url.split(",") if one.strip()]
    if given:
        return given
    scheme = "https" if settings.api.tls_cert else "http"
    return [f"{scheme}://127.0.0.1:{serve_port(settings)}"]


def _trust(settings: Settings) -> ssl.SSLContext | bool:
    """Return how the certificate of a process is checked: our own one is trusted here."""
    if settings.serving.url or not settings.api.tls_cert:
        return True
    trust = ssl.create_default_context(cafile=settings.api.tls_cert)
    trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trust.check_hostname = False  # it is that of the API, and this is the loopback address
    return trust


def _nobody(urls: list[str]) -> Problem:
    return unavailable(
        f"No process `serve` answers at {', '.join(urls)}: `autolearn run serve` starts one, and "
        "AUTOLEARN_SERVE_URL says where they are. Try again.",
        kind="serve-unavailable",
    )


def _lost(client: httpx.AsyncClient, error: httpx.HTTPError) -> Problem:
    return unavailable(
        f"The process `serve` at {client.base_url} gave no answer ({type(error).__name__}). "
        "Try again.",
        kind="serve-unavailable",
    )
