"""Waits for a run, and shows its progress."""

from __future__ import annotations

import sys
from typing import TypeVar

import typer

from autolearn.client.cli.run_progress import RunProgress, what
from autolearn.client.sdk.handles.predictions import PredictionHandle
from autolearn.client.sdk.handles.runs import EvaluationHandle, TrainingHandle
from autolearn.client.sdk.handles.studies import StudyHandle
from autolearn.schemas.errors import ExitCode
from autolearn.schemas.rest.runs import Evaluation, Prediction, Study, Training

R = TypeVar("R", TrainingHandle, EvaluationHandle, PredictionHandle, StudyHandle)
_STEP = 1.0
"""Seconds after which the phase is requested again."""


def follow(run: R) -> R:
    """Show a run until it has ended, and return it.

    Raises:
        typer.Exit: Ctrl-C was pressed; the run goes on.
    """
    try:
        with RunProgress() as board:
            board.show(run.data)
            while run.data.ended is None:
                board.show(run.refresh(wait=_STEP).data)
    except KeyboardInterrupt:
        owner = run.data.session[:8]
        kind = "experiment" if "/experiments/" in run.data.links["owner"] else "session"
        ways = f"  See it:    autolearn {kind} show {owner}\n"
        ways += f"  Cancel it: autolearn cancel {run.data.id[:8]} --session {owner}"
        if isinstance(run.data, Prediction) and run.data.model:
            model = f"{run.data.model}@{run.data.model_version}"
            ways = f"  Cancel it: autolearn cancel {run.data.id[:8]} --model {model}"
        print(f"Interrupted: {what(run.data)} goes on.\n{ways}", file=sys.stderr)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    return run


def require_completed(run: Training | Evaluation | Prediction | Study) -> None:
    """Print why a run has not completed, and exit with 1; return if it has."""
    if run.status == "completed":
        return
    why = f"{run.reason}: {run.detail}" if run.reason else f"It is {run.status}."
    print(f"The {what(run)} did not complete\n  {why}", file=sys.stderr)
    raise typer.Exit(ExitCode.NO)
