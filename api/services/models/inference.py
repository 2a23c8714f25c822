"""Service `inference`: passes what is asked of models on to a process `serve`, and its answer back.

So one address is enough for clients. Such a process may be asked itself as well.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from autolearn.api.http.problems import Problem, respond
from autolearn.api.services.models.inference_routes import described_routes
from autolearn.api.shared.predictions.serve_processes import BACK, ServeProcesses, passed_on
from autolearn.api.state.context import ApiContext


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    to = ServeProcesses(context)

    async def pass_on(request: Request) -> Response:
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

    return described_routes(pass_on)
