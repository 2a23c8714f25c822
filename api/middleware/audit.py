"""The ASGI layer that records every request, and refuses changes that cannot be recorded."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autolearn.api.commands.recorded_request import RecordedRequest
from autolearn.api.http.problems import respond
from autolearn.api.http.sse import is_stream
from autolearn.api.state.audit_producer import AuditProducer
from autolearn.runtime.trace_context import TRACEPARENT

_READS = ("GET", "HEAD", "OPTIONS")


def _asks_model(path: str) -> bool:
    """Return whether a request by POST on a path asks a model, which changes nothing."""
    return path.startswith(("/v1/models/", "/v2/models/")) and path.endswith(("/predict", "/infer"))


class RecordRequests:
    """Records requests on `audit`, each with its trace context, which the answer names too.

    The answer to a change is sent only when the record of its authentication is on the log, or for
    an unauthenticated one the record of the answer itself. While records cannot be written, changes
    are answered 503 (`audit-unavailable`); requests that only read are answered.
    """

    def __init__(
        self, app: ASGIApp, audit: AuditProducer, takes_commands: Callable[[], bool]
    ) -> None:
        self.app, self.audit, self.takes_commands = app, audit, takes_commands

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        call = RecordedRequest(scope, self.audit.instance)
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        changes = scope["method"] not in _READS and not _asks_model(scope["path"])
        if changes or is_stream(scope):
            state["arriving"] = call  # recorded once it is authenticated
        state["call"] = call
        answer = _Answer(self.audit, call, send, scope, receive, changes=changes)
        try:
            # Where no commands are taken either, they are refused anyway, with that problem.
            if changes and not self.audit.available and self.takes_commands():
                problem = self.audit.unavailable()
                await respond(problem, scope["path"])(scope, receive, answer.send)
            else:
                await self.app(scope, receive, answer.send)
        except Exception:
            answer.status = answer.status or 500
            raise
        finally:
            answer.end()


class _Answer:
    """The answer to one request, as it passes."""

    def __init__(
        self,
        audit: AuditProducer,
        call: RecordedRequest,
        send: Send,
        scope: Scope,
        receive: Receive,
        *,
        changes: bool,
    ) -> None:
        self.audit, self.call, self.changes = audit, call, changes
        self.pass_on, self.scope, self.receive = send, scope, receive
        self.status, self.problem = 0, ""
        self.ended = self.replaced = False

    async def send(self, message: Message) -> None:
        """Pass a message on. The answer to a change waits for its record."""
        if self.replaced:
            return
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)[TRACEPARENT] = str(self.call.trace)
            self.status, self.problem = message["status"], self.scope["state"].get("problem", "")
            if self.changes and not await self._is_recorded():
                self.replaced = True
                await self.replace()
                return
        await self.pass_on(message)

    async def _is_recorded(self) -> bool:
        """Return whether the answer may be sent; a failure always may."""
        if self.status >= 500:
            return True
        if self.call.arrival is not None:
            return await self.audit.recorded(self.call.arrival, self.call)
        self.ended = True
        if self.audit.is_repeat(self.call, self.status, self.problem):
            return True
        ending = self.audit.end(self.call, self.status, self.problem)
        return await self.audit.recorded(ending, self.call)

    async def replace(self) -> None:
        """Answer that there is no record."""
        problem = self.audit.unavailable(self.call)
        problem.headers = {**(problem.headers or {}), TRACEPARENT: str(self.call.trace)}
        self.status, self.problem, self.ended = 503, problem.kind, False
        await respond(problem, self.scope["path"])(self.scope, self.receive, self.pass_on)

    def end(self) -> None:
        """Record the end of the request, once, unless another process has recorded it."""
        if not self.ended and not self.scope["state"].get("recorded"):
            self.ended = True
            self.audit.ended(self.call, self.status, self.problem)
