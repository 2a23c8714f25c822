"""Asks the processes `serve`, for clients that ask the API."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

import httpx
from fastapi import Request

from autolearn.api.http.problems import Problem, unavailable
from autolearn.api.state.context import ApiContext
from autolearn.schemas.settings import Settings, serve_port

_TIMEOUT = httpx.Timeout(60.0, connect=2.0)
_CONNECTIONS = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=10)
_THERE = {
    *("authorization", "content-type", "accept", "traceparent", "tracestate"),
    *("autolearn-after", "inference-header-content-length", "user-agent"),
}
"""The headers that are passed on."""
BACK = {
    *("content-type", "inference-header-content-length", "age", "cache-status", "retry-after"),
    *("allow", "www-authenticate"),
}
"""The headers of an answer that are passed back."""
Headers = Sequence[tuple[str, str]]


class ServeProcesses:
    """Sends requests to processes `serve`."""

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

    async def ask(
        self, method: str, target: str, content: bytes, headers: Headers
    ) -> httpx.Response:
        """Send a request to the first process that takes it, and return its answer.

        Raises:
            Problem: none of them answers (503).
        """
        clients = self.opened()
        for client in clients:
            try:
                answer = await client.request(method, target, content=content, headers=headers)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # nothing was sent: the next one may be asked
            except httpx.HTTPError as error:
                raise _lost(client, error) from None
            clients.remove(client)
            clients.insert(0, client)  # it is asked first from now on
            return answer
        raise _nobody(self.urls)


def passed_on(request: Request) -> Headers:
    """Return the headers of a request that another process gets as well."""
    return [(name, value) for name, value in request.headers.items() if name.lower() in _THERE]


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
