"""The rules of a session: opening, asking for work, committing, discarding."""

from typing import get_args

import pytest
from msgspec.structs import replace

from autolearn.agents.deciders.decider import Parts
from autolearn.agents.deciders.runs import RunCommand
from autolearn.agents.deciders.session import Committed, Ended, Open, session
from autolearn.agents.deciders.specification import Refused, given
from autolearn.schemas import commands, events
from autolearn.schemas.actors import EVERYBODY, SUPERVISE, SYSADMIN, Actor, worker
from autolearn.schemas.bounds import (
    SESSION_ANNOTATIONS,
    SESSION_ATTACHMENTS,
    SESSION_READERS,
    SESSION_RUNS,
)
from autolearn.schemas.commands import (
    AnnotateSession,
    CancelRun,
    CommitSession,
    DeleteExperiment,
    DiscardSession,
    ExpireSession,
    HoldExperiment,
    KeepSession,
    OpenSession,
    ProposeExpiry,
    ReleaseExperiment,
    RenameSession,
    RequestEvaluation,
    RequestPrediction,
    ShareSession,
    UnshareSession,
)
from autolearn.schemas.events import (
    ExperimentDeleted,
    ExperimentHeld,
    ExperimentReleased,
    RunCancelled,
    RunFailed,
    RunStarted,
    SessionAnnotated,
    SessionCommitted,
    SessionDiscarded,
    SessionExpired,
    SessionExpiring,
    SessionKept,
    SessionOpened,
    SessionRenamed,
    SessionShared,
    SessionUnshared,
)
from autolearn.schemas.values import AttachedFile
from tests.support import samples
from tests.support.samples import (
    evaluation_completed,
    evaluation_requested,
    prediction_requested,
    request_evaluation,
    request_prediction,
    request_training,
    training_completed,
    training_requested,
)

OPENED = SessionOpened("Irises")
OF_RUNS = tuple(get_args(RunCommand))
SESSION_COMMANDS = [
    command for command in samples.COMMANDS.values() if isinstance(command, session.commands)
]


def named(command):
    return type(command).__name__


def trained(run="t1"):
    return training_requested(run), RunStarted(run, 1, "w1"), training_completed(run)


def failed(run="t1"):
    return (
        training_requested(run),
        RunStarted(run, 1, "w1"),
        RunFailed(run, 1, "w1", "raised", "ValueError"),
    )


def test_a_session_opens():
    given(session).when(OpenSession("Irises")).then(OPENED)


def test_a_session_opens_without_a_title():
    given(session).when(OpenSession()).then(SessionOpened(""))


def test_a_session_opens_once():
    given(session, OPENED).when(OpenSession("Other")).then(Refused(reason="session-exists"))


@pytest.mark.parametrize(
    "command", [c for c in SESSION_COMMANDS if not isinstance(c, OpenSession)], ids=named
)
def test_nothing_happens_in_a_session_that_is_not_open(command):
    given(session).when(command).then(Refused(reason="session-unknown"))


@pytest.mark.parametrize("command", SESSION_COMMANDS, ids=named)
@pytest.mark.parametrize(
    ("ended", "reason"),
    [(SessionDiscarded(), "session-discarded"), (SessionExpired(), "session-expired")],
    ids=["discarded", "expired"],
)
def test_nothing_happens_in_a_session_that_has_ended(ended, reason, command):
    given(session, OPENED, *trained(), ended).when(command).then(Refused(reason=reason))


# Ending for good


NOON, MORROW = "2026-01-01T12:00:00.000Z", "2026-01-02T12:00:00.000Z"
EXPIRING = SessionExpiring(MORROW)


def test_a_session_that_is_not_used_is_expiring_and_then_expires():
    for past, runs in (((OPENED, *trained()), 1), ((SessionOpened("", 60),), 0)):
        given(session, *past).when(ProposeExpiry(runs, MORROW)).then(EXPIRING)
        given(session, *past).when(ExpireSession(runs, MORROW)).then(Refused(reason="not-expiring"))
        late = given(session, *past, EXPIRING)
        late.when(ProposeExpiry(runs, MORROW)).then(Refused(reason="session-expiring"))
        late.when(ExpireSession(runs, NOON)).then(Refused(reason="not-yet"))
        late.when(ExpireSession(runs)).then(Refused(reason="not-yet"))
        late.when(ExpireSession(runs, MORROW)).then(SessionExpired())


