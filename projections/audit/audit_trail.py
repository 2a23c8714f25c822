"""The behaviour log as a store: hops by time, and by trace, actor and stream.

It is folded from two topics. `audit` has the requests and tasks; `events` has the decisions, and in
its headers the origin of the commands that they answer. An event that is not admitted is no
decision: it is shown as ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from autolearn.eventlog.admission import TERM_STARTED
from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.log import Record
from autolearn.projections.storage.projection import StoredProjection
from autolearn.projections.storage.store import key, prefix_of
from autolearn.projections.storage.table import NumberedTable
from autolearn.runtime.timestamps import millis, text
from autolearn.runtime.trace_context import asked_of, hop_of, trace_in
from autolearn.schemas.codec import EventRecord, event_on_log, read_part, to_json
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.events import CommandFailed, CommandQuarantined, Refused
from autolearn.schemas.messages import type_of
from autolearn.schemas.records.audit_hop import Hop
from autolearn.schemas.topics import AUDIT_DAYS, DAY_MS

HopKey = tuple[int, str]
"""A hop's place in the order of all: its time in milliseconds since 1970, and its id."""

_LOOKED_AT = 5000
"""Hops that are read for one page at most."""
_PRUNED = 1000
"""Hops that are deleted at a time."""
_INDEXES = ("trace", "stream", "actor")
"""The indexes of hops, the most selective first."""
_HOP = prefix_of("hop")
_AUDITED = NumberedTable("audited", int)
"""The offset on `audit` to read next, by partition."""
_OUTCOMES = {
    type_of(Refused): "refused",
    type_of(CommandFailed): "failed",
    type_of(CommandQuarantined): "failed",
}
decoder = msgspec.json.Decoder(Hop)


class HopFilter(Struct, frozen=True):
    """A filter of hops; "" and None match all. Times are in milliseconds since 1970."""

    begin: int | None = None
    end: int | None = None
    trace: str = ""
    actor: str = ""
    stream: str = ""
    service: str = ""
    outcome: str = ""

    def fits(self, hop: Hop) -> bool:
        """Return whether a hop matches, its time aside."""
        return (
            (not self.trace or hop.trace == self.trace)
            and (not self.actor or hop.actor == self.actor)
            and (not self.stream or hop.stream == self.stream)
            and (not self.service or hop.service == self.service)
            and (not self.outcome or hop.outcome == self.outcome)
        )

    def within(self, time: int) -> bool:
        """Return whether a time is within the bounds, ends included."""
        return (self.begin is None or time >= self.begin) and (self.end is None or time <= self.end)

    def fits_all(self, hop: Hop) -> bool:
        """Return whether a hop matches."""
        return self.fits(hop) and self.within(place_of(hop)[0])

    def index(self) -> bytes:
        """Return the prefix of the most selective index."""
        for name in _INDEXES:
            if value := getattr(self, name):
                return prefix_of(name, value)
        return _HOP


class AuditTrail(StoredProjection):
    """Folds hops into a store, and deletes those that are older than the topic's retention.

    One thread may fold; any may query.
    """

    # The fold

    def audited(self) -> dict[int, int]:
        """Return the offset on `audit` to read next, per partition."""
        return self.rows.stored.numbered(_AUDITED)

    def fold(self, record: EventRecord, partition: int, offset: int, /) -> None:
        """Do nothing: half of an event is in its headers, which `AuditProjector` reads."""

    def put(self, hop: Hop, oldest: int = 0) -> bool:
        """Store a hop with the next commit, unless it is too old; return whether it is stored.

        The beginning of a request does not replace its end.
        """
        time, identity = place_of(hop)
        tail = key(time, identity)
        at = _HOP + tail
        if time < oldest or (hop.kind == "request" and not hop.status and self.has(at)):
            return False
        self.rows.written[at] = to_json(hop)
        for index in _indexes(hop):
            self.rows.written[index + tail] = at
        return True

    def has(self, at: bytes) -> bool:
        """Return whether there is a hop."""
        return at in self.rows.written or self.store.get(at) is not None

    def commit_audited(self, next_: Mapping[int, int]) -> None:
        """Write the folded hops and the progress on `audit` atomically."""
        for partition, offset in next_.items():
            self.rows.put_once(_AUDITED, offset, partition)
        self.rows.commit({})

    def prune(self, now: int) -> bool:
        """Delete some hops that are too old (`now`: ms since 1970); return if there are more."""
        written: dict[bytes, bytes | None] = {}
        limit, found = now - AUDIT_DAYS * DAY_MS, 0
        for at, value in self.store.scan(_HOP):
            hop = decoder.decode(value)
            time, identity = place_of(hop)
            if time >= limit or found == _PRUNED:
                break
            found += 1
            written[at] = None
            for index in _indexes(hop):
                written[index + key(time, identity)] = None
        if written:
            self.store.write(written)
        return found == _PRUNED

    # Queries

    def page(
        self, sought: HopFilter, before: HopKey | None, limit: int
    ) -> tuple[list[Hop], HopKey | None]:
        """Return hops, newest first, and the key before which the next page begins, if any.

        A page may be short, or empty: only so many hops are read for it.
        """
        found: list[Hop] = []
        hops = self.newest(sought.index(), before, sought.end)
        for looked, hop in enumerate(hops, 1):
            time, identity = place_of(hop)
            if sought.begin is not None and time < sought.begin:
                break
            if sought.fits_all(hop):
                found.append(hop)
            if len(found) == limit or looked == _LOOKED_AT:
                return found, (time, identity)
        return found, None

    def newest(self, index: bytes, before: HopKey | None, end: int | None) -> Iterator[Hop]:
        """Yield the hops of an index, newest first, before a key and not after a time."""
        bound = b"" if end is None else index + (end + 1).to_bytes(8, "big")
        if before is not None:
            place = index + key(*before)
            bound = min(bound, place) if bound else place
        content = self.store.snapshot()
        rows = content.scan(index, after=bound, reverse=True)
        if index == _HOP:
            yield from (decoder.decode(value) for _, value in rows)
            return
        for _, at in rows:
            value = self.store.get(at)
            if value is not None:  # it was deleted meanwhile
                yield decoder.decode(value)


