"""Service `inference`: passes what is asked of models on to a process `serve`, and its answer back.

So one address is enough for clients. Such a process may be asked itself as well.
"""

from __future__ import annotations

import ssl

import httpx
from fastapi import APIRouter, Request
from starlette.responses import Response

from autolearn.api.http.problems import Problem, respond, unavailable
from autolearn.api.services.models.inference_routes import LENGTH, described_routes
from autolearn.api.state.context import ApiContext
from autolearn.schemas.settings import Settings, serve_port

_TIMEOUT = httpx.Timeout(60.0, connect=2.0)
_CONNECTIONS = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=10)
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
    return described_routes(_Passing(context).on)


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
