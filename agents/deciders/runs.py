"""The protocol of runs inside a session, the same for every kind of work.

request -> start (a worker's claim of one attempt) -> complete | fail | cancel, or lost -> retry.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from autolearn.schemas import commands, events
from autolearn.schemas.messages import Event
from autolearn.schemas.work import Work, work_of

__all__ = ["Run", "Runs", "RunCommand", "decide_run", "evolve_runs"]

OPEN, STARTED, COMPLETED, FAILED, CANCELLED = "open", "started", "completed", "failed", "cancelled"


class Run(Struct, frozen=True, omit_defaults=True):
    """A run as its decider sees it.

    `status` is open (waiting for a worker), started, completed, failed or cancelled; `model` is the
    digest of the model that a completed training made; `training` the training that is evaluated.
    """

    kind: str
    status: str = OPEN
    attempt: int = 1
    worker: str = ""
    max_attempts: int = 3
    model: str = ""
    training: str = ""

    @property
    def active(self) -> bool:
        """Whether the run has not ended."""
        return self.status in (OPEN, STARTED)

    def held_by(
        self, command: commands.CompleteRun | commands.FailRun | commands.ReportRunLost
    ) -> bool:
        """Say whether the worker that speaks holds the present attempt."""
        mine = (STARTED, self.attempt, self.worker)
        return mine == (self.status, command.attempt, command.worker)


Runs = dict[str, Run]

RunCommand = (
    commands.StartRun
    | commands.CompleteRun
    | commands.FailRun
    | commands.CancelRun
    | commands.ReportRunLost
)


def decide_run(runs: Runs, command: RunCommand) -> Event:
    """Answer a command about a run that was requested."""
    work, run = work_of(command), runs.get(command.run)
    if run is None or run.kind != work.name:
        return events.Refused("run-unknown", f"The session has no {work.name} {command.run}.")
    if not run.active:
        return events.Refused("run-ended", f"The {work.name} {command.run} is {run.status}.")
    match command:
        case commands.CancelRun():
            return work.cancelled(command.run)
        case commands.StartRun():
            if command.attempt != run.attempt:
                return over(command)
            if run.status == STARTED:
                return events.Refused("attempt-taken", f"{run.worker} works on {command.run}.")
            return work.started(command.run, command.attempt, command.worker)
        case commands.CompleteRun() | commands.FailRun() | commands.ReportRunLost() as command:
            if not run.held_by(command):
                return over(command)
    match command:
        case commands.CompleteRun():
            return completed(work, command)
        case commands.FailRun():
            return work.failed(**asdict(command))
        case commands.ReportRunLost() if run.attempt < run.max_attempts:
            return work.lost(command.run, run.attempt + 1, command.worker)
        case commands.ReportRunLost():
            why = f"{run.attempt} workers were lost while they worked on it."
            return work.failed(command.run, run.attempt, command.worker, "lost", why)


def completed(work: Work, command: commands.CompleteRun) -> Event:
    """Accept a result. The event's fields are the command's, but for one name."""
    fields = asdict(command)
    if isinstance(command, commands.CompleteEvaluation):
        fields["results"] = fields.pop("metrics")
    return work.completed(**fields)


def over(command: RunCommand) -> Event:
    """Refuse a command of an attempt that is not the present one."""
    return events.Refused("attempt-over", f"This attempt of {command.run} is over.")


def evolve_runs(runs: Runs, event: Event) -> Runs:
    """Return the runs after an event; other events leave them as they are."""
    match event:
        case events.TrainingRequested():
            run = Run("training", max_attempts=event.max_attempts)
        case events.EvaluationRequested():
            run = Run("evaluation", max_attempts=event.max_attempts, training=event.training)
        case events.RunStarted():
            run = changed(runs, event, status=STARTED, worker=event.worker)
        case events.TrainingCompleted():
            run = changed(runs, event, status=COMPLETED, model=event.model.folder)
        case events.RunCompleted():
            run = changed(runs, event, status=COMPLETED)
        case events.RunFailed():
            run = changed(runs, event, status=FAILED)
        case events.RunCancelled():
            run = changed(runs, event, status=CANCELLED)
        case events.RunLost():
            run = changed(runs, event, status=OPEN, attempt=event.attempt, worker="")
        case _:
            return runs
    return {**runs, event.run: run}


RunEvent = (
    events.RunStarted
    | events.RunCompleted
    | events.RunFailed
    | events.RunCancelled
    | events.RunLost
)


def changed(runs: Runs, event: RunEvent, **fields: object) -> Run:
    """Return a run with some fields changed."""
    return msgspec.structs.replace(runs[event.run], **fields)
