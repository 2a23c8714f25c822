"""The system routes: health, metrics, topics, position in the log, and digests."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Query
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.problems import Problem, unknown
from autolearn.api.state.context import ApiContext
from autolearn.eventlog import positions
from autolearn.eventlog.admission import PartitionProgress
from autolearn.projections.views import VIEWS, digests_of
from autolearn.schemas.asyncapi import document as asyncapi
from autolearn.schemas.rest.system import Digests, Health, LogPlace, LogPosition, RowDigests
from autolearn.schemas.topics import Topics

RowLimit = Annotated[int, Query(ge=1, le=10_000)]


def router(context: ApiContext) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["process"])

    @routes.get("/health/live", responses=answers({200: Health, 503: Health}))
    async def live() -> Response:
        """Report that the process runs; or that it has failed, and must be restarted."""
        if context.reader.failure is not None:
            return json(Health("failed", context.reader.failure), 503)
        return json(Health("live"))

    @routes.get("/health/ready", responses=answers({200: Health, 503: Health}))
    async def ready() -> Response:
        """Report whether the process has caught up with the log, and whether Kafka answers."""
        health = _readiness(context)
        return json(health, 200 if health.status == "ready" else 503)

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Return the metrics of the process for Prometheus, and those of the status."""
        status = await context.inspection.status()
        return Response(context.measures.page(status), media_type=CONTENT_TYPE_LATEST)

    @routes.get("/asyncapi.json", response_class=Response)
    async def topics() -> Response:
        """Describe the topics of this installation and the messages on them (AsyncAPI 3)."""
        return json(asyncapi.document(Topics.of(context.settings), version("autolearn")))

    @routes.get("/v1/position", responses=answers({200: LogPosition}))
    async def position() -> Response:
        """Show the progress on the log of this process."""
        context.reader.require_ready()
        return json(_position_of(await context.reader.which_log(), context.queries.progress()))

    @routes.get("/v1/digests", responses=answers({200: Digests}))
    async def digests() -> Response:
        """Show the digest of each view, and their position."""
        context.reader.require_ready()
        digests = partial(_digests_of, context, await context.reader.which_log())
        return json(await context.executors.operators.run(digests))

    @routes.get("/v1/digests/{view}", responses=answers({200: RowDigests}))
    async def row_digests_of(view: str, after: str = "", limit: RowLimit = 1000) -> Response:
        """Show the digest of each row of a view, in the order of their keys past `after` (hex)."""
        context.reader.require_ready()
        if view not in VIEWS:
            raise unknown("view", view, VIEWS, "/v1/digests")
        rows, past = context.queries.now().rows, _key_of(after)
        reached = _position_of(await context.reader.which_log(), rows.progress())
        shown = VIEWS[view].row_digests(rows.content, past, limit)
        found = await context.executors.operators.run(lambda: list(shown))
        more = found[-1][0] if len(found) == limit else None
        return json(RowDigests(reached, dict(found), more))

    return routes


def _readiness(context: ApiContext) -> Health:
    """Return the readiness of a process, with the reason if it is not ready."""
    if context.reader.failure is not None:
        return Health("failed", context.reader.failure)
    if not context.reader.ready:
        missing = context.reader.missing()
        status = "starting" if missing is None else "catching-up"
        return Health(status, context.reader.why_not_ready(), missing)
    if not context.brokers.answer:
        why = f"Kafka does not answer: reads go on. {context.brokers.error}".strip()
        return Health("log-unavailable", why)
    if context.commands.appends.stalled:
        return Health("log-unavailable", "Kafka takes no appends: reads go on.")
    if not context.audit.available:
        why = (
            f"Nothing can be recorded, so nothing can be changed: {context.audit.why} Reads go on."
        )
        return Health("audit-unavailable", why)
    if context.staleness.seconds() is not None:
        return Health("catching-up", "Kafka was lost, and is back: what was missed is read.")
    return Health("ready", missing=0)


def _position_of(log: str, reached: dict[int, PartitionProgress]) -> LogPosition:
    places = [LogPlace(p, at.next, at.term, at.last) for p, at in sorted(reached.items())]
    return LogPosition(positions.Position.of(log, reached).token(), places)


def _digests_of(context: ApiContext, log: str) -> Digests:
    """Return the digests of all views at one moment (blocks while it reads them)."""
    rows = context.queries.now().rows
    name = f"api-{context.settings.instance}"
    return Digests(name, _position_of(log, rows.progress()), digests_of(rows.content))


def _key_of(given: str) -> bytes:
    """Return a key from hex.

    Raises:
        Problem: it is not hex.
    """
    try:
        return bytes.fromhex(given)
    except ValueError:
        detail = f"{given[:120]!r} is no key: take `next` of an answer, as it is."
        raise Problem(422, "malformed-key", "A key is malformed", detail) from None
