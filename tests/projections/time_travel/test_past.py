"""The past: folded from one stream's events alone, it is what the whole log gives."""

from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.consumers.record_lookup import RecordLookup
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.queries.queries import ReadModelQueries, Snapshot
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.time_travel.past import AsOfReader, PastTooLarge
from autolearn.schemas import commands
from autolearn.schemas.codec import EventRecord, encode
from autolearn.schemas.messages import Command
from autolearn.schemas.stream_kinds import KINDS
from autolearn.schemas.topics import Topic
from tests.eventlog.test_admission import started
from tests.support import samples
from tests.support.random_histories import Reference, command_record, random_command

PARTITIONS = 2


def told(random: Random, count: int) -> MemoryLog:
    """A log with random histories; with terms that nobody believes, and records twice."""
    log = MemoryLog()
    log.create([Topic("events", PARTITIONS, 1, {})])
    for partition in range(PARTITIONS):
        coming = [started(1), *answers(random, partition, count)]
        for record in coming:
            append(log, partition, record)
            if random.random() < 0.1:
                append(log, partition, random.choice((started(0), *coming)))
    return log


def answers(random: Random, partition: int, count: int) -> list[EventRecord]:
    """The events that answer random commands, most of which make sense."""
    reference = Reference(partition)
    streams = [f"session/{partition}{n}{samples.SESSION[10:]}" for n in range(5)]
    streams += [f"dataset/d{partition}{n}" for n in range(3)] + [f"estimator/e{partition}"]
    streams += ["pipeline/p"] * 2 if partition == 0 else []  # the ids of runs are its own
    stories = {name: story(random, name) for name in streams}
    found: list[EventRecord | None] = []
    for offset in range(count):
        name = random.choice(streams)
        command = stories[name].pop(0) if stories[name] else random_command(random, name)
        time = f"2026-01-01T00:{offset // 60:02}:{offset % 60:02}Z"
        record = command_record(name, command, f"{partition}-{offset}", time=time)
        found.append(reference.answer(offset, record))
    return [record for record in found if record is not None]


def story(random: Random, stream: str) -> list[Command]:
    """What a stream is for."""
    kind, _, name = stream.partition("/")
    if kind == "dataset":
        return [
            commands.RegisterDataset(replace(samples.FLOWERS, name=name, version=c * 64))
            for c in "abc"
        ]
    if kind == "estimator":
        return [commands.RegisterEstimator(replace(samples.ESTIMATOR, name=name))]
    ends = (commands.CommitSession(), commands.CommitSession(), commands.DiscardSession())
    trained = (
        samples.request_training(),
        commands.StartRun("t1", 1, "w1"),
        samples.complete_training(),
        samples.request_evaluation(),
        commands.StartRun("e1", 1, "w1"),
        samples.complete_evaluation(),
    )
    return [commands.OpenSession(), *trained[: random.randint(3, 6)], random.choice(ends)]


def append(log: MemoryLog, partition: int, record: EventRecord) -> None:
    log.append("events", encode(record), key=record.subject, partition=partition)


def folded(log: MemoryLog, ends: dict[int, int]) -> Snapshot:
    """What reading all of the log up to there gives."""
    store = MemoryStore()
    follower = Projector(log, "events", ReadModels(store), ends)
    for partition, end in ends.items():
        for message in log.topics["events"][partition][:end]:
            follower.take(message)
    follower.commit()
    return ReadModelQueries(store).now()


def everything(snapshot: Snapshot, session: str) -> tuple[object, ...]:
    """All that can be asked about a session."""
    return (
        snapshot.sessions.get(session),
        snapshot.sessions.ended(session),
        snapshot.experiments.get(session),
        list(snapshot.runs.all(session)),
    )


