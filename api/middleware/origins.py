"""Refuses requests from pages of foreign sites where there is no authentication.

With AUTOLEARN_AUTH=none a browser on this machine has all rights. A foreign page could send forms,
or by DNS rebinding become the same site as the API: so Host must be a name of this machine, and
Origin the API's own.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from autolearn.api.http.problems import Problem, respond
from autolearn.api.middleware.sealed_requests import OPEN
from autolearn.schemas.settings import ApiSettings


class CheckOrigin:
    """Refuses (403) requests for a host that is not allowed, or from pages of another one.

    Allowed are addresses (a rebound page has a name), localhost, the names of AUTOLEARN_API_HOST
    and AUTOLEARN_HOSTS.
    """

    def __init__(self, app: ASGIApp, api: ApiSettings) -> None:
        self.app = app
        named = api.hosts.replace(",", " ").lower().split()
        self.named = {"localhost", api.host.lower(), *named}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and not scope["path"].startswith(OPEN):
            problem = self.problem(Headers(scope=scope))
            if problem is not None:
                await respond(problem, scope["path"])(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def problem(self, headers: Headers) -> Problem | None:
        """Return the problem of a refused request, if it is one."""
        host = headers.get("host", "")
        if not self.allows(_hostname(f"//{host}")):
            return _foreign("host", host, "Host names another machine")
        origin = headers.get("origin")
        if origin is not None and _site_of(origin) != host.lower():
            return _foreign("origin", origin, "It comes from a page of another site")
        if origin is None and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return _foreign("origin", headers["sec-fetch-site"], "It comes from a page elsewhere")
        return None

    def allows(self, name: str) -> bool:
        """Return whether a host is allowed."""
        if name.rstrip(".") in self.named:
            return True
        try:
            ipaddress.ip_address(name.partition("%")[0])
        except ValueError:
            return False
        return True


def _hostname(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _site_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _foreign(what: str, value: str, why: str) -> Problem:
    return Problem(
        403,
        f"foreign-{what}",
        "That may be a page of another site",
        f"{why}: {value[:100]!r}. Here nobody needs a token (AUTOLEARN_AUTH=none), so only the "
        "names of this machine are taken: addresses, localhost, AUTOLEARN_API_HOST, and what "
        "AUTOLEARN_HOSTS names.",
    )
