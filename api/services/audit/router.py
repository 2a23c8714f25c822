"""The behaviour log: requests, commands, decisions and tasks, with their outcomes."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers, streams
from autolearn.api.http.pagination import from_token, next_link, to_token
from autolearn.api.http.problems import Problem, unavailable
from autolearn.api.http.sse import EventStream, wants_stream
from autolearn.api.identity.principal import Who
from autolearn.api.services.audit.subscription import AuditSubscription
from autolearn.api.shared.as_of import LOST_PLUS, bad_time
from autolearn.api.shared.events.subscription import cut_off
from autolearn.api.shared.id_prefixes import whole_stream
from autolearn.api.state.context import ApiContext
from autolearn.api.state.log_reader import FRESH_TIMEOUT
from autolearn.projections.audit.audit_trail import HopFilter
from autolearn.runtime.timestamps import millis
from autolearn.schemas.rest.audit import Hops

_TIME = "A time (RFC 3339 with a zone)."
_TRACE = re.compile(r"[0-9a-f]{32}")
Begin = Annotated[str, Query(alias="from", max_length=50, description=f"{_TIME} Not before.")]
End = Annotated[str, Query(alias="to", max_length=50, description=f"{_TIME} Not after.")]
Word = Annotated[str, Query(max_length=300)]
Outcome = Literal["", "ok", "denied", "refused", "failed", "unanswered", "sent", "ignored"]
Source = Annotated[
    Literal["store", "memory"],
    Query(description="All that is kept, or the newest that this process has in memory."),
]
Limit = Annotated[int, Query(ge=1, le=1000)]
LastId = Annotated[str, Header(alias="Last-Event-ID", max_length=100)]


def router(context: ApiContext) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/v1/audit", tags=["process"])

    @routes.get("", responses=streams(answers({200: Hops}, "Link")))
    async def list_hops(
        request: Request,
        who: Who,
        begin: Begin = "",
        end: End = "",
        actor: Word = "",
        service: Word = "",
        stream: Word = "",
        outcome: Outcome = "",
        trace: Word = "",
        source: Source = "store",
        limit: Limit = 100,
        page: str = "",
        last_event_id: LastId = "",
    ) -> Response:
        """List hops, newest first: requests, commands, decisions and tasks.

        A page may be short, or empty, and have a `next` all the same. With `Accept:
        text/event-stream` the answer is a stream of new hops.
        """
        if not context.audit.on:
            why = "AUTOLEARN_AUDIT is off: nothing is recorded."
            raise Problem(409, "audit-off", "There is no behaviour log", why)
        sought = HopFilter(
            begin=_time_of(begin, "from"),
            end=_time_of(end, "to"),
            trace=_checked(trace),
            actor=actor,
            stream=await whole_stream(context, who, stream),
            service=service,
            outcome=outcome,
        )
        if wants_stream(request):
            context.tail.require_room()
            follower = AuditSubscription(
                context.trail.recent, context.tail, context.queries, who, sought, last_event_id
            )
            patience = context.settings.limits.feed_timeout
            cut = partial(cut_off, context.measures.meter, patience)
            return EventStream(follower.parts(), patience, cut)
        before = from_token(page, tuple[int, str], "page") if page else None
        if source == "memory":
            found, more = context.trail.recent.page(sought, before, limit)
        else:
            if context.brokers.answer:
                await context.trail.until_holds(FRESH_TIMEOUT)
            trail = context.trail.trail
            if trail is None:
                raise unavailable("The behaviour log is being opened.", kind="not-ready")
            page_of = partial(trail.page, sought, before, limit)
            found, more = await context.executors.operators.run(page_of)
        token = None if more is None else to_token(more)
        headers = {**next_link(request.url, token), "Vary": "Accept"}
        return json(Hops(items=found, source=source, next=token), headers=headers)

    return routes


def _time_of(given: str, parameter: str) -> int | None:
    """Parse a time to milliseconds since 1970; None for none.

    Raises:
        Problem: it is malformed.
    """
    if not given:
        return None
    try:
        found = millis(LOST_PLUS.sub(r"\1+\2", given))
    except (ValueError, OverflowError):
        found = -1
    if found < 0:
        detail = f"{given!r} is no time with a zone, such as 2026-01-31T09:30:00Z."
        raise bad_time(parameter, detail)
    return found


def _checked(trace: str) -> str:
    """Return a trace's id.

    Raises:
        Problem: it is malformed.
    """
    if not trace or _TRACE.fullmatch(trace):
        return trace
    detail = f"{trace[:120]!r} is no trace: it must be 32 characters of 0-9 and a-f."
    errors = [{"parameter": "trace", "detail": detail}]
    raise Problem(422, "malformed-id", "An id is malformed", detail, errors=errors)
