"""Service `inference`: passes what is asked of models on to a process `serve`, and its answer back.

So one address is enough for clients. Such a process may be asked itself as well.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from autolearn.api.http.problems import Problem, respond
from autolearn.api.services.models.inference_routes import LENGTH, described_routes
from autolearn.api.services.models.serve_client import ServeClient
from autolearn.api.state.context import ApiContext

_THERE = {
    *("authorization", "content-type", "accept", "traceparent", "tracestate"),
    *("autolearn-after", LENGTH.lower(), "user-agent"),
}
"""The headers that are passed on."""
_BACK = {
    *("content-type", LENGTH.lower(), "age", "cache-status", "retry-after"),
    *("allow", "www-authenticate"),
}
"""The headers of an answer that are passed back."""


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    serve = ServeClient(context)

    async def pass_on(request: Request) -> Response:
        return await _passed_on(serve, request)

    return described_routes(pass_on)


async def _passed_on(serve: ServeClient, request: Request) -> Response:
    """Pass a request on, and return its answer."""
    content = await request.body()
    given = [(name, value) for name, value in request.headers.items() if name.lower() in _THERE]
    # With AUTOLEARN_AUTH=none, the other process looks at the host as well.
    target = request.scope.get("raw_path", request.url.path.encode()).decode("ascii")
    query = request.scope.get("query_string", b"").decode("latin-1")
    asked = f"{target}?{query}" if query else target
    try:
        answer = await serve.ask(request.method, asked, given, content)
    except Problem as problem:
        return respond(problem, request.url.path)
    # The other process has recorded it.
    request.state.recorded = True
    headers = {name: value for name, value in answer.headers.items() if name.lower() in _BACK}
    return Response(answer.content, answer.status_code, headers)
