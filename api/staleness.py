"""How old the read models are while the log cannot be read, and how an answer says so.

`Age` (RFC 9111, 5.1) has the seconds since the read models last held all that was on the log, and
`Cache-Status` (RFC 9211) says why. (`Warning: 110` was for this, until RFC 9111 took it out.)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autolearn.api.brokers import Brokers

__all__ = ["MarkStale", "Staleness"]


class Staleness:
    """Whether something may be on the log that the read models do not hold, for want of brokers.

    It begins when the brokers do not answer, and ends when they do again and everything is folded
    that was on the log then (`holds` says so).
    """

    def __init__(self, brokers: Brokers, holds: Callable[[Mapping[int, int]], bool]) -> None:
        self.brokers, self.holds = brokers, holds
        self.since: float | None = None

    def seconds(self) -> float | None:
        """Return the age of the read models; None while they are as good as new."""
        if not self.brokers.answer:
            if self.since is None:
                self.since = self.brokers.heard
        elif self.since is not None and self.holds(self.brokers.ends):
            self.since = None
        return None if self.since is None else time.monotonic() - self.since

    def headers(self) -> dict[str, str]:
        """Return the headers of an answer that is made now."""
        age = self.seconds()
        if age is None:
            return {}
        whole = math.ceil(age)
        why = "catching-up" if self.brokers.answer else "log-unavailable"
        return {
            "Age": str(whole),
            "Cache-Status": f"AutoLearn; hit; ttl=-{whole}; detail={why}",
        }


class MarkStale:
    """Puts the headers on answers that were read from read models which may be old."""

    def __init__(self, app: ASGIApp, staleness: Staleness) -> None:
        self.app, self.staleness = app, staleness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 500:
                MutableHeaders(scope=message).update(self.staleness.headers())
            await send(message)

        await self.app(scope, receive, marked)