def test_a_session_in_use_does_not_expire():
    for past in ((training_requested("t1"),), (*trained("t1"), *trained("t2"))):
        for command in (ProposeExpiry(1, MORROW), ExpireSession(1, MORROW)):
            given(session, OPENED, *past).when(command).then(Refused(reason="session-in-use"))


def test_use_and_keeping_end_that_a_session_is_expiring():
    used = (SessionKept(), SessionShared("grace"), RunCancelled("t2"))
    for event in used:
        past = (OPENED, *trained(), training_requested("t2"))
        past = (*past, RunCancelled("t2")) if event is not used[2] else past
        given(session, *past, EXPIRING, event).when(ExpireSession(2, MORROW)).then(
            Refused(reason="not-expiring")
        )
    given(session, OPENED, EXPIRING).when(KeepSession()).then(SessionKept())
    nothing_came_of_it = (
        events.Refused("run-unknown", ""),
        events.CommandFailed(""),
        events.CommandQuarantined(""),
    )
    for event in nothing_came_of_it:
        given(session, OPENED, EXPIRING, event).when(ExpireSession(0, MORROW)).then(
            SessionExpired()
        )
    given(session, OPENED).when(KeepSession()).then(Refused(reason="not-expiring"))
    given(session, OPENED, EXPIRING, SessionKept()).when(KeepSession()).then(
        Refused(reason="not-expiring")
    )


def test_an_experiment_is_deleted_once():
    kept = (OPENED, *trained(), SessionCommitted(("t1",)))
    given(session, *kept).when(DeleteExperiment()).then(ExperimentDeleted())
    for command in SESSION_COMMANDS:
        given(session, *kept, ExperimentDeleted()).when(command).then(
            Refused(reason="session-deleted")
        )


def test_a_session_and_an_experiment_are_renamed_and_expire_no_longer():
    for past in ((OPENED,), KEPT):
        given(session, *past).when(RenameSession("roses")).then(SessionRenamed("roses"))
        given(session, *past).when(RenameSession("")).then(SessionRenamed(""))
    expiring = (OPENED, SessionExpiring("2026-01-02T12:00:00.000Z"), SessionRenamed("roses"))
    given(session, *expiring).when(KeepSession()).then(Refused(reason="not-expiring"))


def test_what_is_kept_can_be_annotated_and_so_can_its_trainings():
    about_it, about_t1 = AnnotateSession(note="n"), AnnotateSession("t1", tags=("a",))
    for past in ((OPENED, *trained("t1")), KEPT):
        given(session, *past).when(about_it).then(SessionAnnotated(note="n"))
        given(session, *past).when(about_t1).then(SessionAnnotated("t1", tags=("a",)))
        for other in ("t9", "e1"):
            command = AnnotateSession(other, "n")
            given(session, *past).when(command).then(Refused(reason="training-unknown"))
    given(session, *KEPT).when(AnnotateSession("t2", "n")).then(Refused(reason="training-unknown"))
    expiring = (OPENED, SessionExpiring("2026-01-02T12:00:00.000Z"), SessionAnnotated(note="n"))
    given(session, *expiring).when(KeepSession()).then(Refused(reason="not-expiring"))


def test_there_are_at_most_so_many_annotations_also_after_a_commit():
    full = [SessionAnnotated(note="n")] * SESSION_ANNOTATIONS
    kept = (OPENED, *trained("t1"), *full[1:], SessionCommitted(("t1",)))
    for past in ((OPENED, *full[1:]), kept):
        given(session, *past).when(AnnotateSession(note="n")).then(SessionAnnotated(note="n"))
        refused = Refused(reason="too-many-annotations")
        given(session, *past, full[0]).when(AnnotateSession(note="n")).then(refused)


