"""The behaviour log as a store: what is folded, what is found, what is forgotten."""

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.audit.audit_trail import (
    AuditProjector,
    AuditTrail,
    HopFilter,
    HopKey,
    place_of,
)
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.projections.storage.store import Store
from autolearn.runtime.timestamps import millis, text
from autolearn.runtime.trace_context import Trace, answering, sending
from autolearn.schemas.codec import EventRecord, encode, raw
from autolearn.schemas.events import CommandFailed, Refused, RunStarted, TermStarted
from autolearn.schemas.messages import Event, type_of
from autolearn.schemas.records.audit_hop import OUTCOMES, Hop
from autolearn.schemas.topics import AUDIT_DAYS, DAY_MS, Topics
from tests.support.settings import settings_of

NOON = millis("2026-01-31T12:00:00Z")


@pytest.fixture(params=["memory", "rocks"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "audit")
    yield store
    store.close()


def hop(number: int, **about: object) -> Hop:
    """A request, `number` milliseconds after noon."""
    given = {"outcome": "ok", "status": 200, **about}
    return Hop(
        id=f"{number:016x}", kind="request", time=text(NOON + number), service="api", **given
    )


def kept(store: Store, *hops: Hop) -> AuditTrail:
    trail = AuditTrail(store)
    for one in hops:
        trail.put(one)
    trail.commit_audited({0: len(hops)})
    return trail


def all_pages(trail: AuditTrail, sought: HopFilter, limit: int) -> list[Hop]:
    found: list[Hop] = []
    before: HopKey | None = None
    while True:
        page, before = trail.page(sought, before, limit)
        assert len(page) <= limit
        found += page
        if before is None:
            return found


def test_every_filter_finds_what_fits_page_by_page(store: Store):
    rng = random.Random(7)
    hops = [
        hop(
            number,
            actor=rng.choice(["", "ada", "bob"]),
            stream=rng.choice(["session/1", "session/11", "user/ada"]),
            trace=rng.choice(["a" * 32, "b" * 32]),
            outcome=rng.choice(OUTCOMES),
        )
        for number in rng.sample(range(1000), 120)
    ]
    trail = kept(store, *hops)
    for _ in range(60):
        chosen = {
            name: rng.choice([getattr(one, name) for one in hops])
            for name in rng.sample(["actor", "stream", "trace", "outcome", "service"], 2)
        }
        begin, end = sorted(NOON + rng.randrange(1000) for _ in range(2))
        sought = HopFilter(begin=rng.choice([None, begin]), end=rng.choice([None, end]), **chosen)
        right = sorted(filter(sought.fits_all, hops), key=place_of, reverse=True)
        assert all_pages(trail, sought, rng.randint(1, 30)) == right


def test_the_end_of_a_request_takes_the_place_of_its_beginning_whichever_comes_first(store: Store):
    begun = hop(1, outcome="unanswered", status=0, trace="a" * 32)
    over = msgspec.structs.replace(begun, outcome="ok", status=201, actor="ada")
    assert kept(store, begun, over).page(HopFilter(), None, 9) == ([over], None)
    trail = kept(store, begun)
    assert trail.page(HopFilter(trace="a" * 32), None, 9)[0] == [over]
    assert trail.page(HopFilter(actor="ada"), None, 9)[0] == [over]


def test_a_request_without_an_end_is_unanswered(store: Store):
    begun = hop(1, outcome="unanswered", status=0)
    assert kept(store, begun, hop(2)).page(HopFilter(outcome="unanswered"), None, 9)[0] == [begun]


def test_what_is_too_old_is_forgotten_with_its_indexes(store: Store):
    trail = kept(store, *(hop(n, actor="ada", trace="a" * 32) for n in range(0, 3000, 2)))
    now = NOON + 1001 + AUDIT_DAYS * DAY_MS
    assert not trail.prune(now)
    left = [n for n in range(0, 3000, 2) if n >= 1001]
    assert [int(one.id, 16) for one in all_pages(trail, HopFilter(actor="ada"), 1000)] == left[::-1]
    assert trail.prune(now + 10_000) is False
    assert {at.split(b"\0")[0] for at, _ in store.scan(b"")} <= {b"audited", b"progress"}


def test_of_many_old_ones_a_part_is_forgotten_at_a_time(store: Store):
    trail = kept(store, *(hop(n) for n in range(1500)))
    now = NOON + 10_000 + AUDIT_DAYS * DAY_MS
    assert trail.prune(now)
    assert not trail.prune(now)
    assert trail.page(HopFilter(), None, 1) == ([], None)


# What events tell


def topics() -> Topics:
    return Topics.of(settings_of(partitions=1))


class Deciding:
    """A decider, as it writes to the log."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.log.create(topics().all())
        self.offset, self.prev = -1, -1

    def term(self, number: int) -> None:
        self.write(TermStarted("x"), number, 0, -1, ())

    def answer(self, what: Event, term: int, *, traced: bool = True, late: bool = False) -> str:
        self.offset += 1
        command = dict(sending(Trace("a" * 32, "c" * 16), "api/0@here:1")) if traced else {}
        headers = answering(command, "autolearn.StartRun.v1", f"decide/{term}@there:2")
        prev = 99 if late else self.prev
        self.write(what, term, self.offset, prev, headers)
        if not late:
            self.prev = self.offset
        return f"event-{term}-{self.offset}"

    def write(self, what: Event, term: int, offset: int, prev: int, headers: tuple) -> None:
        record = EventRecord(
            id=f"event-{term}-{offset}",
            source="autolearn/decide",
            type=type_of(type(what)),
            subject="session/1",
            time="2026-01-31T12:00:00.000Z",
            sequence=1,
            causationid=f"command-{offset}",
            commandoffset=offset,
            prev=prev,
            term=term,
            actor="ada",
            data=raw(what),
        )
        self.log.append(topics().events.name, encode(record), key="session/1", headers=headers)


def witnessed(deciding: Deciding, store: Store) -> AuditTrail:
    trail = AuditTrail(store)
    AuditProjector(deciding.log, topics().events.name, trail, range(1)).catch_up()
    return trail


def test_an_event_tells_of_its_command_and_of_its_decision(store: Store):
    deciding = Deciding()
    deciding.term(1)
    deciding.answer(RunStarted("r1", 2, "w1"), 1)
    decision, command = witnessed(deciding, store).page(HopFilter(trace="a" * 32), None, 9)[0]
    assert (command.kind, command.service, command.instance) == ("command", "api", "0@here:1")
    assert (command.type, command.parent) == ("autolearn.StartRun.v1", "c" * 16)
    assert (decision.kind, decision.service, decision.instance) == (
        "decision",
        "decide",
        "1@there:2",
    )
    assert (decision.type, decision.outcome) == ("autolearn.RunStarted.v1", "ok")
    assert (decision.run, decision.attempt, decision.command) == ("r1", 2, "command-0")
    assert decision.parent == command.span
    assert millis(decision.time) > millis(command.time)


def test_what_does_not_count_is_no_decision(store: Store):
    deciding = Deciding()
    deciding.term(2)
    stale = deciding.answer(Refused("closed", ""), 1)
    deciding.offset = -1
    deciding.prev = -1
    right = deciding.answer(Refused("closed", ""), 2)
    twice = deciding.answer(CommandFailed("x"), 2, late=True)
    hops = witnessed(deciding, store).page(HopFilter(), None, 9)[0]
    kinds = {one.id: (one.kind, one.outcome) for one in hops}
    assert kinds.pop(right) == ("decision", "refused")
    assert kinds.pop(stale) == ("ignored", "ignored")
    assert kinds.pop(twice) == ("ignored", "ignored")
    assert [kind for kind, _ in kinds.values()] == ["command"], "an ignored event has no command"


def test_an_event_of_before_has_no_trace_and_is_there_all_the_same(store: Store):
    deciding = Deciding()
    deciding.term(1)
    deciding.answer(CommandFailed("x"), 1, traced=False)
    decision, command = sorted(
        witnessed(deciding, store).page(HopFilter(actor="ada"), None, 9)[0], key=lambda h: h.kind
    )[::-1]
    assert (decision.outcome, decision.trace, decision.service) == ("failed", "", "decide")
    assert (command.type, command.service) == ("", "")


def test_it_goes_on_where_the_store_is(store: Store):
    deciding = Deciding()
    deciding.term(1)
    deciding.answer(Refused("closed", ""), 1)
    witnessed(deciding, store)
    deciding.answer(Refused("closed", ""), 1)
    trail = witnessed(deciding, store)
    assert len(trail.page(HopFilter(), None, 9)[0]) == 4
    assert trail.progress()[0].next == 3
