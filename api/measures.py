"""Every metric of an API process, for Prometheus, and the ASGI layer that counts requests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autolearn.schemas.codec import EventRecord

if TYPE_CHECKING:
    from autolearn.api.facade import Facade

__all__ = ["CountRequests", "Measures"]

BUCKETS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300)


class Positions(Collector):
    """How far the read models are, read when somebody asks."""

    def __init__(self, facade: Facade) -> None:
        self.facade = facade

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the position, the term and the lag of each partition of `events`."""
        reached = self.facade.queries.progress()
        ends = self.facade.brokers.ends
        position = GaugeMetricFamily(
            "autolearn_position", "Offset that is folded next", labels=["partition"]
        )
        term = GaugeMetricFamily("autolearn_term", "Term of the decider", labels=["partition"])
        lag = GaugeMetricFamily(
            "autolearn_lag", "Records on the log that are not folded yet", labels=["partition"]
        )
        for partition, at in reached.items():
            label = [str(partition)]
            position.add_metric(label, at.next)
            term.add_metric(label, at.term)
            if partition in ends:
                lag.add_metric(label, max(0, ends[partition] - at.next))
        yield from (position, term, lag)
        ready = GaugeMetricFamily("autolearn_ready", "1 when this process is ready")
        ready.add_metric([], int(self.facade.ready and self.facade.brokers.answer))
        yield ready
        followers = GaugeMetricFamily("autolearn_followers", "Clients that follow the events")
        followers.add_metric([], self.facade.tail.followers)
        yield followers


class Measures:
    """What one process counts."""

    def __init__(self, facade: Facade) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "autolearn_requests",
            "HTTP requests",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "autolearn_request_seconds",
            "Seconds from a request to the end of its answer",
            ["method", "route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.decisions = Counter(
            "autolearn_decisions", "Decisions seen on the log", ["type"], registry=self.registry
        )
        self.registry.register(Positions(facade))

    def decided(self, records: list[EventRecord]) -> None:
        """Count events."""
        for record in records:
            self.decisions.labels(record.type).inc()

    def page(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)


class CountRequests:
    """Counts requests and their time by route (the pattern, not the path)."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self.app, self.measures = app, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, counted)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.measures.requests.labels(scope["method"], route, status).inc()
            self.measures.seconds.labels(scope["method"], route).observe(
                time.perf_counter() - began
            )
