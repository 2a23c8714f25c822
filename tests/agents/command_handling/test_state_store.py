"""The deciders' stored state."""

from random import Random

from autolearn.agents.command_handling.state_store import DeciderStateStore
from autolearn.agents.deciders.runs import newest_first
from autolearn.eventlog.admission import PartitionProgress
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.storage.projection import FORMAT_KEY
from autolearn.projections.storage.store import key
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, raw
from autolearn.schemas.messages import Event, type_of
from tests.support import samples
from tests.support.random_histories import history


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


def reopened(states: DeciderStateStore) -> DeciderStateStore:
    states.commit({})
    return DeciderStateStore(states.rows.store)


def test_a_stream_without_events_has_the_initial_state():
    stream = DeciderStateStore(MemoryStore()).load(samples.SESSION)
    assert stream.sequence == 0
    assert not DeciderStateStore(MemoryStore()).seen(samples.SESSION, "c1")


def test_runs_keep_the_order_of_their_requests_when_stored():
    states = DeciderStateStore(MemoryStore())
    states.fold(record(1, events.SessionOpened("")), 0, 0)
    for number, run in enumerate(("t3", "t1", "t2"), 2):
        states.fold(record(number, samples.training_requested(run)), 0, 0)
        states = reopened(states)
    found = newest_first(states.load(samples.SESSION).state)
    assert [name for name, _ in found] == ["t2", "t1", "t3"]


def written_by(states: DeciderStateStore, number: int, event: Event) -> set[bytes]:
    """The rows of a session, and of its runs, that an event changes."""
    states.fold(record(number, event), 0, 0)
    found = {at for at in states.rows.pending if not at.startswith(b"seen")}
    states.commit({})
    return found


def test_an_event_of_a_run_changes_its_row_and_that_of_the_session_whatever_else_there_is():
    states = DeciderStateStore(MemoryStore())
    head, part = key("state", samples.SESSION), lambda run: key("part", samples.SESSION, run)
    written_by(states, 1, events.SessionOpened(""))
    for number in range(100):
        written_by(states, number + 2, samples.training_requested(f"t{number}"))
    size = len(states.rows.store.get(head))
    assert written_by(states, 102, samples.training_requested("x")) == {head, part("x")}
    assert written_by(states, 103, events.RunStarted("t5", 1, "w")) == {head, part("t5")}
    assert abs(len(states.rows.store.get(head)) - size) < 10


def test_nothing_of_the_runs_of_a_session_that_has_ended_is_stored():
    states = DeciderStateStore(MemoryStore())
    for number, event in enumerate((events.SessionOpened(""), samples.training_requested())):
        states.fold(record(number + 1, event), 0, 0)
    states = reopened(states)
    assert list(states.rows.store.scan(b"part"))
    states.fold(record(3, events.SessionDiscarded(("t1",))), 0, 0)
    states = reopened(states)
    assert not list(states.rows.store.scan(b"part"))
    assert states.load(samples.SESSION).state.how == "discarded"


def test_a_state_of_another_format_is_folded_again():
    states = DeciderStateStore(MemoryStore())
    states.fold(record(1, events.SessionOpened("")), 0, 0)
    states.commit({0: PartitionProgress(1, 1, 0, "e1")})
    assert DeciderStateStore(states.rows.store).load(samples.SESSION).sequence == 1
    states.rows.store.write({FORMAT_KEY: b"1"})
    assert DeciderStateStore(states.rows.store).load(samples.SESSION).sequence == 0
    assert not states.rows.store.rows


def test_a_command_is_seen_in_its_stream_only():
    states = DeciderStateStore(MemoryStore())
    states.fold(record(1, events.SessionOpened("")), 0, 0)
    for each in (states, reopened(states)):
        assert each.seen(samples.SESSION, "c1")
        assert not each.seen(samples.SESSION, "c2")
        assert not each.seen(samples.OTHER_SESSION, "c1")


def test_a_term_changes_no_stream():
    states = DeciderStateStore(MemoryStore())
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
        stored, kept = DeciderStateStore(MemoryStore()), DeciderStateStore(MemoryStore())
        for event in past:
            stored.fold(event, 0, 0)
            stored = reopened(stored)
            kept.fold(event, 0, 0)
        kept.commit({})
        assert stored.rows.store.rows == kept.rows.store.rows
