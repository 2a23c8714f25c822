"""The kinds of work: one table for deciders, dispatch, workers and views.

The protocol of every kind is request -> start -> complete | fail | cancel, or lost -> next attempt.
"""

from __future__ import annotations

from typing import NamedTuple

from autolearn.schemas import commands, events
from autolearn.schemas.messages import Command, Event

__all__ = ["WORK", "Work", "work_of"]


class Work(NamedTuple):
    """The words of one kind of work."""

    name: str
    request: type[commands.RequestRun]
    start: type[commands.StartRun]
    complete: type[commands.CompleteRun]
    fail: type[commands.FailRun]
    cancel: type[commands.CancelRun]
    report_lost: type[commands.ReportRunLost]
    requested: type[events.RunRequested]
    started: type[events.RunStarted]
    completed: type[events.RunCompleted]
    failed: type[events.RunFailed]
    cancelled: type[events.RunCancelled]
    lost: type[events.RunLost]


WORK: dict[str, Work] = {
    "training": Work(
        "training",
        commands.RequestTraining,
        commands.StartTraining,
        commands.CompleteTraining,
        commands.FailTraining,
        commands.CancelTraining,
        commands.ReportTrainingLost,
        events.TrainingRequested,
        events.TrainingStarted,
        events.TrainingCompleted,
        events.TrainingFailed,
        events.TrainingCancelled,
        events.TrainingLost,
    ),
    "evaluation": Work(
        "evaluation",
        commands.RequestEvaluation,
        commands.StartEvaluation,
        commands.CompleteEvaluation,
        commands.FailEvaluation,
        commands.CancelEvaluation,
        commands.ReportEvaluationLost,
        events.EvaluationRequested,
        events.EvaluationStarted,
        events.EvaluationCompleted,
        events.EvaluationFailed,
        events.EvaluationCancelled,
        events.EvaluationLost,
    ),
}

by_message: dict[type[Command] | type[Event], Work] = {
    message: work for work in WORK.values() for message in work[1:]
}


def work_of(message: Command | Event) -> Work:
    """Return the kind of work that a command or event of a run belongs to.

    Raises:
        KeyError: the message is not about a run.
    """
    return by_message[type(message)]