def test_a_page_ends_where_no_more_events_are_folded(monkeypatch: pytest.MonkeyPatch):
    log = told(Random(10), 150)
    index, lookup, ends = (
        folded(log, log.ends("events")),
        RecordLookup(log, "events"),
        log.ends("events"),
    )
    there = list(index.experiments.newest())
    assert len(there) > 2

    def past(bound: int) -> AsOfReader:
        monkeypatch.setattr("autolearn.projections.time_travel.past.PAST_BYTES", bound)
        return AsOfReader(index, lookup, ends)

    one = past(10**9)
    one.load_experiments(None, 1)
    size = one.bytes
    assert not one.snapshot.rows.full
    one = past(size)
    one.load_experiments(None, 99)
    assert one.snapshot.rows.full
    assert list(one.snapshot.experiments.newest()) == there[:1]
    one = past(size - 1)
    with pytest.raises(PastTooLarge, match=f"more than {size - 1:,} bytes"):
        one.load_experiments(None, 99)
    one = past(1)
    with pytest.raises(PastTooLarge):
        one.load_datasets("", 2)
    with pytest.raises(PastTooLarge):
        one.load_sessions(None, 2)
    lookup.close()


def pages(ask, key) -> list[object]:
    """All rows of a list, in pages of two."""
    found, after = [], None
    while rows := ask(after, 2):
        found += rows
        after = key(rows[-1])
    return found


@settings(max_examples=40 * settings.default.max_examples // 100)
@given(st.integers(0, 2**32).map(Random), st.integers(0, 150))
def test_every_point_of_the_past_is_what_the_prefix_of_the_log_gives(random: Random, count: int):
    log = told(random, count)
    lookup = RecordLookup(log, "events")
    index = folded(log, log.ends("events"))
    for _ in range(4):
        ends = {p: random.randint(0, end) for p, end in log.ends("events").items()}
        then = folded(log, ends)

        def past(ends: dict[int, int] = ends) -> AsOfReader:
            return AsOfReader(index, lookup, ends)

        for session in index.streams.ids("session"):
            one = past()
            one.load_session(session)
            assert everything(one.snapshot, session) == everything(then, session)

        def sessions(after, limit):
            one = past()
            one.load_sessions(after, limit)
            return list(islice(one.snapshot.sessions.newest(after), limit))

        def experiments(after, limit):
            one = past()
            one.load_experiments(after, limit)
            return list(islice(one.snapshot.experiments.newest(after), limit))

        def datasets(after, limit):
            one = past()
            one.load_datasets(after or "", limit)
            return list(islice(one.snapshot.catalog.datasets(after or ""), limit))

        assert pages(sessions, lambda r: (r.created, r.id)) == list(then.sessions.newest())
        assert pages(experiments, lambda r: (r.committed, r.id)) == list(then.experiments.newest())
        assert pages(datasets, lambda r: r.spec.name) == list(then.catalog.datasets())
        one = past()
        one.load_kind("estimator")
        assert one.snapshot.catalog.estimators() == then.catalog.estimators()
        progress = then.rows.progress()
        for place in past().places():
            assert place.progress().next == progress[place.partition].next
            assert (place.term, place.last) == (
                progress[place.partition].term,
                progress[place.partition].last,
            )
    lookup.close()


def test_random_histories_reach_what_the_test_is_about():
    seen = dict.fromkeys(("session", "ended", "experiment"), 0)
    for seed in range(20):
        log = told(Random(seed), 100)
        then = folded(log, log.ends("events"))
        for session in then.streams.ids("session"):
            seen["session"] += then.sessions.is_open(session)
            seen["ended"] += then.sessions.ended(session) is not None
            seen["experiment"] += then.experiments.has(session)
    assert all(count > 5 for count in seen.values()), seen


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_known_before_the_first_event(kind: str):
    log = told(Random(1), 40)
    lookup = RecordLookup(log, "events")
    past = AsOfReader(folded(log, log.ends("events")), lookup, dict.fromkeys(range(PARTITIONS), 0))
    past.load_kind(kind)
    assert past.store.rows == {}
    lookup.close()
