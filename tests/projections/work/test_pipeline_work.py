"""Runs of pipelines, as dispatch and the shredder see them."""

from msgspec.structs import replace

from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.work.open_runs import OpenRuns
from autolearn.projections.work.session_retention import SessionRetention
from autolearn.schemas import events
from autolearn.schemas.messages import Event, type_of
from tests.golden import event_record
from tests.support import samples

FLOWERS, OLD = "pipeline/flowers", "pipeline/old"


def fold(into: OpenRuns | SessionRetention, *told: Event, stream: str = FLOWERS) -> None:
    for event in told:
        record = event_record(type_of(type(event)), event)
        into.fold(replace(record, subject=stream), 0, 0)
    into.commit({})


def done(number: int, *, sealed: bool = False) -> tuple[Event, ...]:
    """A run with one step whose files are its own."""
    run, step = f"r{number}", f"k{number}"
    stored = f"{number}" * 64 if sealed else ""
    files = replace(samples.STEP_FILES, digest=f"{number}" * 64, stored=stored)
    return (
        samples.pipeline_requested(run),
        events.RunStarted(run, 1, "api"),
        samples.step_requested(step, run),
        events.RunStarted(step, 1, "w1"),
        events.RunCompleted(step, 1, "w1", samples.step_result(artifact=files)),
        samples.pipeline_completed(run, 1, "api"),
    )


def test_the_turn_and_the_quota_of_a_step_are_those_of_who_runs_the_pipeline():
    runs = OpenRuns(MemoryStore())
    fold(runs, *done(1)[:3])
    pipeline, step = sorted(runs.all(), key=lambda run: run.kind)
    assert (pipeline.kind, step.kind) == ("pipeline", "step")
    assert (step.user, step.study) == (pipeline.user, "r1")
    fold(runs, events.PipelineRemoved(("k1", "r1")))
    assert runs.all() == []


def test_a_run_in_a_session_of_a_pipeline_has_the_turns_of_that_until_the_session_ends():
    runs = OpenRuns(MemoryStore())
    fold(runs, events.SessionOpened("", pipeline="flowers"), stream=samples.SESSION)
    fold(runs, samples.training_requested("t1"), stream=samples.SESSION)
    assert [run.pipeline for run in runs.all()] == [FLOWERS]
    fold(runs, events.SessionCommitted((), cancelled=("t1",)), stream=samples.SESSION)
    fold(runs, samples.evaluation_requested("e1"), stream=samples.SESSION)
    assert [run.pipeline for run in runs.all()] == [""]


def test_the_files_of_forgotten_runs_and_removed_pipelines_are_needed_no_longer():
    kept = SessionRetention(MemoryStore())
    first = events.PipelineApplied(1, samples.DEFINITION)
    fold(kept, first, *done(1), *done(2), *done(3))
    fold(kept, first, *done(1), stream=OLD)
    needed = {number: kept.refers("models", f"{number}" * 64) for number in (1, 2, 3, 4)}
    assert needed == {1: True, 2: True, 3: True, 4: False}
    fold(kept, events.RunsForgotten(("r1", "r2")))
    assert kept.refers("models", "1" * 64), "the other pipeline has the same files"
    assert not kept.refers("models", "2" * 64)
    assert kept.refers("models", "3" * 64)
    fold(kept, events.PipelineRemoved(), stream=OLD)
    assert not kept.refers("models", "1" * 64)
    fold(kept, events.PipelineRemoved())
    assert not kept.refers("models", "3" * 64)
    assert not list(kept.doomed(b"")), "what is not encrypted may be another's as well"


def test_encrypted_files_of_forgotten_runs_are_deleted_and_those_of_kept_runs_are_not():
    kept = SessionRetention(MemoryStore())
    first = events.PipelineApplied(1, samples.DEFINITION)
    fold(kept, first, *done(1, sealed=True), *done(2, sealed=True))
    fold(kept, events.RunsForgotten(("r1",)))
    assert [folder for _, folder in kept.doomed(b"")] == ["1" * 64]
    fold(kept, events.PipelineRemoved())
    assert {folder for _, folder in kept.doomed(b"")} == {"1" * 64, "2" * 64}
    draft = kept.get(FLOWERS)
    assert draft is not None
    assert draft.lost, "its key is shredded"
