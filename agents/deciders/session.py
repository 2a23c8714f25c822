"""The rules of a session: open, work in it, commit or discard.

This is the Session State of the design: it is kept on the server, and folded from the log.
"""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct
from msgspec.structs import asdict, replace

from autolearn.agents.deciders.decider import Decider
from autolearn.agents.deciders.runs import RunCommand, Runs, decide_run, evolve_runs
from autolearn.schemas import commands, events
from autolearn.schemas.messages import Event
from autolearn.schemas.work import WORK

__all__ = ["Ended", "Open", "Session", "SessionCommand", "Unopened", "session"]


class Unopened(Struct, frozen=True, tag="unopened"):
    """Nothing was said about this session yet."""


class Open(Struct, frozen=True, tag="open"):
    """A draft, with its runs by id, and who else may read it."""

    runs: Runs = {}
    readers: tuple[str, ...] = ()


class Ended(Struct, frozen=True, tag="ended"):
    """Committed, discarded, expired or deleted. What is kept may be shared, or deleted."""

    how: str
    readers: tuple[str, ...] = ()


Session = Unopened | Open | Ended

SessionCommand = (
    commands.OpenSession
    | commands.CommitSession
    | commands.DiscardSession
    | commands.ExpireSession
    | commands.DeleteExperiment
    | commands.ShareSession
    | commands.UnshareSession
    | commands.RequestTraining
    | commands.RequestEvaluation
    | RunCommand
)


def decide(state: Session, command: SessionCommand) -> Event:
    """Answer a command to a session."""
    match state, command:
        case Unopened(), commands.OpenSession():
            return events.SessionOpened(command.title, command.expires)
        case Unopened(), _:
            return events.Refused("session-unknown", "There is no session with this id.")
        case Ended(how="committed"), commands.ShareSession() | commands.UnshareSession():
            return share(state.readers, command)
        case Ended(how="committed"), commands.DeleteExperiment():
            return events.ExperimentDeleted()
        case Ended(), _:
            return events.Refused(f"session-{state.how}", f"This session is {state.how}.")
        case Open(), commands.OpenSession():
            return events.Refused("session-exists", "A session with this id is open already.")
        case Open(), commands.CommitSession():
            return commit(state.runs, command)
        case Open(), commands.DiscardSession():
            return events.SessionDiscarded(cancelled=active(state.runs))
        case Open(), commands.DeleteExperiment():
            why = "This session is open, and no experiment: discard it."
            return events.Refused("session-open", why)
        case Open(), commands.ExpireSession():
            return expire(state.runs, command)
        case Open(), commands.ShareSession() | commands.UnshareSession():
            return share(state.readers, command)
        case Open(), commands.RequestTraining():
            return request_training(state.runs, command)
        case Open(), commands.RequestEvaluation():
            return request_evaluation(state.runs, command)
        case Open(), (
            commands.StartRun()
            | commands.CompleteRun()
            | commands.FailRun()
            | commands.CancelRun()
            | commands.ReportRunLost()
        ):
            return decide_run(state.runs, command)
        case _:
            assert_never((state, command))


def share(
    readers: tuple[str, ...], command: commands.ShareSession | commands.UnshareSession
) -> Event:
    """Let a user read a session, or no longer."""
    user, may_read = command.user, command.user in readers
    if isinstance(command, commands.ShareSession):
        if may_read:
            return events.Refused("already-shared", f"{user} may read this session already.")
        return events.SessionShared(user)
    if not may_read:
        return events.Refused("not-shared", f"This session is not shared with {user}.")
    return events.SessionUnshared(user)


def expire(runs: Runs, command: commands.ExpireSession) -> Event:
    """End a session, unless it is in use: there is a run that the sender did not know of."""
    if len(runs) != command.runs or active(runs):
        return events.Refused("session-in-use", "This session is in use.")
    return events.SessionExpired()


def request_training(runs: Runs, command: commands.RequestTraining) -> Event:
    """Accept a training, unless its id is taken."""
    if command.run in runs:
        return events.Refused("run-exists", f"The session has a run {command.run} already.")
    return events.TrainingRequested(**asdict(command))


def request_evaluation(runs: Runs, command: commands.RequestEvaluation) -> Event:
    """Accept an evaluation of a completed training."""
    if command.run in runs:
        return events.Refused("run-exists", f"The session has a run {command.run} already.")
    training = runs.get(command.training)
    if training is None or training.kind != "training":
        return events.Refused(
            "training-unknown", f"The session has no training {command.training}."
        )
    if not training.model:
        return events.Refused(
            "training-incomplete",
            f"The training {command.training} is {training.status}: only a completed one can be "
            "evaluated.",
        )
    return events.EvaluationRequested(**asdict(command), model=training.model)


def commit(runs: Runs, command: commands.CommitSession) -> Event:
    """Keep the chosen trainings (all completed ones by default), and stop what else is going."""
    completed = tuple(name for name, run in runs.items() if run.model)
    chosen = completed if command.trainings is None else tuple(dict.fromkeys(command.trainings))
    for name in chosen:
        if name not in runs or runs[name].kind != "training":
            return events.Refused("training-unknown", f"The session has no training {name}.")
        if name not in completed:
            return events.Refused(
                "training-incomplete", f"The training {name} is {runs[name].status}."
            )
    waited_for = active(runs) if command.trainings is None else active_of(runs, chosen)
    if waited_for:
        return events.Refused(
            "run-active",
            f"{len(waited_for)} of the runs to keep are still going, {waited_for[0]} first: wait "
            "for them or cancel them, or name the trainings to keep.",
        )
    if not chosen:
        return events.Refused("nothing-to-commit", "The session has no completed training.")
    return events.SessionCommitted(trainings=chosen, cancelled=active(runs))


def active(runs: Runs) -> tuple[str, ...]:
    """Return the runs that have not ended."""
    return tuple(name for name, run in runs.items() if run.active)


def active_of(runs: Runs, trainings: tuple[str, ...]) -> tuple[str, ...]:
    """Return the evaluations of these trainings that have not ended."""
    return tuple(name for name in active(runs) if runs[name].training in trainings)


def evolve(state: Session, event: Event) -> Session:
    """Return the session after an event."""
    match event:
        case events.SessionOpened():
            return Open()
        case events.SessionCommitted():
            return Ended("committed", readers_of(state))
        case events.SessionShared(user=user) if isinstance(state, Open | Ended):
            return replace(state, readers=(*state.readers, user))
        case events.SessionUnshared(user=user) if isinstance(state, Open | Ended):
            return replace(state, readers=tuple(one for one in state.readers if one != user))
        case events.SessionDiscarded():
            return Ended("discarded")
        case events.SessionExpired():
            return Ended("expired")
        case events.ExperimentDeleted():
            return Ended("deleted")
        case _ if isinstance(state, Open):
            return replace(state, runs=evolve_runs(state.runs, event))
        case _:
            return state


def readers_of(state: Session) -> tuple[str, ...]:
    """Return who may read a session besides its owner."""
    return () if isinstance(state, Unopened) else state.readers


session = Decider(
    initial=Unopened(),
    decide=decide,
    evolve=evolve,
    kind=Session,
    commands=(
        commands.OpenSession,
        commands.CommitSession,
        commands.DiscardSession,
        commands.ExpireSession,
        commands.DeleteExperiment,
        commands.ShareSession,
        commands.UnshareSession,
        *(command for work in WORK.values() for command in work[1:7]),
    ),
)
