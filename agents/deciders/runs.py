"""The protocol of runs inside a session, the same for every kind of work.

request -> start (a worker's claim of one attempt) -> complete | fail | cancel, or lost -> retry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import asdict, replace

from autolearn.agents.deciders.decider import NO_PARTS, Parts
from autolearn.schemas import commands, events
from autolearn.schemas.bounds import SESSION_RUNS
from autolearn.schemas.messages import Event
from autolearn.schemas.results import TrainingResult, artifact_of
from autolearn.schemas.values import NO_RUN, RunId, RunStatus
from autolearn.schemas.work_kinds import kind_of_run


class Run(Struct, frozen=True, omit_defaults=True):
    """A run as its decider sees it.

    `status` is open (waiting for a worker), started, completed, failed or cancelled; `artifact` is
    the folder of its artifact; `training` the used training, of which `evaluating` counts the
    evaluations and predictions that have not ended. `before` is the previously requested run.
    `actor` is who asked for it, "" for the owner of the session. It was `asked_by` a study, as its
    trial, or by a run of a pipeline, as its step: the actor is that of this run. `model` is the one
    that was asked for a prediction.
    """

    kind: str
    status: RunStatus = "open"
    attempt: int = 1
    worker: str = ""
    max_attempts: int = 3
    artifact: str = ""
    training: str = ""
    evaluating: int = 0
    before: RunId = NO_RUN
    actor: str = ""
    asked_by: RunId = NO_RUN
    model: str = ""

    @property
    def active(self) -> bool:
        """Whether the run has not ended."""
        return self.status in ("open", "started")

    def held_by(
        self, command: commands.CompleteRun | commands.FailRun | commands.ReportRunLost
    ) -> bool:
        """Return whether the sending worker holds the present attempt."""
        mine = ("started", self.attempt, self.worker)
        return mine == (self.status, command.attempt, command.worker)


class Runs(Struct, frozen=True, omit_defaults=True):
    """The runs of a session, in `parts` each by its id.

    `active` counts those that have not ended, and `trained` the completed trainings; `newest` is
    the run that was requested last. `annotations` counts those ever made, of runs too, and
    `attached` the files among them.
    """

    runs: int = 0
    active: int = 0
    trained: int = 0
    annotations: int = 0
    attached: int = 0
    newest: RunId = NO_RUN
    parts: Parts[Run] = NO_PARTS


R = TypeVar("R", bound=Runs)

RunCommand = (
    commands.StartRun
    | commands.CompleteRun
    | commands.FailRun
    | commands.CancelRun
    | commands.ReportRunLost
)


def newest_first(state: Runs) -> Iterator[tuple[RunId, Run]]:
    """Yield all runs with their ids, the newest first. It reads each: not for every command."""
    name = state.newest
    while name:
        run = state.parts.get(name)
        assert run is not None, f"the run {name} is lost"
        yield name, run
        name = run.before


def forgotten(state: Runs) -> Parts[Run]:
    """Return the parts of a session that has ended: without any run."""
    return state.parts.put(dict.fromkeys((name for name, _ in newest_first(state)), None))


def kept_of(state: Runs, trainings: Collection[str]) -> Runs:
    """Return the runs that stay of a session: these trainings, and what was completed of them."""
    parts: dict[str, Run | None] = {}
    newest, many = NO_RUN, 0
    for name, run in reversed([*newest_first(state)]):
        done = run.status == "completed" and run.training in trainings
        kept = name in trainings if run.kind == "training" else done
        parts[name] = replace(run, before=newest, evaluating=0) if kept else None
        newest, many = (name, many + 1) if kept else (newest, many)
    parts_after = state.parts.put(parts)
    return Runs(
        runs=many,
        trained=len(trainings),
        annotations=state.annotations,
        attached=state.attached,
        newest=newest,
        parts=parts_after,
    )


def without(state: R, forgotten_runs: Collection[RunId]) -> R:
    """Return the runs without some of a pipeline's, and their steps."""
    parts: dict[str, Run | None] = {}
    newest, many = NO_RUN, 0
    for name, run in reversed([*newest_first(state)]):
        if name in forgotten_runs or run.asked_by in forgotten_runs:
            parts[name] = None
            continue
        parts[name] = replace(run, before=newest)
        newest, many = name, many + 1
    return replace(state, runs=many, newest=newest, parts=state.parts.put(parts))


def taken(state: Runs, command: commands.RequestRun | commands.ImportTraining) -> Event | None:
    """Refuse another run if its id exists, or if there are too many; else None."""
    if state.parts.get(command.run) is not None:
        return events.Refused("run-exists", f"The session has a run {command.run} already.")
    if state.runs < SESSION_RUNS:
        return None
    return events.Refused(
        "too-many-runs",
        f"The session has {state.runs} runs, and none may have more than {SESSION_RUNS}: commit "
        "it, and go on in a new one.",
    )


