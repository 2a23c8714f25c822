"""What the log says of runs of pipelines. It imports nothing of AutoLearn."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Set
from typing import Any, NamedTuple

from tests.support.log_checker import Broken

Event = dict[str, Any]
Told = list[tuple[str, Event]]
"""The events of a stream: their names and data."""
_ENDS = ("RunCompleted", "RunFailed", "RunCancelled")
_LATE = ("forbidden", "attempt-over")


class Asked(NamedTuple):
    """A run that a client was told of; `fails`: of which a step could not be done."""

    pipeline: str
    run: str
    fails: bool = False


class Found(NamedTuple):
    """What was counted, when nothing was wrong."""

    runs: int
    handed_over: int
    """Attempts that were opened because the process was gone that conducted a run."""
    steps: int
    cached: int
    """The steps whose result came from the cache."""
    lost_steps: int
    """Attempts of steps that were opened because a worker was gone."""
    trainings: int
    deliveries: int
    late: int
    """Commands of processes that had lost their run: they were refused."""
    failed: int
    """Runs of which a step could not be done."""


class Runs:
    """The runs of one pipeline, by its events in their order; those in `failing` have failed."""

    def __init__(self, subject: str, told: Told, failing: Set[str]) -> None:
        self.subject, self.failing = subject, failing
        self.requested: dict[str, Event] = {}
        self.steps: dict[str, Event] = {}
        self.recorded: defaultdict[str, dict[str, Event]] = defaultdict(dict)
        self.ends: dict[str, str] = {}
        self.lost: Counter[bool] = Counter()
        """Of runs of the pipeline, and of steps."""
        self.late = 0
        for kind, data in told:
            self.take(kind, data)
        self.check()

    def broken(self, words: str) -> Broken:
        return Broken(f"{self.subject}: {words}")

    def take(self, kind: str, data: Event) -> None:
        """Take one event. It raises if a step is done twice, or after the end of its run."""
        run = data.get("run", "")
        if kind == "PipelineRequested":
            self.requested[run] = data
        elif kind == "StepRequested":
            if data["pipeline_run"] in self.ends:
                raise self.broken(f"{data['step']} was asked for after the end of its run")
            self.steps[run] = data
        elif kind == "StepRecorded":
            name = data["outcome"]["step"]
            if run in self.ends or name in self.recorded[run]:
                raise self.broken(f"the result of {name} of {run} was recorded twice, or late")
            self.recorded[run][name] = data["outcome"]
        elif kind in _ENDS:
            self.ends[run] = kind
            going = [one for one in self.of(run) if one not in self.ends]
            if going:
                raise self.broken(f"{run} has ended before its steps {going}")
        elif kind == "RunLost":
            self.lost[run in self.requested] += 1
        elif kind == "Refused":
            self.late += data["reason"] in _LATE

    def of(self, run: str) -> list[str]:
        """Return the runs of the steps of a run of the pipeline."""
        return [step for step, data in self.steps.items() if data["pipeline_run"] == run]

    def check(self) -> None:
        """Check that every run has its end, with one result of each step."""
        for run, request in self.requested.items():
            fails = run in self.failing
            if self.ends.get(run) != ("RunFailed" if fails else "RunCompleted"):
                raise self.broken(f"the end of {run} is {self.ends.get(run)}")
            wanted = {step["name"] for step in request["definition"]["steps"]}
            if set(self.recorded[run]) != wanted:
                raise self.broken(f"{run} has results of {set(self.recorded[run])}, not {wanted}")
            asked = Counter(self.steps[step]["step"] for step in self.of(run))
            if twice := {name: many for name, many in asked.items() if many > 1}:
                raise self.broken(f"steps of {run} that were asked for twice: {twice}")
            for name, outcome in self.recorded[run].items():
                if outcome["status"] not in ("completed", "cached") and not fails:
                    raise self.broken(f"{name} of {run} is {outcome['status']}: {outcome['why']}")
                if outcome["status"] == "cached" and name in asked:
                    raise self.broken(f"{name} of {run} came from the cache, and was done")
        if left := [step for step in self.steps if step not in self.ends]:
            raise self.broken(f"steps without an end: {left[:5]}")

    def outcomes(self, kind: str = "") -> list[Event]:
        """Return the ends of the steps that were done, of one kind, or of all."""
        return [
            outcome
            for steps in self.recorded.values()
            for outcome in steps.values()
            if outcome["kind"] == kind or not kind
        ]


def check_pipelines(events: Iterable[Event], asked: Iterable[Asked]) -> Found:
    """Check the runs of all pipelines; all must have come to their end.

    Raises:
        Broken: a run, or a result of a step, was lost or is there twice.
    """
    asked = [*asked]
    failing = {one.run for one in asked if one.fails}
    streams: defaultdict[str, Told] = defaultdict(list)
    for event in events:
        streams[event["subject"]].append((event["type"].split(".")[1], event["data"]))
    pipelines = {
        subject.partition("/")[2]: Runs(subject, told, failing)
        for subject, told in streams.items()
        if subject.startswith("pipeline/")
    }
    for one in asked:
        if one.pipeline not in pipelines or one.run not in pipelines[one.pipeline].requested:
            raise Broken(f"the log does not know a run that a client was told of: {one}")
    outcomes = [one for runs in pipelines.values() for one in runs.outcomes()]
    done = [one for one in outcomes if one["status"] == "completed"]
    to_give = {
        f"dataset/{step['parameters']['dataset']}"
        for runs in pipelines.values()
        for request in runs.requested.values()
        for step in request["definition"]["steps"]
        if step.get("kind") == "deliver"
    }
    check_kept(streams, done, to_give)
    return Found(
        sum(len(runs.requested) for runs in pipelines.values()),
        sum(runs.lost[True] for runs in pipelines.values()),
        len(outcomes),
        sum(one["status"] == "cached" for one in outcomes),
        sum(runs.lost[False] for runs in pipelines.values()),
        sum(check_session(subject, told, done) for subject, told in streams.items()),
        sum(one["kind"] == "deliver" for one in done),
        sum(runs.late for runs in pipelines.values()),
        len(failing),
    )


def check_session(subject: str, told: Told, done: list[Event]) -> int:
    """Check the session of a run, and return its trainings: one of each candidate, all kept.

    Raises:
        Broken: a training is there twice, the session is open, or no step has trained in it.
    """
    kind, _, session = subject.partition("/")
    if kind != "session":
        return 0
    names = Counter(name for name, _ in told)
    if (names["SessionOpened"], names["SessionCommitted"]) != (1, 1):
        raise Broken(f"{subject} is not committed once: {dict(names)}")
    trained = [data["estimator"] for name, data in told if name == "TrainingRequested"]
    if len(set(trained)) != len(trained):
        raise Broken(f"{subject}: candidates that were trained twice: {trained}")
    evaluated = [data["training"] for name, data in told if name == "EvaluationRequested"]
    if len(set(evaluated)) != len(evaluated):
        raise Broken(f"{subject}: trainings that were evaluated twice: {evaluated}")
    steps = [one for one in done if one["kind"] == "train" and one["gave"]["session"] == session]
    if [len(one["gave"]["trainings"]) for one in steps] != [len(trained)]:
        raise Broken(f"{subject}: {len(trained)} trainings, and the steps say {steps}")
    return len(trained)


def check_kept(streams: dict[str, Told], done: list[Event], to_give: Set[str]) -> None:
    """Check that each delivery is one version of its dataset, and each promotion one of its model.

    The datasets `to_give` have no versions but those.

    Raises:
        Broken: there are more versions, or fewer.
    """
    given: defaultdict[str, set[object]] = defaultdict(set, {name: set() for name in to_give})
    for one in done:
        gave = one["gave"]
        if one["kind"] == "deliver":
            given[f"dataset/{gave['dataset']['name']}"].add(gave["dataset"]["version"])
        if one["kind"] == "promote":
            given[f"model/{gave['model']}"].add(gave["version"])
    for subject, versions in given.items():
        made = [name for name, _ in streams[subject] if name.endswith("Registered")]
        if len(made) != len(versions):
            raise Broken(f"{subject} has {len(made)} versions, and steps gave {versions}")