def test_at_most_so_many_files_are_attached():
    file = AttachedFile("roc.svg", "image/svg+xml", 9, samples.ARTIFACT)
    attach, attached = AnnotateSession("t1", file=file), SessionAnnotated("t1", file=file)
    full = (OPENED, *trained("t1"), *[attached] * SESSION_ATTACHMENTS)
    given(session, *full[:-1]).when(attach).then(attached)
    given(session, *full).when(attach).then(Refused(reason="too-many-attachments"))
    given(session, *full).when(AnnotateSession("t1", "n")).then(SessionAnnotated("t1", "n"))


# What is asked of an experiment

SHARED = SessionShared("grace")
UNSHARED = SessionUnshared("grace")

KEPT = (OPENED, *trained("t1"), *trained("t2"), SessionCommitted(("t1",)))


def test_an_experiment_trains_nothing_and_ends_no_other_way():
    asked = (RequestEvaluation, RequestPrediction, RenameSession, AnnotateSession)
    asked += (ShareSession, UnshareSession, DeleteExperiment, HoldExperiment, ReleaseExperiment)
    for command in SESSION_COMMANDS:
        if not isinstance(command, (*asked, *OF_RUNS)):
            given(session, *KEPT).when(command).then(Refused(reason="session-committed"))
    for command in SESSION_COMMANDS:  # a late worker, of a run that is not kept
        if isinstance(command, OF_RUNS):
            late = replace(command, run="t9")
            given(session, *KEPT).when(late).then(Refused(reason="session-committed"))


def test_the_trainings_that_an_experiment_keeps_can_be_evaluated():
    experiment = given(session, *KEPT)
    experiment.when(request_evaluation("e1", "t1")).then(evaluation_requested("e1", "t1"))
    for training in ("t2", "t9"):
        asked = request_evaluation("e1", training)
        experiment.when(asked).then(Refused(reason="training-unknown"))
    taken = evaluation_requested("e1", "t1"), RunStarted("e1", 1, "w1")
    after = given(session, *KEPT, *taken)
    after.when(request_evaluation("e1", "t1")).then(Refused(reason="run-exists"))
    done = samples.complete_evaluation("e1")
    after.when(done).then(evaluation_completed("e1"))
    given(session, *KEPT, *taken, evaluation_completed("e1")).when(done).then(
        Refused(reason="run-ended")
    )


def test_the_id_of_an_evaluation_that_an_experiment_keeps_is_taken():
    evaluated = evaluation_requested("e1", "t1"), RunStarted("e1", 1, "w1")
    past = (OPENED, *trained("t1"), *evaluated, evaluation_completed("e1"))
    again = request_evaluation("e1", "t1")
    given(session, *past, SessionCommitted(("t1",))).when(again).then(Refused(reason="run-exists"))


def test_an_open_session_and_an_experiment_predict_with_a_completed_training():
    for past in ((OPENED, *trained("t1")), KEPT):
        stream = given(session, *past)
        stream.when(request_prediction("p1", "t1")).then(prediction_requested("p1", "t1"))
        stream.when(request_prediction("p1", "t9")).then(Refused(reason="training-unknown"))
        taken = prediction_requested("p1", "t1"), RunStarted("p1", 1, "w1")
        done = samples.complete_prediction("p1")
        given(session, *past, *taken).when(done).then(samples.prediction_completed("p1"))
    waiting = (OPENED, *failed("t1"))
    given(session, *waiting).when(request_prediction("p1", "t1")).then(
        Refused(reason="training-incomplete")
    )


