"""The kinds of work: one table for deciders, dispatch, workers and views.

The protocol of every kind is request -> start -> complete, fail or cancel, or lost -> next attempt.
A kind differs only in its request and its result, which are here.
"""

from __future__ import annotations

from typing import NamedTuple

from autolearn.schemas import commands, events
from autolearn.schemas.results import (
    EvaluationResult,
    PipelineResult,
    PredictionResult,
    Result,
    StepResult,
    StudyResult,
    TrainingResult,
)


class Work(NamedTuple):
    """The request and result of one kind of work."""

    request: type[commands.RequestRun]
    requested: type[events.RunRequested]
    result: type[Result]
    takes_slot: bool = True
    """Whether it takes a slot of its worker: the trials of a study need slots themselves."""


WORK: dict[str, Work] = {
    "training": Work(commands.RequestTraining, events.TrainingRequested, TrainingResult),
    "evaluation": Work(commands.RequestEvaluation, events.EvaluationRequested, EvaluationResult),
    "prediction": Work(commands.RequestPrediction, events.PredictionRequested, PredictionResult),
    "study": Work(commands.RequestStudy, events.StudyRequested, StudyResult, takes_slot=False),
    "step": Work(commands.RequestStep, events.StepRequested, StepResult),
    "pipeline": Work(
        commands.RequestPipeline, events.PipelineRequested, PipelineResult, takes_slot=False
    ),
}
"""By name, which is the tag of the result as well."""

OF_PIPELINES = ("step", "pipeline")
"""The kinds of work of pipelines."""
OF_SESSIONS = tuple(name for name in WORK if name not in OF_PIPELINES)
"""The kinds of work of sessions."""
OF_WORKERS = tuple(name for name in WORK if name != "pipeline")
"""The kinds of work of workers: runs of pipelines are driven by API processes."""

names = {one: name for name, work in WORK.items() for one in work[:3]}


def kind_of_run(message: commands.RequestRun | events.RunRequested | Result) -> str:
    """Return the name of the kind of work that a request or a result belongs to."""
    return names[type(message)]
