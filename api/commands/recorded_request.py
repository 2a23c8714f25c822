"""The record of a request in the behaviour log."""

from __future__ import annotations

import re
import time
from functools import cached_property

from starlette.types import Scope

from autolearn.api.commands.bounded_producer import Sending
from autolearn.runtime.timestamps import text
from autolearn.runtime.trace_context import TRACEPARENT, Trace, sending
from autolearn.schemas.access_tokens import Token
from autolearn.schemas.codec import Headers
from autolearn.schemas.records.audit_hop import Hop, outcome_of
from autolearn.schemas.stream_kinds import KINDS

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
"""The parts of a path that may be ids; other words could be anything."""
_NO_ID = "?"
_STREAM_OF = {
    "session": "session",
    "experiment": "session",
    "user": "user",
    "group": "group",
    "model": "model",
    "pipeline": "pipeline",
}
"""The kind of stream of a part of a path."""


class RecordedRequest:
    """A request in progress. `stream` and `command` are set once they are known.

    `arrival` is the record of its authentication, once there is one.
    """

    def __init__(self, scope: Scope, instance: str) -> None:
        self.scope, self.instance = scope, instance
        self.began, self.clock = time.time_ns() // 10**6, time.perf_counter()
        given = [v for name, v in scope["headers"] if name == TRACEPARENT.encode()]
        came = Trace.read(given[0].decode("latin-1")) if len(given) == 1 else None
        self.trace = came.child() if came else Trace.begin()
        self.parent = came.span if came else ""
        self.stream = self.command = ""
        self.arrival: Sending | None = None

    def posting(self, to: str, command: str) -> Headers:
        """Note the posted command; return the headers that refer to this request."""
        self.stream, self.command = to, command
        return sending(self.trace, self.instance)

    def hop(self, status: int = 0, problem: str = "") -> Hop:
        """Return the hop of its arrival, or with a status of its end."""
        service, _, instance = self.instance.partition("/")
        principal = self.scope.get("state", {}).get("principal")
        client = self.scope.get("client")
        took = (time.perf_counter() - self.clock) * 1000
        return Hop(
            id=self.trace.span,
            kind="request",
            time=self.time,
            service=service,
            instance=instance,
            outcome=outcome_of(status),
            trace=self.trace.trace,
            span=self.trace.span,
            parent=self.parent,
            actor=principal.name if principal is not None else "",
            stream=self.stream or self.named,
            command=self.command,
            method=self.scope["method"] if self.scope["method"] in _METHODS else "?",
            route=getattr(self.scope.get("route"), "path", ""),
            ids=self.ids,
            client=client[0] if client else "",
            status=status,
            problem=problem,
            duration=round(took, 3) if status else 0.0,
        )

    @cached_property
    def time(self) -> str:
        """The time of arrival, as RFC 3339."""
        return text(self.began)

    @cached_property
    def ids(self) -> dict[str, str]:
        """The ids in the path. Of a token only the id is recorded."""
        found = {}
        for name, value in self.scope.get("path_params", {}).items():
            token = Token.read(value)
            shown = token.id if token is not None else "" if value.startswith("al_") else value
            found[name] = shown if _ID.fullmatch(shown) and _known(name, shown) else _NO_ID
        return found

    @cached_property
    def named(self) -> str:
        """The stream in the path, if there is one."""
        for name, value in self.ids.items():
            if name in _STREAM_OF and value != _NO_ID:
                return f"{_STREAM_OF[name]}/{value}"
        return ""


def _known(name: str, value: str) -> bool:
    """Return whether a part of a path may be of its kind."""
    kind = _STREAM_OF.get(name)
    return kind is None or KINDS[kind].fits(value)
