"""The rules of a pipeline: its versions, its grants, its runs and their steps.

Its runs are runs by the protocol of all work: those of the pipeline, and those of its steps, which
the worker asks for that conducts a run.
"""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct
from msgspec.structs import asdict, replace

from autolearn.agents.deciders.decider import NO_PARTS, Decider, Parts
from autolearn.agents.deciders.quotas import set_quota, with_quota
from autolearn.agents.deciders.runs import (
    Run,
    RunCommand,
    Runs,
    decide_run,
    evolve_runs,
    forgotten,
    newest_first,
    without,
)
from autolearn.schemas import commands, events
from autolearn.schemas.actors import SUPERVISE, Actor, worker
from autolearn.schemas.bounds import PIPELINE_GRANTS, PIPELINE_RUNS, PIPELINE_VERSIONS
from autolearn.schemas.messages import Event
from autolearn.schemas.values import May
from autolearn.schemas.work_kinds import WORK, kind_of_run


class Unapplied(Struct, frozen=True, tag="unapplied"):
    """There is no such pipeline yet."""


class Applied(Runs, frozen=True, tag="applied", omit_defaults=True):
    """A pipeline: its owner and grants, the number of its versions, and its own limits."""

    owner: str = ""
    grants: dict[str, May] = {}
    versions: int = 0
    quotas: dict[str, int] = {}


class Removed(Struct, frozen=True, tag="removed", omit_defaults=True):
    """A removed pipeline, whose name is never given again: a name never means another one."""

    parts: Parts[Run] = NO_PARTS


Pipeline = Unapplied | Applied | Removed

PipelineCommand = (
    commands.ApplyPipeline
    | commands.RemovePipeline
    | commands.SharePipeline
    | commands.UnsharePipeline
    | commands.RequestPipeline
    | commands.RequestStep
    | commands.RecordStep
    | commands.ForgetRuns
    | commands.SetQuota
    | RunCommand
)


def _decide(state: Pipeline, command: PipelineCommand, actor: Actor) -> Event:
    """Answer a command to a pipeline."""
    match state, command:
        case Removed(), _:
            why = "This pipeline was removed, and its name is not given again: choose another."
            return events.Refused("pipeline-removed", why)
        case Unapplied(), commands.ApplyPipeline():
            return events.PipelineApplied(1, command.definition, command.text, command.note)
        case Unapplied(), _:
            return events.Refused("pipeline-unknown", "There is no pipeline with this name.")
        case Applied(), _ if not _may(state, command, actor):
            return _forbidden(state, command, actor)
        case Applied(), commands.ApplyPipeline():
            return _apply(state, command)
        case Applied(), commands.RemovePipeline():
            gone = (name for name, run in newest_first(state) if run.active)
            return events.PipelineRemoved(cancelled=tuple(reversed([*gone])))
        case Applied(), commands.SharePipeline() | commands.UnsharePipeline():
            return _share(state, command)
        case Applied(), commands.RequestPipeline() | commands.RequestStep():
            return _request(state, command)
        case Applied(), commands.RecordStep(run=name):
            run = state.parts.get(name)
            if run is None or not run.active:
                return events.Refused("run-ended", f"The run {name} does not go on.")
            return events.StepRecorded(name, command.outcome)
        case Applied(), commands.ForgetRuns():
            return _forget(state, command)
        case Applied(), commands.SetQuota():
            return set_quota(state.quotas, command, "pipeline")
        case Applied(), (
            commands.StartRun()
            | commands.CompleteRun()
            | commands.FailRun()
            | commands.CancelRun()
            | commands.ReportRunLost()
        ):
            return decide_run(state, command)
        case _:
            assert_never((state, command))


def _may(state: Applied, command: PipelineCommand, actor: Actor) -> bool:
    """Return whether the actor may give a command.

    The worker that a command names reports about its run; the one that conducts a run asks for its
    steps, records and cancels them, and any worker cancels those of an ended run; who may work
    applies versions and starts runs, and cancels these; anybody may leave; all else is the owner's.
    """
    match command:
        case commands.StartRun() | commands.CompleteRun() | commands.FailRun():
            return actor.name == worker(command.worker)
        case commands.ReportRunLost():
            return actor.name in (SUPERVISE, worker(command.worker))
        case commands.RequestStep(pipeline_run=name) | commands.RecordStep(run=name):
            return _conducts(state.parts.get(name), actor)
        case commands.ForgetRuns():
            return actor.is_worker or actor.owns(state.owner)
        case commands.UnsharePipeline(user=user) if actor.name == user:
            return True
        case commands.SetQuota():  # how far the owner may go is the API's to know
            return actor.owns(state.owner) or actor.administers
        case commands.CancelRun(run=name):
            run = state.parts.get(name)
            if run is not None and run.asked_by:
                run = state.parts.get(run.asked_by)
                ended = run is None or not run.active
                if _conducts(run, actor) or (ended and actor.is_worker):
                    return True
            mine = actor.may_work(state.grants) and (run is None or run.actor == actor.name)
            return actor.owns(state.owner) or mine
        case commands.ApplyPipeline() | commands.RequestPipeline():
            return actor.owns(state.owner) or actor.may_work(state.grants)
        case _:
            return actor.owns(state.owner)


