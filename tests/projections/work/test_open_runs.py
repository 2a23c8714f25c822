"""The runs that have not ended, as dispatch sees them."""

import msgspec
from msgspec import Raw

from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.work.open_runs import OpenRuns
from autolearn.schemas import events, upcasters
from autolearn.schemas.codec import event_of
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.messages import type_of
from tests.golden import event_record
from tests.support import samples


def test_a_task_carries_the_request_in_its_present_version(monkeypatch):
    """Its process knows no upcasters, and the run may have been accepted before an upgrade."""
    event = samples.training_requested()
    old = msgspec.to_builtins(event)
    old["random_state"] = old.pop("seed")

    def lifted(data):
        return {("seed" if name == "random_state" else name): data[name] for name in data}

    monkeypatch.setitem(
        upcasters.UPCASTERS,
        "autolearn.TrainingRequested.v0",
        ("autolearn.TrainingRequested.v1", lifted),
    )
    record = msgspec.structs.replace(
        event_record("autolearn.TrainingRequested.v0", event), data=Raw(msgspec.json.encode(old))
    )
    assert event_of(record) == event
    runs = OpenRuns(MemoryStore())
    runs.fold(record, 0, 0)
    run = runs.get(samples.SESSION, event.run)
    assert msgspec.json.decode(run.request, type=TrainingRequested) == event


def test_the_runs_of_a_session_come_in_the_order_in_which_they_were_accepted():
    """Their ids say nothing about it, and dispatch asks after a restart."""
    runs = OpenRuns(MemoryStore())
    for sequence, run in enumerate("cab", 1):
        event = msgspec.structs.replace(samples.training_requested(), run=run)
        record = event_record("autolearn.TrainingRequested.v1", event)
        runs.fold(msgspec.structs.replace(record, sequence=sequence), 0, sequence)
    runs.commit({})
    assert [run.run for run in runs.all()] == ["c", "a", "b"]


def test_an_open_study_keeps_its_runs_and_how_they_have_ended():
    runs, sequence = OpenRuns(MemoryStore()), 0

    def fold(event, actor="ada"):
        nonlocal sequence
        sequence += 1
        record = event_record(type_of(type(event)), event)
        runs.fold(msgspec.structs.replace(record, sequence=sequence, actor=actor), 0, sequence)
        runs.commit({})

    stream = samples.SESSION
    fold(samples.study_requested("s1"))
    fold(events.RunStarted("s1", 1, "w1"), "worker w1")
    for number in range(2):
        trial = samples.training_requested(f"t{number}", study="s1", trial=number)
        fold(trial, "worker w1")
    assert runs.get(stream, "t1").user == "ada", "its turn and its quota are the user's"
    fold(samples.training_completed("t0"))
    kept = [runs.member(stream, "s1", place) for place in range(3)]
    assert [one and (one.run, one.status) for one in kept] == [
        ("t0", "completed"),
        ("t1", "open"),
        None,
    ]
    assert b"completed" not in bytes(kept[1].outcome)
    assert [one.run for one in runs.open_members(stream, "s1")] == ["t1"]
    fold(events.RunCancelled("s1"))
    assert runs.member(stream, "s1", 0) is None
    fold(events.RunCancelled("t1"))
    assert runs.all() == []
