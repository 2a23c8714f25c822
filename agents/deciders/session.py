"""The rules of a session: open, work in it, commit or discard.

This is the Session State of the design: it is kept on the server, and folded from the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import asdict, replace

from autolearn.agents.deciders.decider import NO_PARTS, Decider, Parts
from autolearn.agents.deciders.runs import (
    Run,
    RunCommand,
    Runs,
    decide_run,
    evolve_runs,
    forgotten,
    kept_of,
    newest_first,
    taken,
)
from autolearn.schemas import commands, events
from autolearn.schemas.actors import SUPERVISE, Actor, worker
from autolearn.schemas.bounds import (
    EXPERIMENT_MODELS,
    SESSION_ANNOTATIONS,
    SESSION_ATTACHMENTS,
    SESSION_READERS,
)
from autolearn.schemas.messages import Event
from autolearn.schemas.values import May, RunId
from autolearn.schemas.work_kinds import WORK, kind_of_run


class Unopened(Struct, frozen=True, tag="unopened"):
    """A session without events."""


class Open(Runs, frozen=True, tag="open", omit_defaults=True):
    """A draft with its runs, its owner and its grants by user or group/<name>.

    It is `expiring`, at a time, if that was announced and it is unused since.
    """

    owner: str = ""
    grants: dict[str, May] = {}
    expiring: str = ""


class Committed(Runs, frozen=True, tag="committed", omit_defaults=True):
    """An experiment: the trainings that it keeps, and what was asked of them since.

    It may be shared, or deleted. Nothing is trained in it.
    """

    owner: str = ""
    grants: dict[str, May] = {}
    held: dict[str, str] = {}
    """By model, the time before which it is not released."""


class Ended(Struct, frozen=True, tag="ended", omit_defaults=True):
    """A session or experiment of which nothing is kept."""

    how: Literal["discarded", "expired", "deleted"]
    owner: str = ""
    parts: Parts[Run] = NO_PARTS


Session = Unopened | Open | Committed | Ended

SessionCommand = (
    commands.OpenSession
    | commands.RenameSession
    | commands.AnnotateSession
    | commands.CommitSession
    | commands.DiscardSession
    | commands.ProposeExpiry
    | commands.ExpireSession
    | commands.KeepSession
    | commands.HoldExperiment
    | commands.ReleaseExperiment
    | commands.DeleteExperiment
    | commands.ShareSession
    | commands.UnshareSession
    | commands.ImportTraining
    | commands.RequestRun
    | RunCommand
)


def _decide(state: Session, command: SessionCommand, actor: Actor) -> Event:
    """Answer a command to a session."""
    match state, command:
        case Unopened(), commands.OpenSession():
            return events.SessionOpened(**asdict(command))
        case Unopened(), _:
            return events.Refused("session-unknown", "There is no session with this id.")
        case ((Open() | Committed() | Ended()), _) if not _may(state, command, actor):
            return _forbidden(command, actor)
        case Ended(), _:
            return events.Refused(f"session-{state.how}", _OVER[state.how])
        case ((Open() | Committed()), commands.ShareSession() | commands.UnshareSession()):
            return _share(state.grants, command)
        case ((Open() | Committed()), commands.RenameSession()):
            return events.SessionRenamed(command.title)
        case ((Open() | Committed()), commands.AnnotateSession()):
            return _annotate(state, command)
        case ((Open() | Committed()), commands.RequestEvaluation() | commands.RequestPrediction()):
            return _request_use(state, command)
        case Committed(), _:
            return _decide_committed(state, command, actor)
        case Open(), commands.OpenSession():
            return events.Refused("session-exists", "A session with this id is open already.")
        case Open(), commands.CommitSession():
            return _commit(state, command)
        case Open(), commands.DiscardSession():
            return events.SessionDiscarded(cancelled=_active(state))
        case Open(), commands.DeleteExperiment():
            why = "This session is open, and no experiment: discard it."
            return events.Refused("session-open", why)
        case Open(), commands.HoldExperiment() | commands.ReleaseExperiment():
            why = "This session is open, and no experiment: commit it first."
            return events.Refused("session-open", why)
        case Open(), commands.ExpireSession():
            return _expire(state, command)
        case Open(), commands.ProposeExpiry():
            return _propose_expiry(state, command)
        case Open(), commands.KeepSession():
            return events.SessionKept() if state.expiring else _NOT_EXPIRING
        case Open(), commands.ImportTraining():
            return taken(state, command) or events.TrainingImported(**asdict(command))
        case Open(), commands.RequestRun():
            return taken(state, command) or WORK[kind_of_run(command)].requested(**asdict(command))
        case Open(), (
            commands.StartRun()
            | commands.CompleteRun()
            | commands.FailRun()
            | commands.CancelRun()
            | commands.ReportRunLost()
        ):
            return decide_run(state, command)
        case _:
            assert_never((state, command))


def _decide_committed(state: Committed, command: SessionCommand, actor: Actor) -> Event:
    """Answer what only an experiment is asked: about its runs since the commit, and its end."""
    if isinstance(command, RunCommand) and state.parts.get(command.run) is not None:
        return decide_run(state, command)
    match command:
        case commands.HoldExperiment(model=model, until=until):
            if model not in state.held and len(state.held) >= EXPERIMENT_MODELS:
                why = f"{len(state.held)} models have versions of it, and more are not possible."
                return events.Refused("too-many-models", why)
            return events.ExperimentHeld(model, until)
        case commands.ReleaseExperiment(model=model):
            return _release(state, model, actor.time)
        case commands.DeleteExperiment() if state.held:
            models = ", ".join(sorted(state.held))
            why = f"Versions of {models} come from it: retire them first (model retire)."
            return events.Refused("experiment-held", why)
        case commands.DeleteExperiment():
            return events.ExperimentDeleted(cancelled=_active(state))
    return events.Refused("session-committed", "It is an experiment now.")


def _release(state: Committed, model: str, time: str) -> Event:
    """Release an experiment, unless it was held a moment ago: the version may be on its way."""
    if model not in state.held:
        return events.Refused("not-held", f"It is not held for {model}.")
    if time < state.held[model]:
        why = f"A version of {model} is being registered from it: try again in a minute."
        return events.Refused("held-just-now", why)
    return events.ExperimentReleased(model)


def _may(state: Open | Committed | Ended, command: SessionCommand, actor: Actor) -> bool:
    """Return whether the actor may give a command.

    The worker that a command names reports about its run, and supervision reports ends; a reader
    may leave; who may work asks for runs, cancels these, and annotates; so does the worker that
    conducts a study, for its runs; a model that holds the experiment lets its users predict (the
    API knows their grants), and cancel that; everything else is the owner's.
    """
    grants: Mapping[str, May] = {} if isinstance(state, Ended) else state.grants
    match command:
        case commands.OpenSession():
            return True
        case commands.StartRun() | commands.CompleteRun() | commands.FailRun():
            return actor.name == worker(command.worker)
        case commands.ReportRunLost():
            return actor.name in (SUPERVISE, worker(command.worker))
        case commands.ProposeExpiry() | commands.ExpireSession():
            return actor.name == SUPERVISE
        case commands.UnshareSession(user=user) if actor.name == user:
            return True  # nobody has to be a reader
        case commands.RequestTraining(study=study) | commands.RequestEvaluation(study=study) if (
            study
        ):
            conducted = state.parts.get(study)
            return _conducts(conducted, actor) and conducted is not None and conducted.active
        case commands.RequestPrediction(model=model) if model:
            return isinstance(state, Committed) and model in state.held
        case commands.CancelRun(run=name) if _asked_model(state.parts.get(name), actor):
            return True
        case commands.CancelRun() if _conducts(_study_of(state, command.run), actor):
            return True
        case commands.RequestRun() | commands.AnnotateSession() | commands.HoldExperiment() if (
            actor.may_work(grants)
        ):
            return True
        case commands.CancelRun(run=name) if actor.may_work(grants):
            run = state.parts.get(name)
            return actor.owns(state.owner) or run is None or run.actor == actor.name
        case _:
            return actor.owns(state.owner)


def _asked_model(run: Run | None, actor: Actor) -> bool:
    """Return whether the actor has asked for a run by a model."""
    return run is not None and run.model != "" and run.actor == actor.name


def _study_of(state: Open | Committed | Ended, run: RunId) -> Run | None:
    """Return the study that has asked for a run."""
    trial = state.parts.get(run)
    return state.parts.get(trial.asked_by) if trial is not None and trial.asked_by else None


def _conducts(study: Run | None, actor: Actor) -> bool:
    """Return whether the actor is the worker that conducts a study, or did when it ended."""
    return study is not None and study.kind == "study" and actor.name == worker(study.worker)


def _forbidden(command: SessionCommand, actor: Actor) -> Event:
    """Refuse what the actor may not do."""
    who = actor.name or "Nobody known"
    if isinstance(command, commands.CancelRun):
        why = f"{who} may not cancel {command.run}: who asked for a run may, and the owner."
        return events.Refused("forbidden", why)
    if isinstance(command, commands.RequestPrediction) and command.model:
        why = f"No version of {command.model} that is in use comes from this experiment."
        return events.Refused("forbidden", why)
    return events.Refused("forbidden", f"{who} may not do that to this session.")


def _share(
    grants: Mapping[str, May], command: commands.ShareSession | commands.UnshareSession
) -> Event:
    """Change the grants of a session."""
    user = command.user
    if isinstance(command, commands.ShareSession):
        may: May = "read" if command.may == "read" else "work"
        if grants.get(user) == may:
            what = "read this session" if may == "read" else "work in this session"
            return events.Refused("already-shared", f"{user} may {what} already.")
        if user not in grants and len(grants) >= SESSION_READERS:
            why = f"It is shared with {len(grants)} users and groups, and never with more than "
            return events.Refused("too-many-readers", f"{why}{SESSION_READERS}: unshare it first.")
        return events.SessionShared(user, may)
    if user not in grants:
        return events.Refused("not-shared", f"This session is not shared with {user}.")
    return events.SessionUnshared(user)


def _annotate(state: Open | Committed, command: commands.AnnotateSession) -> Event:
    """Annotate a session or experiment, or one of its trainings."""
    run = state.parts.get(command.run) if command.run else None
    if command.run and (run is None or run.kind != "training"):
        return events.Refused("training-unknown", f"The session has no training {command.run}.")
    if state.annotations >= SESSION_ANNOTATIONS:
        why = f"It has {state.annotations:,} annotations, those of its trainings included, and "
        return events.Refused("too-many-annotations", f"{why}never may have more.")
    if command.file is not None and state.attached >= SESSION_ATTACHMENTS:
        why = f"{state.attached} files are attached to its trainings, and more may never be."
        return events.Refused("too-many-attachments", why)
    return events.SessionAnnotated(**asdict(command))


_OVER = {
    "discarded": "It was discarded, and nothing of it was kept.",
    "expired": "It has expired, and nothing of it was kept.",
    "deleted": "It was deleted, and nothing of it was kept.",
}
_NOT_EXPIRING = events.Refused("not-expiring", "This session is not expiring.")
_IN_USE = events.Refused("session-in-use", "This session is in use.")


def _propose_expiry(state: Open, command: commands.ProposeExpiry) -> Event:
    if _in_use(state, command):
        return _IN_USE
    if state.expiring:
        why = f"This session is expiring already: at {state.expiring}."
        return events.Refused("session-expiring", why)
    return events.SessionExpiring(command.until)


def _expire(state: Open, command: commands.ExpireSession) -> Event:
    """End a session whose time has come, unless it is in use."""
    if _in_use(state, command):
        return _IN_USE
    if not state.expiring:
        return _NOT_EXPIRING
    if command.time < state.expiring:
        why = f"This session does not expire before {state.expiring}."
        return events.Refused("not-yet", why)
    return events.SessionExpired()


def _in_use(state: Open, command: commands.ProposeExpiry | commands.ExpireSession) -> bool:
    return state.runs != command.runs or state.active > 0


def _request_use(
    state: Open | Committed, command: commands.RequestEvaluation | commands.RequestPrediction
) -> Event:
    """Accept an evaluation or a prediction of a completed training."""
    if refused := taken(state, command) or _without_artifact(state, command.training):
        return refused
    training = state.parts.get(command.training)
    assert training is not None
    if isinstance(command, commands.RequestPrediction):
        return events.PredictionRequested(**asdict(command), artifact=training.artifact)
    return events.EvaluationRequested(**asdict(command), artifact=training.artifact)


def _without_artifact(state: Runs, name: str) -> Event | None:
    """Refuse to use a training that has no artifact, or is none; else None."""
    run = state.parts.get(name)
    if run is None or run.kind != "training":
        return events.Refused("training-unknown", f"The session has no training {name}.")
    if run.artifact:
        return None
    why = f"The training {name} is {run.status}: it must be completed."
    return events.Refused("training-incomplete", why)


def _commit(state: Open, command: commands.CommitSession) -> Event:
    """Keep the chosen trainings (all completed ones by default), and stop all open runs."""
    if command.trainings is None:
        return _commit_all(state)
    chosen, going = tuple(dict.fromkeys(command.trainings)), 0
    for name in chosen:
        if refused := _without_artifact(state, name):
            return refused
        run = state.parts.get(name)
        going += run.evaluating if run else 0
    if going:
        return events.Refused(
            "run-active",
            f"{going} evaluations or predictions of the trainings to keep are still going: wait "
            "for them or cancel them.",
        )
    if not chosen:
        return events.Refused("nothing-to-commit", "No training is named.")
    return events.SessionCommitted(trainings=chosen, cancelled=_active(state))


def _commit_all(state: Open) -> Event:
    """Keep all completed trainings, once no run is open."""
    if state.active:
        return events.Refused(
            "run-active",
            f"{state.active} of the runs of the session are still going: wait for them or cancel "
            "them, or name the trainings to keep.",
        )
    if not state.trained:
        return events.Refused("nothing-to-commit", "The session has no completed training.")
    chosen = tuple(name for name, run in newest_first(state) if run.artifact)
    return events.SessionCommitted(trainings=chosen[::-1])


def _active(state: Runs) -> tuple[RunId, ...]:
    if not state.active:
        return ()
    return tuple(name for name, run in newest_first(state) if run.active)[::-1]


_OF_RUNS = (
    events.RunRequested,
    events.RunStarted,
    events.RunCompleted,
    events.RunFailed,
    events.RunCancelled,
    events.RunLost,
    events.TrainingImported,
)
"""The events of runs: most of the events of a session."""


def _evolve(state: Session, event: Event, actor: str) -> Session:
    """Return the session after an event; any use ends its expiring."""
    if isinstance(event, events.Refused | events.CommandFailed | events.CommandQuarantined):
        return state
    if isinstance(state, Open) and state.expiring:
        state = replace(state, expiring="")
    if isinstance(state, Open | Committed) and isinstance(event, _OF_RUNS):
        return evolve_runs(state, event, "" if actor == state.owner else actor)
    match state, event:
        case Open(), events.SessionExpiring(until=until):
            return replace(state, expiring=until)
        case Unopened(), events.SessionOpened():
            return Open(owner=actor)
        case (Open() | Committed()) as there, events.SessionShared(user=user, may=may):
            return replace(there, grants={**there.grants, user: may})
        case (Open() | Committed()) as there, events.SessionUnshared(user=user):
            left = {name: may for name, may in there.grants.items() if name != user}
            return replace(there, grants=left)
        case (Open() | Committed()) as there, events.SessionAnnotated():
            files = there.attached + (event.file is not None)
            return replace(there, annotations=there.annotations + 1, attached=files)
        case Committed(held=held), events.ExperimentHeld(model=model, until=until):
            return replace(state, held={**held, model: until})
        case Committed(held=held), events.ExperimentReleased(model=model):
            return replace(state, held={name: at for name, at in held.items() if name != model})
        case Open(), events.SessionCommitted(trainings=chosen):
            kept = kept_of(state, chosen)
            return Committed(**asdict(kept), owner=state.owner, grants=state.grants)
        case Open(), events.SessionDiscarded():
            return Ended("discarded", state.owner, parts=forgotten(state))
        case Open(), events.SessionExpired():
            return Ended("expired", state.owner, parts=forgotten(state))
        case Committed(), events.ExperimentDeleted():
            return Ended("deleted", state.owner, parts=forgotten(state))
        case _:
            return state


session: Decider[Session, SessionCommand] = Decider(
    initial=Unopened(),
    decide=_decide,
    evolve=_evolve,
    kind=Session,
    commands=commands.COMMANDS_OF["session"],
    part=Run,
)
