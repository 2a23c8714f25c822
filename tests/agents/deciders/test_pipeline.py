"""Pipelines: who may what, versions, runs and their steps, and what is forgotten of them."""

from random import Random

import pytest
from hypothesis import given as example
from hypothesis import settings
from hypothesis import strategies as st
from msgspec.structs import replace

from autolearn.agents.deciders.pipeline import Applied, Removed, pipeline
from autolearn.agents.deciders.runs import newest_first
from autolearn.agents.deciders.specification import GivenStream, Refused, entitled, given
from autolearn.schemas import events
from autolearn.schemas.actors import EVERYBODY, SUPERVISE, SYSADMIN, Actor, worker
from autolearn.schemas.bounds import PIPELINE_GRANTS, PIPELINE_RUNS, PIPELINE_VERSIONS
from autolearn.schemas.commands import (
    ApplyPipeline,
    CancelRun,
    ForgetRuns,
    RecordStep,
    RemovePipeline,
    ReportRunLost,
    SetQuota,
    SharePipeline,
    StartRun,
    UnsharePipeline,
)
from autolearn.schemas.events import (
    PipelineApplied,
    PipelineRemoved,
    PipelineShared,
    PipelineUnshared,
    QuotaSet,
    RunCancelled,
    RunsForgotten,
    RunStarted,
    StepRecorded,
)
from tests.support import samples
from tests.support.random_histories import random_command

ADA, BOB, EVE, ROOT = Actor("ada"), Actor("bob"), Actor("eve"), Actor("root", SYSADMIN)
API, OTHER_API = Actor(worker("api")), Actor(worker("other"))
APPLY = ApplyPipeline(samples.DEFINITION, "pipeline: flowers", "The first")
APPLIED = PipelineApplied(1, samples.DEFINITION, "pipeline: flowers", "The first")
PAST = (APPLIED, PipelineShared("bob", "write"), PipelineShared("eve", "read"))
ASKED = samples.pipeline_requested("r1")
GOES_ON = (ASKED, RunStarted("r1", 1, "api"))
STEP = (samples.step_requested("k1", "r1"), RunStarted("k1", 1, "w1"))
ENDED = (*GOES_ON, *STEP, samples.step_completed("k1"), samples.pipeline_completed("r1", 1, "api"))


def ours(*past):
    """Return ada's pipeline after these events, all of hers."""
    return given(pipeline, *PAST, *past, actor="ada")


def test_the_first_version_makes_it_and_each_other_is_the_next():
    given(pipeline).when(APPLY, ADA).then(APPLIED)
    again = PipelineApplied(2, samples.DEFINITION, "pipeline: flowers", "The first")
    for actor in (ADA, BOB, Actor("", EVERYBODY)):
        ours().when(APPLY, actor).then(again)
    full = PipelineApplied(PIPELINE_VERSIONS, samples.DEFINITION)
    ours(full).when(APPLY, ADA).then(Refused(reason="too-many-versions"))


@pytest.mark.parametrize("command", [samples.request_pipeline(), RemovePipeline(), CancelRun("r1")])
def test_one_that_is_not_there_has_no_runs(command):
    given(pipeline).when(command, ADA).then(Refused(reason="pipeline-unknown"))


OWNERS = (RemovePipeline(), SharePipeline("carl"), UnsharePipeline("bob"))
WORKERS = (APPLY, samples.request_pipeline("r2"))


@pytest.mark.parametrize("command", [*OWNERS, *WORKERS], ids=lambda one: type(one).__name__)
def test_the_owner_does_all_and_who_may_work_runs_and_applies(command):
    assert not isinstance(ours().when(command, ADA).answer, events.Refused)
    bobs = ours().when(command, BOB)
    if command == UnsharePipeline("bob"):
        bobs.then(PipelineUnshared("bob"))  # anybody may leave
    elif command in OWNERS:
        bobs.then(Refused(reason="forbidden"))
    else:
        assert not isinstance(bobs.answer, events.Refused)
    for actor in (EVE, ROOT, Actor(), API, Actor(SUPERVISE)):
        ours().when(command, actor).then(Refused(reason="forbidden"))


def test_the_grant_of_a_group_is_used_by_the_members_that_the_api_has_found():
    shared = ours(PipelineShared("group/churn", "write"))
    carl = Actor("carl", via="group/churn@2")
    assert not isinstance(shared.when(APPLY, carl).answer, events.Refused)
    for actor in (Actor("carl"), Actor("carl", via="group/other@2")):
        shared.when(APPLY, actor).then(Refused(reason="forbidden"))