def test_a_model_lets_its_users_predict_while_it_holds_the_experiment():
    """The API has checked their grants of the model; they have none of the experiment."""
    held, grace = ExperimentHeld("scorer", "2026-01-01T00:00:00Z"), Actor("grace")
    asked = request_prediction("p1", "t1", model="scorer", model_version=3)
    answer = prediction_requested("p1", "t1", model="scorer", model_version=3)
    given(session, *KEPT, held, actor="ada").when(asked, grace).then(answer)
    refused = Refused(reason="forbidden")
    given(session, *KEPT, actor="ada").when(asked, grace).then(refused)
    other = replace(asked, model="another")
    given(session, *KEPT, held, actor="ada").when(other, grace).then(refused)
    given(session, OPENED, *trained("t1"), actor="ada").when(asked, grace).then(refused)
    given(session, *KEPT, held, actor="ada").when(request_prediction("p1", "t1"), grace).then(
        refused
    )
    state = session.evolve(given(session, *KEPT, held, actor="ada").state, answer, "grace")
    assert session.decide(state, CancelRun("p1"), grace) == RunCancelled("p1")
    assert isinstance(session.decide(state, CancelRun("p1"), Actor("eve")), events.Refused)


def test_a_deletion_stops_the_runs_since_the_commit():
    going = evaluation_requested("e1", "t1"), evaluation_requested("e2", "t1"), RunCancelled("e2")
    given(session, *KEPT, *going).when(DeleteExperiment()).then(ExperimentDeleted(("e1",)))


def test_only_the_owner_has_an_experiment_evaluated():
    experiment = given(session, *KEPT, SHARED, actor="ada")
    asked = request_evaluation("e1", "t1")
    experiment.when(asked, Actor("grace")).then(Refused(reason="forbidden"))
    experiment.when(asked, Actor("ada")).then(evaluation_requested("e1", "t1"))


def test_an_open_session_is_discarded_and_not_deleted():
    given(session, OPENED).when(DeleteExperiment()).then(Refused(reason="session-open"))


# Sharing


@pytest.mark.parametrize("past", [(), (*trained(), SessionCommitted(("t1",)))])
def test_a_session_or_experiment_is_shared_and_unshared(past):
    stream = given(session, OPENED, *past)
    stream.when(ShareSession("grace")).then(SHARED)
    stream.when(UnshareSession("grace")).then(Refused(reason="not-shared"))
    stream = given(session, OPENED, *past, SHARED)
    stream.when(ShareSession("grace")).then(Refused(reason="already-shared"))
    stream.when(ShareSession("ada")).then(SessionShared("ada"))
    stream.when(UnshareSession("grace")).then(UNSHARED)
    stream = given(session, OPENED, *past, SHARED, UNSHARED)
    stream.when(UnshareSession("grace")).then(Refused(reason="not-shared"))
    stream.when(ShareSession("grace")).then(SHARED)


def test_who_could_read_a_session_can_read_the_experiment():
    past = (OPENED, *trained(), SHARED, SessionCommitted(("t1",)))
    given(session, *past).when(ShareSession("grace")).then(Refused(reason="already-shared"))


# Requests


def test_a_training_is_requested():
    given(session, OPENED).when(request_training()).then(training_requested())


def test_a_request_is_taken_over_field_by_field():
    fields = {"seed": 7, "max_attempts": 1, "target": None, "hyperparameters": {"max_depth": None}}
    given(session, OPENED).when(request_training(**fields)).then(training_requested(**fields))


def test_a_model_that_was_made_elsewhere_is_a_completed_training():
    made = samples.import_training(), samples.training_imported()
    given(session, OPENED).when(made[0]).then(made[1])
    given(session, OPENED, made[1]).when(made[0]).then(Refused(reason="run-exists"))
    given(session, OPENED, made[1]).when(CommitSession()).then(SessionCommitted(("t1",)))
    experiment = given(session, OPENED, made[1], SessionCommitted(("t1",)))
    experiment.when(request_evaluation("e1", "t1")).then(evaluation_requested("e1", "t1"))
    other = samples.import_training("t2")
    experiment.when(other).then(Refused(reason="session-committed"))


@pytest.mark.parametrize(
    "past",
    [
        (training_requested(),),
        trained(),
        failed(),
        (training_requested(), RunCancelled("t1")),
        (*trained("t0"), evaluation_requested("t1", "t0")),
    ],
    ids=["open", "completed", "failed", "cancelled", "evaluation"],
)
def test_a_run_id_is_used_once(past):
    stream = given(session, OPENED, *past)
    stream.when(request_training("t1")).then(Refused(reason="run-exists"))
    stream.when(request_evaluation("t1", "t0")).then(Refused(reason="run-exists"))


