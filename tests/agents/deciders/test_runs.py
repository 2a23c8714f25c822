"""The protocol of runs, the same for every kind of work."""

import pytest
from msgspec import Struct

from autolearn.agents.deciders.pipeline import pipeline
from autolearn.agents.deciders.session import session
from autolearn.agents.deciders.specification import Refused, given
from autolearn.schemas import commands, events
from autolearn.schemas.messages import Command, Event
from autolearn.schemas.work_kinds import OF_PIPELINES, WORK, kind_of_run
from tests.support import samples

TRAINED = (
    samples.training_requested("t0"),
    events.RunStarted("t0", 1, "w0"),
    samples.training_completed("t0", worker="w0"),
)


class Kind(Struct):
    """One kind of work, with the messages of a run called `r`."""

    before: tuple[Event, ...]
    requested: Event
    complete: Command
    completed: Event

    def start(self, attempt: int = 1, worker: str = "w1") -> Command:
        return commands.StartRun("r", attempt, worker)

    def started(self, attempt: int = 1, worker: str = "w1") -> Event:
        return events.RunStarted("r", attempt, worker)

    def fail(self, attempt: int = 1, worker: str = "w1") -> Command:
        return commands.FailRun("r", attempt, worker, "time", "It took longer than 60 s.")

    def failed(self, attempt: int = 1, worker: str = "w1") -> Event:
        return events.RunFailed("r", attempt, worker, "time", "It took longer than 60 s.")

    def report_lost(self, attempt: int = 1, worker: str = "w1") -> Command:
        return commands.ReportRunLost("r", attempt, worker)

    def lost(self, attempt: int = 2, worker: str = "w1") -> Event:
        return events.RunLost("r", attempt, worker)

    def given(self, *past: Event):
        first, decider = events.SessionOpened(""), session
        if kind_of_run(self.requested) in OF_PIPELINES:
            first, decider = events.PipelineApplied(1, samples.DEFINITION), pipeline
        return given(decider, first, *self.before, self.requested, *past)


KINDS = {
    "training": Kind(
        (),
        samples.training_requested("r", max_attempts=2),
        samples.complete_training("r"),
        samples.training_completed("r"),
    ),
    "evaluation": Kind(
        TRAINED,
        samples.evaluation_requested("r", "t0", max_attempts=2),
        samples.complete_evaluation("r"),
        samples.evaluation_completed("r"),
    ),
    "prediction": Kind(
        TRAINED,
        samples.prediction_requested("r", "t0", max_attempts=2),
        samples.complete_prediction("r"),
        samples.prediction_completed("r"),
    ),
    "study": Kind(
        (),
        samples.study_requested("r", max_attempts=2),
        samples.complete_study("r"),
        samples.study_completed("r"),
    ),
    "pipeline": Kind(
        (),
        samples.pipeline_requested("r", max_attempts=2),
        samples.complete_pipeline("r"),
        samples.pipeline_completed("r"),
    ),
    "step": Kind(
        (samples.pipeline_requested("r0"), events.RunStarted("r0", 1, "api")),
        samples.step_requested("r", "r0", max_attempts=2),
        samples.complete_step("r"),
        samples.step_completed("r"),
    ),
}


@pytest.fixture(params=sorted(WORK))
def kind(request):
    return KINDS[request.param]


def all_commands(kind):
    return kind.start(), kind.complete, kind.fail(), commands.CancelRun("r"), kind.report_lost()


def test_a_worker_claims_the_first_attempt(kind):
    kind.given().when(kind.start()).then(kind.started())


def test_an_attempt_is_claimed_once(kind):
    for worker in ("w2", "w1"):
        kind.given(kind.started()).when(kind.start(worker=worker)).then(
            Refused(reason="attempt-taken")
        )


@pytest.mark.parametrize("attempt", [0, 2, -1])
def test_only_the_present_attempt_can_be_claimed(kind, attempt):
    kind.given().when(kind.start(attempt)).then(Refused(reason="attempt-over"))


def test_the_worker_that_holds_the_attempt_completes_it(kind):
    kind.given(kind.started()).when(kind.complete).then(kind.completed)


def test_the_worker_that_holds_the_attempt_fails_it(kind):
    kind.given(kind.started()).when(kind.fail()).then(kind.failed())


def test_a_result_needs_a_claim(kind):
    for command in (kind.complete, kind.fail(), kind.report_lost()):
        kind.given().when(command).then(Refused(reason="attempt-over"))


def test_nobody_speaks_for_another_worker(kind):
    for command in (kind.complete, kind.fail(), kind.report_lost()):
        kind.given(kind.started(worker="w2")).when(command).then(Refused(reason="attempt-over"))


def test_a_run_can_be_cancelled_before_and_while_it_runs(kind):
    for past in ((), (kind.started(),), (kind.started(), kind.lost())):
        kind.given(*past).when(commands.CancelRun("r")).then(events.RunCancelled("r"))


def test_a_lost_run_is_tried_again(kind):
    kind.given(kind.started()).when(kind.report_lost()).then(kind.lost())


def test_the_next_attempt_goes_to_any_worker(kind):
    for worker in ("w1", "w2"):
        kind.given(kind.started(), kind.lost()).when(kind.start(2, worker)).then(
            kind.started(2, worker)
        )


def test_a_worker_that_was_thought_lost_is_not_believed(kind):
    for past in ((), (kind.started(2, "w2"),), (kind.started(2, "w1"),)):
        for command in (kind.complete, kind.fail(), kind.report_lost(), kind.start()):
            kind.given(kind.started(), kind.lost(), *past).when(command).then(
                Refused(reason="attempt-over")
            )


def test_the_last_attempt_that_is_lost_fails_the_run(kind):
    past = kind.started(), kind.lost(), kind.started(2, "w2")
    kind.given(*past).when(kind.report_lost(2, "w2")).then(
        events.RunFailed("r", 2, "w2", "lost", "2 workers were lost while they worked on it.")
    )


def test_a_run_that_has_ended_stays_so(kind):
    for ended in (kind.completed, kind.failed(), events.RunCancelled("r")):
        for command in all_commands(kind):
            kind.given(kind.started(), ended).when(command).then(Refused(reason="run-ended"))


def test_an_unknown_run_is_refused(kind):
    for command in all_commands(kind):
        given(session, events.SessionOpened("")).when(command).then(Refused(reason="run-unknown"))


def test_a_result_is_of_the_kind_of_the_run(kind):
    for other in KINDS.values():
        if other is not kind:
            kind.given(kind.started()).when(other.complete).then(Refused(reason="result-unfit"))


def test_requests_and_results_are_of_their_kind_of_work():
    for name, work in WORK.items():
        assert name.capitalize() in work.request.__name__
        assert name.capitalize() in work.requested.__name__
        assert work.result.__struct_config__.tag == name
    assert kind_of_run(samples.request_evaluation()) == "evaluation"
    assert kind_of_run(samples.training_result()) == "training"