def test_it_is_shared_once_with_so_many_and_taken_back():
    ours().when(SharePipeline("bob", "read"), ADA).then(PipelineShared("bob", "read"))
    ours().when(SharePipeline("bob", "write"), ADA).then(Refused(reason="already-shared"))
    ours().when(UnsharePipeline("carl"), ADA).then(Refused(reason="not-shared"))
    full = ours(*(PipelineShared(f"user-{n}", "read") for n in range(PIPELINE_GRANTS - 2)))
    full.when(SharePipeline("carl"), ADA).then(Refused(reason="too-many-readers"))
    full.when(SharePipeline("eve", "write"), ADA).then(PipelineShared("eve", "write"))


def test_a_run_is_asked_for_once_and_they_are_bounded():
    ours().when(samples.request_pipeline("r1"), ADA).then(ASKED)
    for past in ((ASKED,), (ASKED, RunCancelled("r1"))):
        ours(*past).when(samples.request_pipeline("r1"), ADA).then(Refused(reason="run-exists"))
    full = GivenStream(pipeline, replace(ours(*GOES_ON).state, runs=PIPELINE_RUNS))
    full.when(samples.request_step("k1"), API).then(Refused(reason="too-many-runs"))
    full.when(samples.request_pipeline("r2"), ADA).then(Refused(reason="too-many-runs"))


STEPS = (samples.request_step("k1", "r1"), RecordStep("r1", samples.outcome()))


@pytest.mark.parametrize("command", STEPS, ids=lambda one: type(one).__name__)
def test_steps_are_those_of_the_worker_that_conducts_the_run(command):
    assert not isinstance(ours(*GOES_ON).when(command, API).answer, events.Refused)
    for actor in (ADA, BOB, ROOT, OTHER_API, Actor(worker("w1")), Actor()):
        ours(*GOES_ON).when(command, actor).then(Refused(reason="forbidden"))
    ours().when(command, API).then(Refused(reason="forbidden"))  # there is no such run
    ours(ASKED).when(command, API).then(Refused(reason="forbidden"))  # it was not claimed
    over = (*GOES_ON, events.RunLost("r1", 2, "api"), RunStarted("r1", 2, "other"))
    ours(*over).when(command, API).then(Refused(reason="forbidden"))  # another conducts it now
    assert not isinstance(ours(*over).when(command, OTHER_API).answer, events.Refused)
    for end in (RunCancelled("r1"), samples.pipeline_completed("r1", 1, "api")):
        ours(*GOES_ON, end).when(command, API).then(Refused(reason="run-ended"))


def test_a_step_has_no_steps():
    by_step = samples.request_step("k2", "k1")
    ours(*GOES_ON, *STEP).when(by_step, Actor(worker("w1"))).then(Refused(reason="forbidden"))
    record = RecordStep("k1", samples.outcome())
    ours(*GOES_ON, *STEP).when(record, Actor(worker("w1"))).then(Refused(reason="forbidden"))


def test_the_end_of_a_step_is_recorded():
    record = RecordStep("r1", samples.outcome())
    ours(*GOES_ON).when(record, API).then(StepRecorded("r1", samples.outcome()))


def test_who_cancels():
    """The owner all; who may work the own runs with their steps; who conducts a run its steps."""
    steps = (*GOES_ON, *STEP)
    state = ours().state
    for event in steps:
        state = pipeline.evolve(state, event, "bob" if event is ASKED else "worker api")
    bobs = GivenStream(pipeline, state)
    for run in ("r1", "k1"):
        for actor in (ADA, BOB):
            bobs.when(CancelRun(run), actor).then(RunCancelled(run))
        for actor in (EVE, ROOT, OTHER_API, Actor(worker("w1")), Actor()):
            bobs.when(CancelRun(run), actor).then(Refused(reason="forbidden"))
    bobs.when(CancelRun("k1"), API).then(RunCancelled("k1"))
    bobs.when(CancelRun("r1"), API).then(Refused(reason="forbidden"))
    left = ours(*steps, RunCancelled("r1"))  # nobody conducted it then: whoever sees it ends it
    left.when(CancelRun("k1"), OTHER_API).then(RunCancelled("k1"))
    left.when(CancelRun("k1"), EVE).then(Refused(reason="forbidden"))
    ours(*steps).when(CancelRun("r1"), BOB).then(Refused(reason="forbidden"))  # ada's run
    ours(*steps).when(CancelRun("r9"), ADA).then(Refused(reason="run-unknown"))


