"""The producer of the behaviour log in an API process: requests, principals, outcomes.

A request that changes something is recorded twice: at its authentication, and at its end. The first
record is sent along with the command, and the answer waits for it; so a change is recorded also if
the process is killed in between. Of a request that only reads, the end is recorded.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Sequence

import structlog
from msgspec import Struct
from msgspec.structs import replace

from autolearn.api.commands.bounded_producer import BoundedProducer, Sending
from autolearn.api.commands.recorded_request import RecordedRequest
from autolearn.api.http.problems import Problem, unavailable
from autolearn.api.limits.client_address import address_of
from autolearn.eventlog.log import Producer
from autolearn.runtime.meter import GaugeSample, Meter
from autolearn.runtime.trace_context import instance_of
from autolearn.schemas import bounds
from autolearn.schemas.codec import to_json
from autolearn.schemas.errors import LogError
from autolearn.schemas.records.audit_hop import Hop
from autolearn.schemas.settings import Settings

log = structlog.stdlib.get_logger("autolearn.api")

MOST, MOST_BYTES = 20_000, 32 * 1024 * 1024
"""Records that are on their way to Kafka at a time; further ones are dropped."""
_GATHER = 0.02
"""Seconds for which unawaited records are gathered: sending each alone costs most."""


class Repeat(Struct):
    """The number of equal refusals of strangers in a window, and the last of them."""

    many: int = 0
    last: Hop | None = None


class AuditProducer:
    """Appends hops to `audit`, and reports whether it can (`available`).

    It has a connection to the log of its own: on the commands' one, a command would wait for it.
    Hops before `open` are kept until then. `note` receives every ended request.
    """

    def __init__(
        self,
        to: Producer,
        topic: str,
        settings: Settings,
        meter: Meter,
        note: Callable[[Iterable[Hop]], None],
        kind: str = "api",
    ) -> None:
        self.log, self.topic, self.meter, self.note = to, topic, meter, note
        self.on = settings.observability.audit == "on"
        self.instance = instance_of(kind, settings.instance)
        self.patience = settings.limits.append_timeout
        self.appends = BoundedProducer(MOST, MOST_BYTES, self.patience)
        self.numbers = itertools.count()
        self.early: list[Hop] | None = []
        self.ends: list[Hop] = []
        self.repeats: dict[tuple[str, ...], Repeat] = {}
        self.failed, self.losing = "", False
        meter.watch(self._readings)

    def _readings(self) -> Sequence[GaugeSample]:
        return [
            ("autolearn_audit_available", (), self.available),
            ("autolearn_audit_pending", (), len(self.appends.sendings)),
        ]

    @property
    def available(self) -> bool:
        """Whether hops can be recorded, as far as known."""
        return not self.on or not (self.failed or self.appends.stalled)

    @property
    def why(self) -> str:
        """The reason why they cannot."""
        return self.failed or f"Kafka has not taken a record for {self.patience:g} s."

    def open(self) -> None:
        """Begin to send: the topic exists."""
        early, self.early = self.early or [], None
        for hop in early:
            self.write(hop)

    def arrive(self, call: RecordedRequest) -> None:
        """Record an authenticated request; its answer waits for the record."""
        if call.arrival is None:
            call.arrival = self.write(call.hop())

    def end(self, call: RecordedRequest, status: int, problem: str) -> Sending | None:
        """Record the end of a request, before it is answered."""
        hop = call.hop(status, problem)
        self.note([hop])
        return self.write(hop)

    def is_repeat(self, call: RecordedRequest, status: int, problem: str) -> bool:
        """Return whether a stranger had the same refusal before; it is then only counted.

        Of equal refusals at one address the first is recorded at once, and at the end of the window
        the last, with the number of all in between: a flood of them fills no disk.
        """
        principal = call.scope.get("state", {}).get("principal")
        known = principal is not None and (principal.name or principal.everything)
        if known or not 400 <= status < 500:
            return False
        about = (address_of(call.scope), str(status), problem, call.stream)
        if about not in self.repeats and len(self.repeats) >= bounds.REPEATS_REMEMBERED:
            about = ("", str(status), problem, "")
        repeat = self.repeats.get(about)
        if repeat is None:
            self.repeats[about] = Repeat()
            asyncio.get_running_loop().call_later(bounds.REPEATS_SECONDS, self._end_window, about)
            return False
        repeat.many += 1
        repeat.last = call.hop(status, problem)
        return True

    def _end_window(self, about: tuple[str, ...]) -> None:
        """Record the equal refusals since the first of them."""
        repeat = self.repeats.pop(about, None)
        if repeat is not None and repeat.last is not None:
            hop = replace(repeat.last, client=about[0], repeats=repeat.many)
            self.note([hop])
            self.write(hop)

    def ended(self, call: RecordedRequest, status: int, problem: str) -> None:
        """Record the end of a request, a moment after its answer, together with others."""
        if call.arrival is None and self.is_repeat(call, status, problem):
            return
        hop = call.hop(status, problem)
        self.note([hop])
        self.ends.append(hop)
        if len(self.ends) == 1:
            asyncio.get_running_loop().call_later(_GATHER, self.flush)

    def flush(self) -> None:
        """Send the gathered records."""
        ends, self.ends = self.ends, []
        for hop in ends:
            self.write(hop)

    def close(self) -> None:
        """Send all gathered records."""
        self.flush()
        for about in list(self.repeats):
            self._end_window(about)

    def write(self, hop: Hop) -> Sending | None:
        """Send a record; return its append, or None if it is not sent yet."""
        value, number, appends = to_json(hop), str(next(self.numbers)), self.appends
        if self.early is not None and len(self.early) < MOST:
            self.early.append(hop)
            return None
        if len(appends.sendings) >= MOST or appends.bytes + len(value) > MOST_BYTES:
            self.lose("Too many are on their way to Kafka.")
            return None
        way, delivered = appends.add(number, len(value), self.took)

        def told(error: LogError | None, partition: int, offset: int) -> None:
            if error is not None:
                self.fail(error)
            delivered(error, partition, offset)

        try:
            self.log.append(self.topic, value, key=hop.actor, delivered=told)
        except LogError as error:
            appends.remove(number)
            self.fail(error)
            return None
        return way

    def took(self, _: int, __: int) -> None:
        """Note that a record is on the log (in the log's thread)."""
        self.failed, self.losing = "", False

    def fail(self, error: LogError) -> None:
        """Note that a record was not appended (any thread)."""
        self.lose(error.detail)
        self.failed = error.detail

    def lose(self, why: str) -> None:
        """Report a lost record: as an error the first time (any thread)."""
        self.meter.count("autolearn_audit_lost_total")
        if not self.losing:
            log.error("not-recorded", why=why)
        self.losing = True

    async def recorded(self, way: Sending | None, call: RecordedRequest) -> bool:
        """Wait until a record is on the log, as long as allowed; return whether it is."""
        if way is not None and self.available:
            # A body may have come slowly: then there is still a moment left for the record.
            left = self.patience - (time.perf_counter() - call.clock)
            await way.over(max(left, min(self.patience, 1.0)))
        return way is not None and way.at is not None

    def unavailable(self, call: RecordedRequest | None = None) -> Problem:
        """Return the problem of a change that cannot be recorded; with a `call`, that was not."""
        if call is None:
            words = "Nothing was done: try again."
        elif call.command:
            words = (
                "Whether it was done is not said without a record: repeat the request with the "
                f"same Idempotency-Key, or look at /v1/commands/{call.command}."
            )
        else:
            words = "Try again."
        return unavailable(
            f"What is changed must be recorded, and that is not possible now. {self.why} {words}",
            kind="audit-unavailable",
        )