def test_a_completed_training_can_be_evaluated():
    given(session, OPENED, *trained()).when(request_evaluation()).then(
        evaluation_requested(artifact=samples.ARTIFACT.digest)
    )


def test_a_training_can_be_evaluated_twice_at_a_time():
    given(session, OPENED, *trained(), evaluation_requested("e1")).when(
        request_evaluation("e2")
    ).then(evaluation_requested("e2"))


@pytest.mark.parametrize(
    ("past", "reason"),
    [
        ((), "training-unknown"),
        ((*trained("t0"), evaluation_requested("t1", "t0")), "training-unknown"),
        ((training_requested(),), "training-incomplete"),
        ((training_requested(), RunStarted("t1", 1, "w1")), "training-incomplete"),
        (failed(), "training-incomplete"),
        ((training_requested(), RunCancelled("t1")), "training-incomplete"),
    ],
    ids=["unknown", "an evaluation", "open", "started", "failed", "cancelled"],
)
def test_only_a_completed_training_can_be_evaluated(past, reason):
    given(session, OPENED, *past).when(request_evaluation("e9", "t1")).then(Refused(reason=reason))


# Committing

EVALUATED = (*trained(), evaluation_requested(), RunStarted("e1", 1, "w1"))


@pytest.mark.parametrize(
    ("past", "chosen", "expected"),
    [
        (trained(), None, SessionCommitted(("t1",))),
        ((*trained("t2"), *trained("t1")), None, SessionCommitted(("t2", "t1"))),
        ((*trained(), *failed("t2")), None, SessionCommitted(("t1",))),
        (
            (*trained(), training_requested("t2"), RunCancelled("t2")),
            None,
            SessionCommitted(("t1",)),
        ),
        ((*EVALUATED, evaluation_completed()), None, SessionCommitted(("t1",))),
        ((*EVALUATED, RunFailed("e1", 1, "w1", "raised", "…")), None, SessionCommitted(("t1",))),
        ((*EVALUATED, RunCancelled("e1")), ("t1",), SessionCommitted(("t1",))),
        ((*trained("t1"), *trained("t2")), ("t2",), SessionCommitted(("t2",))),
        ((*trained("t1"), *trained("t2")), ("t2", "t1"), SessionCommitted(("t2", "t1"))),
        ((*trained("t1"), *trained("t2")), ("t2", "t2"), SessionCommitted(("t2",))),
        (
            (*trained(), training_requested("t2"), training_requested("t3")),
            ("t1",),
            SessionCommitted(("t1",), cancelled=("t2", "t3")),
        ),
        (
            (*trained("t1"), *trained("t2"), evaluation_requested("e1", "t1")),
            ("t2",),
            SessionCommitted(("t2",), cancelled=("e1",)),
        ),
    ],
    ids=[
        "all",
        "all, in the order of their requests",
        "a failed one is left out",
        "a cancelled one is left out",
        "with an evaluation",
        "with a failed evaluation",
        "with a cancelled evaluation",
        "one of two",
        "both by name",
        "one named twice",
        "others still going are stopped",
        "an evaluation of another is stopped",
    ],
)
def test_a_commit_keeps(past, chosen, expected):
    given(session, OPENED, *past).when(CommitSession(chosen)).then(expected)


@pytest.mark.parametrize(
    ("past", "chosen", "reason"),
    [
        ((), None, "nothing-to-commit"),
        ((), (), "nothing-to-commit"),
        (trained(), (), "nothing-to-commit"),
        (failed(), None, "nothing-to-commit"),
        (trained(), ("t9",), "training-unknown"),
        ((*trained(), evaluation_requested()), ("e1",), "training-unknown"),
        ((training_requested(),), ("t1",), "training-incomplete"),
        ((*trained(), *failed("t2")), ("t1", "t2"), "training-incomplete"),
        ((training_requested(),), None, "run-active"),
        ((*trained(), training_requested("t2")), None, "run-active"),
        (EVALUATED, None, "run-active"),
        (EVALUATED, ("t1",), "run-active"),
    ],
    ids=[
        "empty session",
        "nothing chosen in an empty session",
        "nothing chosen",
        "only failed",
        "unknown",
        "an evaluation",
        "still open",
        "failed",
        "all, with one open",
        "all, with one open besides",
        "all, with an evaluation going",
        "chosen, with its evaluation going",
    ],
)
def test_a_commit_is_refused(past, chosen, reason):
    given(session, OPENED, *past).when(CommitSession(chosen)).then(Refused(reason=reason))