class AuditProjector(Projector):
    """Reads `events` into an AuditTrail, including events that are not admitted.

    Hops before `oldest` (milliseconds since 1970) are dropped; `taken` are those of the newest
    batch.
    """

    projection: AuditTrail
    oldest = 0
    taken: list[Hop] = []

    def fold(self, records: list[Record]) -> list[EventRecord]:
        """Fold records; they are stored with the next `commit`. Return the admitted events."""
        admitted, self.taken = [], []
        for record in records:
            event = event_on_log(record.value)
            counts = self.take_event(record.partition, record.offset, event)
            for hop in _hops_of(event, record, counts=counts):
                if self.projection.put(hop, self.oldest):
                    self.taken.append(hop)
            if counts:
                admitted.append(event)
        return admitted


def _hops_of(event: EventRecord, record: Record, *, counts: bool) -> Iterable[Hop]:
    """Return the hops of an event: the sending of a command, and its decision."""
    if event.type == TERM_STARTED:
        return ()
    headers = record.headers
    trace, hop, asked = trace_in(headers), hop_of(headers), asked_of(headers)
    sent = text(_time_of(event.time, record.time))
    run, attempt = _run_of(event)
    decision = Hop(
        id=event.id,
        kind="decision" if counts else "ignored",
        time=text(int(hop.more)) if hop.more.isdecimal() else sent,
        service=hop.service or "decide",
        instance=hop.instance,
        outcome=_OUTCOMES.get(event.type, "ok") if counts else "ignored",
        type=event.type,
        trace=trace.trace if trace else "",
        span=trace.span if trace else "",
        parent=hop.parent,
        actor=event.actor,
        stream=event.subject,
        command=event.causationid,
        run=run,
        attempt=attempt,
    )
    if not counts:
        return (decision,)
    command = replace(
        decision,
        id=f"command-{event.causationid}",
        kind="command",
        time=sent,
        service=asked.service,
        instance=asked.instance,
        outcome="sent",
        type=asked.more,
        span=hop.parent,
        parent=asked.parent,
    )
    return command, decision


class About(Struct):
    """The ids in the data of an event of a run."""

    run: str = ""
    attempt: int = 0


about_decoder = msgspec.json.Decoder(About)


def _run_of(record: EventRecord) -> tuple[str, int]:
    """Return the run and the attempt of an event; ("", 0) if its data cannot be read."""
    try:
        about = read_part(record, about_decoder)
    except MalformedRecord:
        return "", 0
    return about.run, about.attempt


def _time_of(given: str, otherwise: int) -> int:
    """Return a time in milliseconds since 1970; a hand-written event may hold anything."""
    try:
        found = millis(given)
    except (ValueError, OverflowError):
        return otherwise
    return found if 0 <= found < 2**53 else otherwise


def place_of(hop: Hop) -> HopKey:
    """Return a hop's place in the order of all."""
    return _time_of(hop.time, 0), hop.id


def _indexes(hop: Hop) -> Iterator[bytes]:
    for name in _INDEXES:
        if value := getattr(hop, name):
            yield prefix_of(name, value)
