"""What holds for every history, whatever is asked in whatever order."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autolearn.agents.deciders import DECIDERS
from autolearn.agents.deciders.runs import newest_first
from autolearn.agents.deciders.session import Committed, Ended, Open
from autolearn.agents.deciders.specification import entitled
from autolearn.schemas import events
from autolearn.schemas.codec import command_of
from autolearn.schemas.messages import Event
from autolearn.schemas.stream_kinds import KINDS
from tests.support.random_histories import random_command, random_records

ENDS = events.RunCompleted | events.RunFailed | events.RunCancelled
ODD = st.randoms(use_true_random=False)


def play(random: Random, kind: str, stream: str, count: int):
    decider, state = DECIDERS[kind], DECIDERS[kind].initial
    for _ in range(count):
        command = random_command(random, stream)
        event = decider.decide(state, command, entitled(command, "ada"))
        after = decider.evolve(state, event, "ada")
        yield state, command, event, after
        state = after


@settings(max_examples=60 * settings.default.max_examples // 100)
@given(
    ODD, st.sampled_from([f"{kind}/flowers" for kind in DECIDERS if kind not in ("metric", "step")])
)
def test_every_command_is_answered_by_one_event_and_refusals_change_nothing(random, stream):
    kind = stream.partition("/")[0]
    for state, command, event, after in play(random, kind, stream, 40):
        assert isinstance(event, Event)
        assert type(event) in events.EVENTS.values()
        again = DECIDERS[kind].decide(state, command, entitled(command, "ada"))
        assert again == event, "decide is pure"
        if isinstance(event, events.Refused):
            assert after == state
        elif not isinstance(
            event,
            events.DatasetRegistered
            | events.SessionRenamed
            | events.TokensRevoked
            | events.PredictionsErased
            | events.StepRecorded,
        ):
            assert after != state


@settings(max_examples=60 * settings.default.max_examples // 100)
@given(ODD)
def test_every_accepted_run_ends_at_most_once_and_has_one_worker_at_a_time(random):
    requested, ends, holder = Counter(), Counter(), {}
    for _, _, event, after in play(random, "session", "session/s", 80):
        match event:
            case events.RunRequested():
                requested[event.run] += 1
            case events.TrainingImported():
                requested[event.run] += 1
                ends[event.run] += 1
            case events.RunStarted():
                assert holder.get(event.run) is None
                holder[event.run] = event.worker
            case events.RunCompleted():
                assert holder.pop(event.run) == event.worker
                ends[event.run] += 1
            case events.RunFailed() | events.RunCancelled():
                holder.pop(event.run, None)
                ends[event.run] += 1
            case events.RunLost():
                assert holder.pop(event.run) == event.worker
            case events.SessionCommitted():
                ends.update(event.cancelled)
                assert ends == requested, "what was accepted has ended, once"
                assert isinstance(after, Committed)
                kept = dict(newest_first(after))
                assert {*event.trainings} <= kept.keys() <= {*requested}
                # what is not kept is forgotten, and its ids may come again
                requested, ends = (Counter([*kept][::-1]) for _ in range(2))
                holder = {}
            case events.SessionDiscarded() | events.ExperimentDeleted():
                ends.update(event.cancelled)
                assert ends == requested, "what was accepted has ended, once"
                assert isinstance(after, Ended)
        assert all(count == 1 for count in (*requested.values(), *ends.values()))
        assert not ends - requested
        if isinstance(after, Open | Committed):
            found = dict(newest_first(after))
            assert list(found) == [*requested][::-1], "the order of the requests"
            assert {name for name, run in found.items() if not run.active} == set(ends)
            assert after.active == sum(run.active for run in found.values())
            assert after.trained == sum(bool(run.artifact) for run in found.values())


def test_every_kind_of_stream_has_a_decider():
    assert set(DECIDERS) == set(KINDS)


@pytest.mark.long
def test_the_random_commands_reach_every_event_of_what_people_change():
    seen = set()
    for seed in range(400):
        for kind in ("session", "user", "group", "model", "pipeline"):
            for *_, event, _ in play(Random(seed), kind, f"{kind}/s", 120):
                seen.add(type(event))
    rest = {events.EstimatorRegistered, events.MetricRegistered, events.StepRegistered}
    rest |= {events.DatasetRegistered, events.DatasetShared, events.DatasetUnshared}
    rest |= {events.DatasetDeleted, events.RowsLabelled, events.DatasetExpected}
    missing = (
        set(events.EVENTS.values())
        - seen
        - rest
        - {events.TermStarted, events.CommandFailed, events.CommandQuarantined}
    )
    assert not missing


def test_random_records_can_be_decoded():
    for record in random_records(Random(1), 200):
        command_of(record)
