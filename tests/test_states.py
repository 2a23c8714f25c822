"""The deciders' stored state."""

from random import Random

from autolearn.agents.states import States, Stream
from autolearn.projections.store import MemoryStore
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, raw
from autolearn.schemas.messages import Event, type_of
from tests import samples
from tests.stories import history


def record(sequence: int, event: Event) -> EventRecord:
    return EventRecord(
        id=f"e{sequence}",
        source="tests",
        type=type_of(type(event)),
        subject=samples.SESSION,
        time="2026-01-01T00:00:00Z",
        sequence=sequence,
        causationid=f"c{sequence}",
        term=1,
        data=raw(event),
    )


def reopened(states: States) -> States:
    states.commit({})
    return States(states.rows.store)


def test_a_stream_without_events_has_the_initial_state():
    stream = States(MemoryStore()).load(samples.SESSION)
    assert stream.sequence == 0
    assert not States(MemoryStore()).seen(samples.SESSION, "c1")


def test_runs_keep_the_order_of_their_requests_when_stored():
    states = States(MemoryStore())
    states.fold(record(1, events.SessionOpened("")), 0, 0)
    for number, run in enumerate(("t3", "t1", "t2"), 2):
        states.fold(record(number, samples.training_requested(run)), 0, 0)
        states = reopened(states)
    assert list(states.load(samples.SESSION).state.runs) == ["t3", "t1", "t2"]


def test_a_command_is_seen_in_its_stream_only():
    states = States(MemoryStore())
    states.fold(record(1, events.SessionOpened("")), 0, 0)
    for each in (states, reopened(states)):
        assert each.seen(samples.SESSION, "c1")
        assert not each.seen(samples.SESSION, "c2")
        assert not each.seen(samples.OTHER_SESSION, "c1")


def test_a_term_changes_no_stream():
    states = States(MemoryStore())
    term = EventRecord(
        id="t",
        source="s",
        type=type_of(events.TermStarted),
        subject="partition/0",
        time="",
        sequence=0,
        term=1,
        data=raw(events.TermStarted("p")),
    )
    states.fold(term, 0, 0)
    assert not states.rows.pending


def test_storing_after_every_event_changes_nothing():
    for seed in range(20):
        past = history(Random(seed), 80)
        stored, kept = States(MemoryStore()), States(MemoryStore())
        for event in past:
            stored.fold(event, 0, 0)
            stored = reopened(stored)
            kept.fold(event, 0, 0)
        for name in {event.subject for event in past}:
            one, other = stored.load(name), kept.load(name)
            assert isinstance(one, Stream)
            assert one == other
            assert repr(one) == repr(other), "the order counts too"