def decide_run(state: Runs, command: RunCommand) -> Event:
    """Answer a command about a requested run."""
    run = state.parts.get(command.run)
    if run is None:
        return events.Refused("run-unknown", f"The session has no run {command.run}.")
    if not run.active:
        return events.Refused("run-ended", f"The {run.kind} {command.run} is {run.status}.")
    match command:
        case commands.CancelRun():
            return events.RunCancelled(command.run)
        case commands.StartRun():
            if command.attempt != run.attempt:
                return _over(command)
            if run.status == "started":
                return events.Refused("attempt-taken", f"{run.worker} works on {command.run}.")
            return events.RunStarted(command.run, command.attempt, command.worker)
        case commands.CompleteRun() | commands.FailRun() | commands.ReportRunLost() as command:
            if not run.held_by(command):
                return _over(command)
    match command:
        case commands.CompleteRun(result=result) if kind_of_run(result) != run.kind:
            why = f"{command.run} is {run.kind}, and the result is of {kind_of_run(result)}."
            return events.Refused("result-unfit", why)
        case commands.CompleteRun():
            return events.RunCompleted(command.run, run.attempt, run.worker, command.result)
        case commands.FailRun():
            return events.RunFailed(**asdict(command))
        case commands.ReportRunLost() if run.attempt < run.max_attempts:
            return events.RunLost(command.run, run.attempt + 1, command.worker)
        case commands.ReportRunLost():
            why = f"{run.attempt} workers were lost while they worked on it."
            return events.RunFailed(command.run, run.attempt, command.worker, "lost", why)


def _over(command: RunCommand) -> Event:
    """Refuse a command of an attempt that is not the present one."""
    return events.Refused("attempt-over", f"This attempt of {command.run} is over.")


def evolve_runs(state: R, event: Event, actor: str = "") -> R:
    """Return the runs after an event of an actor; other events do not change them."""
    match event:
        case events.RunRequested():
            training = getattr(event, "training", "")
            of = getattr(event, "study", NO_RUN) or getattr(event, "pipeline_run", NO_RUN)
            run = Run(
                kind_of_run(event),
                max_attempts=event.max_attempts,
                training=training,
                actor=_run_of(state, of).actor if of else actor,
                asked_by=of,
                model=getattr(event, "model", ""),
            )
            return _added(state, event, run)
        case events.TrainingImported():
            folder = event.result.artifact.folder
            run = Run("training", "completed", max_attempts=1, artifact=folder, actor=actor)
            parts = state.parts.put({event.run: replace(run, before=state.newest)})
            counted = replace(state, runs=state.runs + 1, trained=state.trained + 1)
            return replace(counted, newest=event.run, parts=parts)
        case events.RunStarted():
            return _changed(state, event.run, "started", worker=event.worker)
        case events.RunLost():
            return _changed(state, event.run, "open", attempt=event.attempt, worker="")
        case events.RunCompleted(result=result):
            artifact = artifact_of(result)
            state = replace(state, trained=state.trained + isinstance(result, TrainingResult))
            folder = artifact.folder if artifact else ""
            return _ended(state, event.run, "completed", artifact=folder)
        case events.RunFailed():
            return _ended(state, event.run, "failed")
        case events.RunCancelled():
            return _ended(state, event.run, "cancelled")
        case _:
            return state


def _added(state: R, event: events.RunRequested, run: Run) -> R:
    """Return the runs with a new one."""
    parts = state.parts.put({event.run: replace(run, before=state.newest)})
    counted = replace(state, runs=state.runs + 1, active=state.active + 1, newest=event.run)
    return _evaluating(replace(counted, parts=parts), run, 1)


def _ended(state: R, name: str, status: RunStatus, **fields: object) -> R:
    """Return the runs after one has ended."""
    after = _changed(replace(state, active=state.active - 1), name, status, **fields)
    return _evaluating(after, _run_of(after, name), -1)


def _evaluating(state: R, run: Run, more: int) -> R:
    """Return the runs after the evaluated training of a run has more, or fewer, evaluations."""
    if not run.training:
        return state
    of = _run_of(state, run.training)
    return _changed(state, run.training, of.status, evaluating=of.evaluating + more)


def _changed(state: R, name: str, status: RunStatus, **fields: object) -> R:
    """Return the runs with the status and some fields of one changed."""
    run = replace(_run_of(state, name), status=status, **fields)
    return replace(state, parts=state.parts.put({name: run}))


def _run_of(state: Runs, name: str) -> Run:
    run = state.parts.get(name)
    assert run is not None, f"an event about the run {name}, which was not requested"
    return run