# Discarding


def test_an_empty_session_can_be_discarded():
    given(session, OPENED).when(DiscardSession()).then(SessionDiscarded())


def test_a_discard_stops_what_is_going():
    past = (*trained(), training_requested("t2"), evaluation_requested("e1"), *failed("t3"))
    given(session, OPENED, *past).when(DiscardSession()).then(SessionDiscarded(("t2", "e1")))


def test_answers_that_change_nothing_change_nothing():
    for answer in (events.Refused("run-unknown", "…"), events.CommandFailed("…")):
        for state in (session.initial, Open(), Committed(), Ended("discarded")):
            assert session.evolve(state, answer, "") == state


def test_the_decider_answers_every_command_of_a_session():
    others = {
        made for kind, all_ in commands.COMMANDS_OF.items() for made in all_ if kind != "session"
    }
    runs = {*get_args(RunCommand)}
    assert {*session.commands} == {*commands.COMMANDS.values()} - others | runs


# An experiment that models need


def test_an_experiment_is_not_deleted_while_a_model_needs_it():
    held = (*KEPT, ExperimentHeld("flowers", "2026-01-02T00:01:00.000Z"))
    told = given(session, *held).when(DeleteExperiment())
    told.then(Refused(reason="experiment-held"))
    assert "flowers" in told.answer.detail
    again = (*held, ExperimentHeld("roses", "2026-01-02T00:05:00.000Z"))
    later = Actor(time="2026-01-02T00:02:00.000Z")
    given(session, *again).when(ReleaseExperiment("roses"), later).then(
        Refused(reason="held-just-now")
    )
    given(session, *again).when(ReleaseExperiment("flowers"), later).then(
        ExperimentReleased("flowers")
    )
    given(session, *KEPT).when(ReleaseExperiment("flowers"), later).then(Refused(reason="not-held"))
    free = (*held, ExperimentReleased("flowers"))
    given(session, *free).when(DeleteExperiment()).then(ExperimentDeleted())


def test_only_who_may_work_in_an_experiment_holds_it():
    hold = HoldExperiment("flowers", "2026-01-02T00:01:00.000Z")
    eve = Actor("eve")
    given(session, *KEPT, actor="ada").when(hold, eve).then(Refused(reason="forbidden"))
    shared = (*KEPT, SessionShared("eve", "work"))
    given(session, *shared, actor="ada").when(hold, eve).then(
        ExperimentHeld(hold.model, hold.until)
    )
    given(session, OPENED).when(hold).then(Refused(reason="session-open"))


def test_a_session_has_a_bound_on_its_runs_and_says_it():
    full = Open(runs=SESSION_RUNS)
    for command in (request_training(), request_evaluation()):
        answer = session.decide(full, command, Actor())
        assert answer.reason == "too-many-runs"
        assert "5000" in answer.detail
        assert "commit" in answer.detail
    nearly = Open(runs=SESSION_RUNS - 1)
    answer = session.decide(nearly, request_training(), Actor())
    assert isinstance(answer, events.TrainingRequested)


def test_a_refused_commit_looks_at_no_run_that_is_not_named():
    def lost(run: str) -> None:
        raise AssertionError(f"{run} was looked at")

    for state in (Open(1000, 3, 5, "t1", Parts(lost)), Open(1000, 0, 0, "t1", Parts(lost))):
        assert isinstance(session.decide(state, CommitSession(), Actor()), events.Refused)
        late = session.decide(state, ExpireSession(9), Actor(SUPERVISE))
        assert late.reason == "session-in-use"


