"""The feed: cut at any event, it goes on right behind it; and what it costs when nobody listens."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autolearn.api.http.problems import Problem
from autolearn.api.shared.events import subscription as event_subscription
from autolearn.api.shared.events.filters import EventFilter
from autolearn.api.shared.events.reader import EventReader
from autolearn.api.shared.events.subscription import Subscription
from autolearn.api.state import event_tail
from autolearn.api.state.context import ApiContext, make_context
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.client.sdk.event_feed import EventParser, ServerSentEvent
from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.consumers import event_pages
from autolearn.eventlog.consumers.event_pages import Places
from autolearn.eventlog.log import Record
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.time_travel import stream_history
from autolearn.schemas.codec import EventRecord, decode_event, encode, raw
from autolearn.schemas.errors import LogError
from autolearn.schemas.events import Refused, TermStarted
from autolearn.schemas.messages import Event, type_of
from tests.support.settings import settings_of

PARTITIONS = 3
STREAMS = [f"session/00000000-0000-0000-0000-00000000000{n}" for n in range(2 * PARTITIONS)]


class Histories:
    """Random histories: what deciders in office wrote, and what others wrote between."""

    def __init__(self, random: Random, log: MemoryLog, topic: str) -> None:
        self.random, self.log, self.topic = random, log, topic
        self.at = {p: PartitionProgress() for p in range(PARTITIONS)}
        self.written = 0
        self.sequence = dict.fromkeys(STREAMS, 0)

    def write(self, records: int) -> None:
        """Append so many records to the log, wherever it is now."""
        for _ in range(records):
            partition = self.random.randrange(PARTITIONS)
            at, kind = self.at[partition], self.random.random()
            if at.term == 0 or kind < 0.1:
                self.append(partition, TermStarted("tests"), term=at.term + 1)
            elif kind < 0.35:  # a decider that does not know that it is out of office
                offset = at.last + self.random.randint(-1, 3)
                self.append(partition, Refused("stale", ""), offset, at.last, at.term - 1)
            else:
                offset = at.last + self.random.randint(1, 3)
                self.append(partition, Refused("run-ended", ""), offset, at.last, at.term)

    def append(
        self, partition: int, what: Event, offset: int = -1, prev: int = -1, term: int = 0
    ) -> None:
        stream = STREAMS[partition + PARTITIONS * self.random.randrange(2)]
        self.written += 1
        record = EventRecord(
            id=str(self.written),
            source="tests",
            type=type_of(type(what)),
            subject=stream if isinstance(what, Refused) else f"partition/{partition}",
            time=f"2026-01-01T00:00:00.{self.random.randrange(1000):03}Z",
            sequence=self.sequence[stream] + 1 if isinstance(what, Refused) else 0,
            causationid=f"c{self.written}",
            commandoffset=offset,
            prev=prev,
            term=term,
            data=raw(what),
        )
        if self.at[partition].admit(record) and isinstance(what, Refused):
            self.sequence[stream] += 1
        self.log.append(self.topic, encode(record), key=stream, partition=partition)

    def admitted(self, wanted: EventFilter) -> dict[int, list[str]]:
        """The ids of the events that count, by the admission rule alone."""
        found: dict[int, list[str]] = {}
        for partition, messages in enumerate(self.log.topics[self.topic]):
            at = PartitionProgress()
            records = [decode_event(message.content) for message in messages]
            found[partition] = [one.id for one in records if at.admit(one) and wanted.fits(one)]
        return found


@asynccontextmanager
async def running(random: Random) -> AsyncIterator[tuple[ApiContext, Histories]]:
    """The state of an API process on a log in memory."""
    with tempfile.TemporaryDirectory() as folder:
        log = MemoryLog()
        context = make_context(
            settings_of(partitions=PARTITIONS, instance="tests"),
            log,
            MemoryStore(),
            ArtifactStore(Path(folder).as_uri()),
            Path(folder),
            on_failure=lambda: None,
        )
        log.create(context.topics.all())
        histories = Histories(random, log, context.topics.events.name)
        histories.write(random.randint(1, 20))
        async with context.lifetime:
            context.reader.start()
            await context.reader.until_ready()
            yield context, histories


def reader_of(context: ApiContext) -> EventReader:
    return EventReader(context.log, context.lookup, context.reader)


async def follow(
    context: ApiContext, wanted: EventFilter, after: str
) -> AsyncGenerator[ServerSentEvent, None]:
    """What a client receives that was at an id; the id that opens the stream comes first."""
    parser, at = EventParser(), await reader_of(context).start_of(after, "after")
    await context.reader.which_log()
    subscription = Subscription(reader_of(context), context.tail, context.executors, wanted, at)
    async with aclosing(subscription.parts()) as parts:
        async for part in parts:
            for event in parser.feed(part):
                yield event


async def received(
    context: ApiContext, wanted: EventFilter, after: str, count: int
) -> list[ServerSentEvent]:
    """The next `count` events."""
    found: list[ServerSentEvent] = []
    async with asyncio.timeout(60), aclosing(follow(context, wanted, after)) as events:
        while len(found) < count:
            event = await anext(events)
            found += [event] if event.data else []
    return found


async def all_there_are(
    context: ApiContext, histories: Histories, wanted: EventFilter, seen: list[ServerSentEvent]
) -> list[ServerSentEvent]:
    """Everything behind what was seen, with what is written meanwhile; and nothing comes then."""
    found = list(seen)
    async with aclosing(follow(context, wanted, seen[-1].id if seen else "")) as events:
        await anext(events)
        histories.write(histories.random.randint(0, 25))
        expected = sum(map(len, histories.admitted(wanted).values()))
        async with asyncio.timeout(60):
            while len(found) < expected:
                event = await anext(events)
                found += [event] if event.data else []
        another = asyncio.ensure_future(anext(events))
        await asyncio.wait((another,), timeout=0.02)
        if another.done():
            assert not another.result().data
        another.cancel()
        await asyncio.wait((another,))
    return found


def by_partition(events: list[ServerSentEvent], where: dict[str, int]) -> dict[int, list[str]]:
    """The ids of events, in the order in which they came, by partition."""
    found: dict[int, list[str]] = {p: [] for p in range(PARTITIONS)}
    for event in events:
        record = decode_event(event.data.encode())
        found[where[record.id]].append(record.id)
    return found


chosen = st.sampled_from(
    [
        EventFilter(),
        EventFilter(STREAMS[0]),
        EventFilter(STREAMS[4]),
        EventFilter(None, frozenset({type_of(Refused)})),
        EventFilter(STREAMS[1], frozenset({type_of(Refused)})),
    ]
)


async def in_pages(context: ApiContext, wanted: EventFilter, limit: int) -> list[str]:
    """The ids of all events, from one page to the next; each page is further on."""
    await context.reader.fresh()  # what is not admitted wakes nobody: it may not be folded yet
    at: Places = await reader_of(context).start_of("", "after")
    found: list[str] = []
    more = True
    while more:
        page, more = await reader_of(context).read_on(
            context.executors.log, wanted, at, limit, limit
        )
        assert len(page.found) <= limit
        assert page.places != at or not more
        found += [one.record.id for one in page.found]
        at = page.places
    assert at == reader_of(context).now()
    return found


@settings(max_examples=8)
@given(st.randoms(use_true_random=False), chosen)
def test_cut_at_any_event_it_goes_on_right_behind_it(random: Random, wanted: EventFilter):
    """Of any history, some of it written while a client follows, however little is kept."""

    async def story() -> None:
        async with running(random) as (context, histories):
            expected = sum(map(len, histories.admitted(wanted).values()))
            first = await received(context, wanted, "", random.randint(0, expected))
            events = await all_there_are(context, histories, wanted, first)
            where = {
                decode_event(one.content).id: one.partition
                for messages in histories.log.topics[histories.topic]
                for one in messages
            }
            whole = histories.admitted(wanted)
            assert by_partition(events, where) == whole
            for k, event in enumerate(events):  # and once more from every id that there was
                rest = await received(context, wanted, event.id, len(events) - k - 1)
                told = by_partition(events[: k + 1] + rest, where)
                assert told == whole, f"cut behind event {k}"
            paged = await in_pages(context, wanted, random.randint(1, 4))
            for ids in whole.values():
                assert [one for one in paged if one in ids] == ids
            assert len(paged) == len(events)

    with (
        patch.object(event_subscription, "PAGE", random.choice((1, 2, 1000))),
        patch.object(stream_history, "BATCH", random.choice((1, 3, 1000))),
        patch.object(stream_history, "BYTES", random.choice((1, 1000, 100_000))),
        patch.object(event_tail, "KEPT", random.choice((2, 1000))),
        patch.object(event_tail, "HELD_BYTES", random.choice((1, 1000, 100_000))),
    ):
        asyncio.run(story())


@pytest.mark.parametrize(
    "wanted", [EventFilter(), EventFilter(STREAMS[0])], ids=["all", "of one stream"]
)
def test_a_page_is_bounded_in_bytes(wanted: EventFilter, monkeypatch: pytest.MonkeyPatch):
    for module in (event_pages, stream_history):
        monkeypatch.setattr(module, "BYTES", 1)

    async def story() -> None:
        async with running(Random(8)) as (context, histories):
            histories.write(60)
            await context.reader.fresh()
            start = await reader_of(context).start_of("", "after")
            page, more = await reader_of(context).read_on(
                context.executors.log, wanted, start, 1000
            )
            partitions = [one.behind.partition for one in page.found]
            assert more
            assert len(partitions) == len(set(partitions)) > 0, "one of each, for it has a byte"
            assert len(await in_pages(context, wanted, 1000)) > 3 * len(partitions)

    asyncio.run(story())


def test_nothing_runs_when_nobody_follows():
    async def story() -> None:
        async with running(Random(1)) as (context, histories):
            assert context.tail.task is None
            await received(context, EventFilter(), "", 1)
            assert context.tail.followers == 0
            assert context.tail.task is not None
            await asyncio.wait_for(context.tail.task, 5)
            histories.write(10)
            await received(context, EventFilter(), "", 1)

    asyncio.run(story())


def test_a_client_that_reads_late_gets_all_and_the_process_keeps_little(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(event_tail, "KEPT", 8)

    async def story() -> None:
        async with running(Random(2)) as (context, histories):
            before = sum(map(len, histories.admitted(EventFilter()).values()))
            async with aclosing(follow(context, EventFilter(), "now")) as slow:
                first = await anext(slow)
                for _ in range(20):
                    histories.write(10)
                    await context.reader.fresh()
                behind = sum(map(len, histories.admitted(EventFilter()).values())) - before
                await received(context, EventFilter(), first.id, behind)
                assert len(context.tail.kept) <= 8
                async with asyncio.timeout(60):
                    while behind:
                        behind -= bool((await anext(slow)).data)

    asyncio.run(story())


def test_where_nothing_fits_the_id_moves_on():
    async def story() -> None:
        none = EventFilter(None, frozenset({"autolearn.SessionOpened.v1"}))
        async with (
            asyncio.timeout(20),
            running(Random(6)) as (context, _),
            aclosing(follow(context, none, "")) as events,
        ):
            await anext(events)
            moved = await anext(events)
            assert moved.data == ""
            assert await reader_of(context).start_of(moved.id, "after") == reader_of(context).now()

    asyncio.run(story())


def test_a_silent_feed_gives_signs_of_life():
    async def story() -> None:
        async with asyncio.timeout(20), running(Random(7)) as (context, histories):
            none = EventFilter(None, frozenset({"autolearn.SessionOpened.v1"}))
            events, event_tail, executors = reader_of(context), context.tail, context.executors
            await context.reader.which_log()
            subscription = Subscription(events, event_tail, executors, none, events.now(), 0.01)
            async with aclosing(subscription.parts()) as parts:
                await anext(parts)
                assert await anext(parts) == b": \n\n"
                histories.write(20)
                while (part := await anext(parts)).startswith(b":"):
                    continue
                assert part.startswith(b"id: ")
                assert b"data" not in part

    asyncio.run(story())


class Broken:
    """A reader of a log that is gone."""

    def read(self, limit: int, timeout: float) -> list[Record]:  # noqa: ARG002
        raise LogError("Reading events failed: the brokers refuse.")

    def close(self) -> None:
        pass


@pytest.mark.parametrize("after", ["", "now"], ids=["while it catches up", "while it follows"])
def test_the_log_cannot_be_read_and_the_feed_says_so(after: str, monkeypatch: pytest.MonkeyPatch):
    async def story() -> None:
        async with (
            asyncio.timeout(20),
            running(Random(3)) as (context, histories),
            aclosing(follow(context, EventFilter(), after)) as events,
        ):
            await anext(events)
            monkeypatch.setattr(histories.log, "reader", lambda *_: Broken())
            histories.write(20)
            *_, last = [event async for event in events]
            assert last.event == "problem"
            assert "the brokers refuse" in last.data
            assert context.tail.followers == 0

    asyncio.run(story())


def test_a_process_that_stops_says_why():
    async def story() -> None:
        async with (
            asyncio.timeout(20),
            running(Random(5)) as (context, _),
            aclosing(follow(context, EventFilter(), "now")) as events,
        ):
            await anext(events)
            context.reader.fail(LogError("The disk is full."))
            context.tail.close()
            *_, last = [event async for event in events]
            assert (last.event, "The disk is full." in last.data) == ("problem", True)

    asyncio.run(story())


def test_a_position_that_is_none():
    async def story() -> None:
        async with running(Random(4)) as (context, _):
            for given in ("nonsense", "W10", "WyIiLFtbOSw5LDAsMF1dXQ"):
                with pytest.raises(Problem) as raised:
                    await reader_of(context).start_of(given, "Last-Event-ID")
                assert raised.value.status_code == 422

    asyncio.run(story())
