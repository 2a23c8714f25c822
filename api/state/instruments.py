"""The instruments of an API process, and the ASGI layer that counts requests."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autolearn.api.commands.command_bus import Commands
from autolearn.api.http.sse import is_stream
from autolearn.api.state.event_tail import EventTail
from autolearn.api.state.log_reader import LogReader
from autolearn.api.state.request_counts import Waiting
from autolearn.api.state.staleness import Staleness
from autolearn.eventlog.admission import TERM_STARTED
from autolearn.projections.work.run_counts import RunCounts
from autolearn.runtime.meter import GaugeSample, Meter
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.reports.status import Status
from autolearn.schemas.work_kinds import WORK


class ApiInstruments:
    """The counters of one process. They start with the process, not with the log.

    `status` is the source of the gauges about other processes.
    """

    def __init__(self, meter: Meter, reader: LogReader, tail: EventTail) -> None:
        self.meter, self.reader, self.tail = meter, reader, tail
        self.status: Status | None = None
        self.runs = RunCounts(self.ended, self.lost)
        self.counting = False
        self.meter.watch(self.here)
        self.meter.watch(lambda: _about(self.status))

    def taken(self, records: list[EventRecord]) -> None:
        """Count stored events."""
        self.counting = self.counting or self.reader.ready
        self.runs.take(records)
        if self.counting:
            for record in records:
                if record.type != TERM_STARTED:  # which answers no command
                    self.meter.count("autolearn_decisions_total", record.type)

    def ended(self, kind: str, result: str) -> None:
        """Count a run that has ended."""
        if self.counting:
            self.meter.count("autolearn_runs_ended_total", kind, result)

    def lost(self, kind: str) -> None:
        """Count an attempt that was lost."""
        if self.counting:
            self.meter.count("autolearn_attempts_lost_total", kind)

    def here(self) -> Iterator[GaugeSample]:
        """Yield the figures that need no request to brokers."""
        for partition, at in self.reader.queries.progress().items():
            yield "autolearn_position", (str(partition),), at.next
            yield "autolearn_term", (str(partition),), at.term
        yield "autolearn_ready", (), self.reader.ready and self.reader.brokers.answer
        yield "autolearn_sse_clients", (), self.tail.followers + self.tail.others
        for kind in WORK:
            for state in ("waiting", "running"):
                yield "autolearn_runs", (kind, state), self.runs.counts[kind, state]

    def page(self, status: Status) -> bytes:
        """Return everything in Prometheus' text format."""
        self.status = status
        return self.meter.page()


def pressing(waiting: Waiting, commands: Commands, staleness: Staleness) -> Iterator[GaugeSample]:
    """Yield the load of this process: the figures behind 429, 503 and cut clients."""
    for sort, many in waiting.requests.items():
        yield "autolearn_waiting_requests", (sort,), many
    yield "autolearn_waiting_bytes", (), waiting.bytes
    yield "autolearn_appends", (), len(commands.appends.sendings)
    yield "autolearn_appends_bytes", (), commands.appends.bytes
    for partition, many in commands.backlog.undecided().items():
        yield "autolearn_undecided", (str(partition),), many
    yield "autolearn_stale_seconds", (), staleness.seconds() or 0.0


def _about(status: Status | None) -> Iterator[GaugeSample]:
    """Yield the figures of a status; unknown ones are left out, rather than repeated."""
    if status is None:
        return
    for process in status.processes:
        yield "autolearn_process_members", (process.name,), len(process.members)
        for partition, many in process.behind.items():
            yield "autolearn_lag_records", (process.name, partition), many
        if process.name == "decide":
            yield "autolearn_oldest_command_wait_seconds", (), process.waiting or 0.0
    for topic in status.topics:
        labels = (topic.name,)
        yield "autolearn_under_replicated_partitions", labels, topic.under_replicated
        yield "autolearn_leaderless_partitions", labels, topic.leaderless
    busy = sum(worker.busy for worker in status.workers)
    slots = sum(worker.slots for worker in status.workers)
    yield "autolearn_workers", (), len(status.workers)
    yield "autolearn_slots", ("busy",), busy
    yield "autolearn_slots", ("free",), max(0, slots - busy)
    if status.dead_letters is not None:
        yield "autolearn_dead_letters", (), status.dead_letters.total
        yield "autolearn_dead_letters_open", (), status.dead_letters.open or 0
    if status.supervision is not None:
        yield "autolearn_overdue_shreddings", ("keys",), status.supervision.overdue_keys
        yield "autolearn_overdue_shreddings", ("models",), status.supervision.overdue_models
    for place in status.disk:
        yield "autolearn_disk_free_bytes", (place.what,), place.free
        yield "autolearn_disk_used_bytes", (place.what,), place.used
    for kind, many in Counter(finding.kind for finding in status.findings).items():
        yield "autolearn_findings", (kind,), many


class CountRequests:
    """Counts requests and their time by route (the pattern, not the path)."""

    def __init__(self, app: ASGIApp, measures: ApiInstruments) -> None:
        self.app, self.meter = app, measures.meter

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
            method, route = scope["method"], getattr(scope.get("route"), "path", "other")
            self.meter.count("autolearn_http_requests_total", method, route, str(status))
            if not (status == 200 and is_stream(scope)):
                took = time.perf_counter() - began
                self.meter.observe("autolearn_http_request_duration_seconds", took, method, route)