def test_reports_are_of_the_worker_that_they_name_and_of_supervision():
    lost = ReportRunLost("r1", 1, "api")
    for actor in (API, Actor(SUPERVISE)):
        ours(*GOES_ON).when(lost, actor).then(events.RunLost("r1", 2, "api"))
    for actor in (ADA, ROOT, OTHER_API):
        ours(*GOES_ON).when(lost, actor).then(Refused(reason="forbidden"))
        ours(ASKED).when(StartRun("r1", 1, "api"), actor).then(Refused(reason="forbidden"))


def test_only_ended_runs_are_forgotten_and_their_steps_with_them():
    for actor in (ADA, API):
        ours(*ENDED).when(ForgetRuns(("r1",)), actor).then(RunsForgotten(("r1",)))
    for actor in (BOB, EVE, ROOT, Actor()):
        ours(*ENDED).when(ForgetRuns(("r1",)), actor).then(Refused(reason="forbidden"))
    for past in (GOES_ON, (*GOES_ON, *STEP, RunCancelled("r1"))):  # its step goes on
        ours(*past).when(ForgetRuns(("r1",)), ADA).then(Refused(reason="run-active"))
    for unknown in ("r2", "k1"):  # a step is forgotten with its run alone
        ours(*ENDED).when(ForgetRuns((unknown,)), ADA).then(Refused(reason="run-unknown"))
    after = ours(*ENDED, RunsForgotten(("r1",))).state
    assert (after.runs, after.active, after.newest) == (0, 0, "")
    assert not any(after.parts.get(name) for name in ("r1", "k1"))


def test_its_end_cancels_what_goes_on_and_its_name_is_not_given_again():
    steps = (*GOES_ON, *STEP, samples.pipeline_requested("r2"))
    ours(*steps).when(RemovePipeline(), ADA).then(PipelineRemoved(("r1", "k1", "r2")))
    ours(*ENDED).when(RemovePipeline(), ADA).then(PipelineRemoved(()))
    over = ours(*ENDED, PipelineRemoved())
    assert isinstance(over.state, Removed)
    assert not any(over.state.parts.get(name) for name in ("r1", "k1"))
    for command in (APPLY, RemovePipeline(), samples.request_pipeline("r9"), CancelRun("r1")):
        over.when(command, ADA).then(Refused(reason="pipeline-removed"))


@settings(max_examples=60 * settings.default.max_examples // 100)
@example(st.randoms(use_true_random=False))
def test_what_stays_after_runs_are_forgotten_is_a_whole_chain(random: Random):
    """Whatever is asked: the runs that stay are in the order of their requests."""
    state, requested, ended = pipeline.initial, [], set()
    for _ in range(60):
        command = random_command(random, "pipeline/flowers")
        event = pipeline.decide(state, command, entitled(command, "ada"))
        state = pipeline.evolve(state, event, "ada")
        match event:
            case events.PipelineRequested(run=run):
                requested.append((run, ""))
            case events.StepRequested(run=run, pipeline_run=of):
                requested.append((run, of))
            case events.RunsForgotten(runs=runs):
                gone = {run for run, of in requested if {run, of} & {*runs}}
                assert gone <= ended
                requested = [one for one in requested if one[0] not in gone]
                ended -= gone
            case events.RunCompleted(run=run) | events.RunFailed(run=run) | RunCancelled(run=run):
                ended.add(run)
        if isinstance(state, Applied):
            found = dict(newest_first(state))
            assert [*found] == [run for run, _ in reversed(requested)]
            assert {run for run, one in found.items() if not one.active} == ended
            assert (state.runs, state.active) == (len(found), len(found) - len(ended))


def test_its_owner_and_sysadmins_set_its_quotas():
    three = QuotaSet("runs-open", 3)
    for actor in (ADA, ROOT):
        ours().when(SetQuota("runs-open", 3), actor).then(three)
        ours(three).when(SetQuota("runs-open", 3), actor).then(Refused("quota-unchanged"))
        ours(three).when(SetQuota("runs-open", None), actor).then(QuotaSet("runs-open", None))
    for actor in (BOB, EVE, API):
        ours().when(SetQuota("runs-open", 3), actor).then(Refused("forbidden"))
    for name in ("tokens", "runs-running", "seats"):
        ours().when(SetQuota(name, 3), ADA).then(Refused("quota-unknown"))