# Who may

ADA, BOB = Actor("ada"), Actor("bob")
OF_THE_OWNER = [
    RenameSession("roses"),
    AnnotateSession(note="roses"),
    KeepSession(),
    CommitSession(),
    DiscardSession(),
    ShareSession("grace"),
    UnshareSession("carl"),
    request_training("new"),
    request_evaluation("new"),
    commands.CancelRun("t1"),
    commands.CancelRun("e1"),
]
OF_THE_WORKER = [
    commands.StartRun("t1", 1, "w1"),
    samples.complete_training(),
    commands.FailRun("t1", 1, "w1", "raised"),
    commands.StartRun("e1", 1, "w1"),
    samples.complete_evaluation(),
    commands.FailRun("e1", 1, "w1", "raised"),
    commands.ReportRunLost("t1", 1, "w1"),
    commands.ReportRunLost("e1", 1, "w1"),
]
ADAS = (OPENED, SessionShared("bob"), SessionShared("carl"), training_requested())


def may(command, actor, *past, owner="ada"):
    answer = given(session, *(past or ADAS), actor=owner).when(command, actor).answer
    return getattr(answer, "reason", "") != "forbidden"


@pytest.mark.parametrize("command", OF_THE_OWNER, ids=named)
def test_what_is_the_owners_is_refused_to_everybody_else(command):
    assert may(command, ADA)
    assert may(command, Actor("", EVERYBODY)), "where nobody is known"
    for other in (BOB, Actor(), Actor("root", SYSADMIN), Actor(worker("w1")), Actor(SUPERVISE)):
        given(session, *ADAS, actor="ada").when(command, other).then(Refused(reason="forbidden"))


@pytest.mark.parametrize("command", OF_THE_OWNER, ids=named)
def test_what_was_opened_where_nobody_was_known_is_every_sysadmins(command):
    assert may(command, Actor(), owner="")
    assert may(command, Actor("root", SYSADMIN), owner="")
    assert not may(command, BOB, owner="")


def test_a_reader_may_leave_a_session_and_what_it_became():
    for past in (ADAS, (*ADAS, SessionCommitted(()))):
        state = given(session, *past, actor="ada")
        state.when(UnshareSession("bob"), BOB).then(SessionUnshared("bob"))
        state.when(UnshareSession("carl"), BOB).then(Refused(reason="forbidden"))
    state.when(UnshareSession("eve"), Actor("eve")).then(Refused(reason="not-shared"))


WORK = [
    command
    for command in OF_THE_OWNER
    if isinstance(command, commands.RequestRun | AnnotateSession)
]
BY_GROUP = Actor("bob", via="group/churn@7")


@pytest.mark.parametrize("command", OF_THE_OWNER, ids=named)
@pytest.mark.parametrize(
    ("actor", "grant"),
    [(BOB, SessionShared("bob", "work")), (BY_GROUP, SessionShared("group/churn", "work"))],
    ids=["user", "group"],
)
def test_a_grant_to_work_is_for_runs_and_annotations_and_for_nothing_else(command, actor, grant):
    past = (OPENED, grant, training_requested(), samples.evaluation_requested())
    assert may(command, actor, *past) == (command in WORK)
    assert not may(command, Actor("eve", via="group/eve@1"), *past)


def test_who_may_work_cancels_the_own_runs_and_the_owner_all():
    shared = given(session, OPENED, SessionShared("bob", "work"), actor="ada").state
    for actor in ("ada", "bob"):
        shared = session.evolve(shared, training_requested(f"of-{actor}"), actor)
    assert session.decide(shared, commands.CancelRun("of-bob"), BOB) == RunCancelled("of-bob")
    refused = session.decide(shared, commands.CancelRun("of-ada"), BOB)
    assert (refused.reason, refused.detail) == (
        "forbidden",
        "bob may not cancel of-ada: who asked for a run may, and the owner.",
    )
    for run in ("of-ada", "of-bob"):
        assert session.decide(shared, commands.CancelRun(run), ADA) == RunCancelled(run)
    assert session.decide(shared, commands.CancelRun("none"), BOB).reason == "run-unknown"


