"""Live state, rebuilt state and the state at every prefix, with records in the log that count not.

Deciders that were replaced go on writing: what they answer is of a stale term, fits its streams,
and must leave no trace.
"""

from __future__ import annotations

import tempfile
from copy import copy
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.read_models import ReadModels
from autolearn.projections.rebuild.rebuild import rebuild
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.views import VIEWS, digests_of
from autolearn.schemas.codec import EventRecord, encode
from autolearn.schemas.topics import Topic
from tests.eventlog.test_admission import started
from tests.support.random_histories import STREAMS, Reference, command_record, random_command

STALE, TAKEOVER, TWICE = 0.2, 0.08, 0.05
Digests = dict[str, str]


def heir_of(decider: Reference) -> Reference:
    """The decider that takes over, in the next term, with all that was decided so far."""
    heir = copy(decider)
    heir.streams, heir.seen, heir.term = dict(decider.streams), set(decider.seen), decider.term + 1
    return heir


def answer(random: Random, decider: Reference, name: str) -> EventRecord:
    """What a decider answers to some command."""
    stream = random.choices(STREAMS, (10, 5, 1, 1, 0.5, 0.5, 1, 2))[0]
    command = command_record(stream, random_command(random, stream), name)
    found = decider.answer(decider.last + 1, command)
    assert found is not None
    return found


def written(random: Random, count: int) -> tuple[list[EventRecord], list[EventRecord]]:
    """A log of so many answers that count, all of its records; and those that count."""
    decider, replaced = Reference(), list[Reference]()
    every = [started(1)]
    admitted = [every[0]]
    for number in range(count):
        if random.random() < TAKEOVER:
            replaced.append(decider)
            decider = heir_of(decider)
            every.append(started(decider.term))
            admitted.append(every[-1])
        while replaced and random.random() < STALE:
            every.append(answer(random, random.choice(replaced), f"stale-{len(every)}"))
        if random.random() < TWICE:
            every.append(random.choice(every))
        every.append(answer(random, decider, f"c{number}"))
        admitted.append(every[-1])
    return every, admitted


def log_of(records: list[EventRecord]) -> MemoryLog:
    log = MemoryLog()
    log.create([Topic("events", 1, 1, {})])
    for record in records:
        log.append("events", encode(record), key=record.subject)
    return log


def live(records: list[EventRecord]) -> list[Digests]:
    """What is shown after each record, when each is stored as it comes; first: before any."""
    store = MemoryStore()
    follower = Projector(log_of(records), "events", ReadModels(store), [0])
    found = [digests_of(store)]
    while follower.behind():
        follower.step(0, limit=1)
        found.append(digests_of(store))
    return found


def folded(records: list[EventRecord], random: Random) -> Digests:
    """What folding these from the start gives, in batches of any size."""
    store = MemoryStore()
    follower = Projector(log_of(records), "events", ReadModels(store), [0])
    while follower.behind():
        follower.step(0, limit=random.randint(1, 20))
    return digests_of(store)


@settings(max_examples=40 * settings.default.max_examples // 100)
@given(st.integers(0, 2**32).map(Random), st.integers(0, 40))
def test_at_every_prefix_live_and_rebuilt_agree(random: Random, count: int):
    every, admitted = written(random, count)
    shown = live(every)
    for end in range(len(every) + 1):
        assert folded(every[:end], random) == shown[end]
    alone = folded(admitted, random)
    shifted = {"streams"}  # the offsets of events, which lie elsewhere when nothing is between them
    for view in VIEWS.keys() - shifted:
        assert shown[-1][view] == alone[view], "what does not count leaves no trace"


@settings(max_examples=20 * settings.default.max_examples // 100)
@given(st.integers(0, 2**32).map(Random), st.integers(0, 120))
def test_a_rebuild_that_is_interrupted_at_any_prefix_comes_to_what_is_live(
    random: Random, count: int
):
    every, _ = written(random, count)
    log, shown = log_of(every), live(every)
    with tempfile.TemporaryDirectory() as folder:
        ends = sorted(random.randint(0, len(every)) for _ in range(3))
        for end in (*ends, len(every)):
            rebuilt = rebuild(log, "events", Path(folder) / "views", {0: end})
            assert rebuilt.digests == shown[end]
            assert rebuilt.records + rebuilt.resumed_at == end


def test_the_histories_have_what_the_tests_are_about():
    stale, kinds, terms = 0, set[str](), 0
    for seed in range(30):
        every, admitted = written(Random(seed), 40)
        ignored = [record for record in every if record not in admitted]
        stale += len(ignored)
        kinds |= {record.type for record in ignored}
        terms = max(terms, admitted[-1].term)
    assert stale > 100
    assert terms > 2
    assert {"autolearn.SessionOpened.v1", "autolearn.TrainingRequested.v1"} < kinds