def _conducts(run: Run | None, actor: Actor) -> bool:
    """Return whether the actor is the worker that conducts a run of the pipeline, or did."""
    return run is not None and run.kind == "pipeline" and actor.name == worker(run.worker)


def _forbidden(state: Applied, command: PipelineCommand, actor: Actor) -> Event:
    """Refuse what the actor may not do."""
    who, owner = actor.name or "Nobody known", state.owner or "a sysadmin"
    if isinstance(command, commands.ApplyPipeline):
        why = f"{who} may not change this pipeline: it is {owner}'s. Choose another name, or ask "
        return events.Refused("forbidden", f"{why}for a grant to work with it.")
    return events.Refused("forbidden", f"{who} may not do that to this pipeline: it is {owner}'s.")


def _apply(state: Applied, command: commands.ApplyPipeline) -> Event:
    """Accept a version. The API compares it with the newest, which may be encrypted."""
    if state.versions >= PIPELINE_VERSIONS:
        why = f"It has {state.versions:,} versions, and none may have more: choose another name."
        return events.Refused("too-many-versions", why)
    number = state.versions + 1
    return events.PipelineApplied(number, command.definition, command.text, command.note)


def _share(state: Applied, command: commands.SharePipeline | commands.UnsharePipeline) -> Event:
    """Change the grants."""
    user = command.user
    if isinstance(command, commands.SharePipeline):
        if state.grants.get(user) == command.may:
            return events.Refused("already-shared", f"{user} has this grant already.")
        if user not in state.grants and len(state.grants) >= PIPELINE_GRANTS:
            why = f"It has {PIPELINE_GRANTS} grants, and never more: take one back first."
            return events.Refused("too-many-readers", why)
        return events.PipelineShared(user, command.may)
    if user not in state.grants:
        return events.Refused("not-shared", f"This pipeline is not shared with {user}.")
    return events.PipelineUnshared(user)


def _request(state: Applied, command: commands.RequestPipeline | commands.RequestStep) -> Event:
    """Accept a run of the pipeline, or of a step."""
    if state.parts.get(command.run) is not None:
        return events.Refused("run-exists", f"The pipeline has a run {command.run} already.")
    if state.runs >= PIPELINE_RUNS:
        why = f"It has {state.runs:,} runs with their steps, and none may have more: let it keep "
        return events.Refused("too-many-runs", f"{why}fewer (keep: last 30).")
    if isinstance(command, commands.RequestStep):
        run = state.parts.get(command.pipeline_run)
        if run is None or not run.active:
            return events.Refused("run-ended", f"{command.pipeline_run} does not go on.")
    return WORK[kind_of_run(command)].requested(**asdict(command))


def _forget(state: Applied, command: commands.ForgetRuns) -> Event:
    """Forget ended runs, whose steps have ended as well."""
    named = {*command.runs}
    found = {name: run for name, run in newest_first(state) if {name, run.asked_by} & named}
    for name in command.runs:
        run = found.get(name)
        if run is None or run.kind != "pipeline":
            return events.Refused("run-unknown", f"The pipeline has no run {name}.")
    if going := next((name for name, run in found.items() if run.active), None):
        return events.Refused("run-active", f"{going} has not ended.")
    return events.RunsForgotten(command.runs)


def _evolve(state: Pipeline, event: Event, actor: str) -> Pipeline:
    """Return the pipeline after an event of an actor."""
    match state, event:
        case Unapplied(), events.PipelineApplied():
            return Applied(owner=actor, versions=1)
        case Applied(), events.PipelineApplied(number=number):
            return replace(state, versions=number)
        case Applied(grants=grants), events.PipelineShared(user=user, may=may):
            return replace(state, grants={**grants, user: may})
        case Applied(grants=grants), events.PipelineUnshared(user=user):
            return replace(state, grants={one: may for one, may in grants.items() if one != user})
        case Applied(quotas=quotas), events.QuotaSet():
            return replace(state, quotas=with_quota(quotas, event))
        case Applied(), events.RunsForgotten(runs=runs):
            return without(state, runs)
        case Applied(), events.PipelineRemoved():
            return Removed(forgotten(state))
        case Applied(), _:
            return evolve_runs(state, event, actor)
        case _:
            return state


pipeline: Decider[Pipeline, PipelineCommand] = Decider(
    initial=Unapplied(),
    decide=_decide,
    evolve=_evolve,
    kind=Pipeline,
    commands=commands.COMMANDS_OF["pipeline"],
    part=Run,
)