@pytest.mark.parametrize("via", ["group/churn@7", "bob@7", "ada@1", "bob", "group/", "", "group"])
def test_via_counts_only_for_the_grant_of_a_group_that_the_stream_has(via):
    """Whatever an envelope says: `via` names no user, and a grant to read is none to work."""
    reads = (OPENED, SessionShared("bob", "work"), SessionShared("group/churn"))
    assert not may(request_training("new"), Actor("eve", via=via), *reads)
    ended = (OPENED, SessionShared("group/churn", "work"), events.SessionDiscarded())
    assert not may(request_training("new"), Actor("eve", via=via), *ended)


def test_a_grant_is_changed_and_ends():
    works = (OPENED, SessionShared("bob", "work"))
    given(session, *works).when(ShareSession("bob", "work")).then(Refused(reason="already-shared"))
    given(session, *works).when(ShareSession("bob")).then(SessionShared("bob"))
    assert not may(request_training("new"), BOB, *works, SessionShared("bob"))
    assert not may(request_training("new"), BOB, *works, SessionUnshared("bob"))
    kept = (*works, *trained(), SessionCommitted(("t1",)))
    assert may(request_evaluation("new"), BOB, *kept)


@pytest.mark.parametrize("command", OF_THE_WORKER, ids=named)
def test_of_a_run_only_the_worker_speaks_that_is_named(command):
    assert may(command, Actor(worker("w1")))
    for other in (ADA, BOB, Actor("root", SYSADMIN), Actor(worker("w2")), Actor("", EVERYBODY)):
        assert not may(command, other)
    lost = isinstance(command, commands.ReportRunLost)
    assert may(command, Actor(SUPERVISE)) == lost


def test_only_supervision_lets_a_session_expire():
    late = given(session, OPENED, EXPIRING, actor="ada")
    late.when(ExpireSession(0, MORROW)).then(SessionExpired())
    for other in (ADA, Actor("supervise"), Actor(worker("w1")), Actor("", EVERYBODY)):
        assert not may(ExpireSession(0, MORROW), other)
        assert not may(ProposeExpiry(0, MORROW), other)


def test_an_experiment_is_its_owners_still():
    kept = (OPENED, *trained(), SessionCommitted(("t1",)))
    for command in (DeleteExperiment(), ShareSession("grace")):
        assert may(command, ADA, *kept)
        assert not may(command, BOB, *kept)


def test_a_session_is_shared_with_so_many_users_at_most():
    readers = (SessionShared(f"user-{number}") for number in range(SESSION_READERS))
    full = given(session, OPENED, *readers)
    full.when(ShareSession("one-more")).then(Refused(reason="too-many-readers"))
    full.when(UnshareSession("user-0")).then(SessionUnshared("user-0"))


STUDY = (OPENED, samples.study_requested("s1"), RunStarted("s1", 1, "w1"))


def test_the_worker_that_conducts_a_study_asks_for_its_runs_and_cancels_them():
    asked = request_training("t1", study="s1", trial=0)
    trial = training_requested("t1", study="s1", trial=0)
    by_worker, other = Actor(worker("w1")), Actor(worker("w2"))
    given(session, *STUDY).when(asked, actor=by_worker).then(trial)
    for actor in (other, Actor("")):
        given(session, *STUDY).when(asked, actor=actor).then(Refused(reason="forbidden"))
    cancel = CancelRun("t1")
    given(session, *STUDY, trial).when(cancel, actor=by_worker).then(RunCancelled("t1"))
    given(session, *STUDY, trial).when(cancel, actor=other).then(Refused(reason="forbidden"))
    ended = given(session, *STUDY, trial, RunCancelled("s1"))
    late = request_training("t2", study="s1", trial=1)
    ended.when(late, actor=by_worker).then(Refused(reason="forbidden"))
    ended.when(cancel, actor=by_worker).then(RunCancelled("t1"))
    alone = request_training("t9")
    given(session, *STUDY).when(alone, actor=by_worker).then(Refused(reason="forbidden"))
