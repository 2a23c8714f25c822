"""The progress of runs: a live line per run on a terminal, a line per change in a pipe."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from autolearn.client.cli.output import messages
from autolearn.schemas.rest.runs import Evaluation, Prediction, Study, Training

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


_SIGNS = {"completed": "✓", "failed": "✗", "cancelled": "-"}


class RunProgress:
    """Shows runs on standard error while it is open. Seconds are since it was opened."""

    def __init__(self) -> None:
        self.console = messages()
        self.began = time.monotonic()
        self.phases: dict[str, str] = {}
        self.progress: Progress | None = None
        self.lines: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self.progress = Progress(
                SpinnerColumn(finished_text=" "),
                TextColumn("{task.description}"),
                TextColumn("{task.fields[phase]}"),
                TimeElapsedColumn(),
                console=self.console,
            )
            self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.progress is not None:
            self.progress.stop()

    def show(self, run: Training | Evaluation | Prediction | Study, label: str = "") -> None:
        """Show the state of a run."""
        phase, known = phase_of(run), self.phases.get(run.id)
        self.phases[run.id] = phase
        label = label or what(run)
        if self.progress is not None:
            if run.id not in self.lines:
                self.lines[run.id] = self.progress.add_task(label, total=1, phase="")
            done = int(run.ended is not None)
            self.progress.update(self.lines[run.id], phase=phase, completed=done)
        elif known is None or phase.partition(",")[0] != known.partition(",")[0]:  # whatever its %
            seconds = time.monotonic() - self.began
            self.console.print(f"{seconds:6.1f} s  {label}: {phase}", markup=False)


def phase_of(run: Training | Evaluation | Prediction | Study) -> str:
    """Describe the progress of a run."""
    if run.ended is not None:
        worked = "" if run.seconds is None else f" ({run.seconds:.2f} s)"
        return f"{_SIGNS.get(run.status, '')} {run.status}{worked}".strip()
    phase = run.status
    if run.progress is not None:
        phase = ", ".join(filter(None, (run.progress.phase, run.progress.detail)))
    return phase if run.attempt == 1 else f"{phase} (attempt {run.attempt})"


def what(run: Training | Evaluation | Prediction | Study) -> str:
    """Describe a run."""
    if isinstance(run, Training):
        return f"training {run.id[:8]} {run.estimator} on {run.dataset.name}"
    if isinstance(run, Study):
        names = [one.estimator for one in run.candidates]
        tried = names[0] if len(names) == 1 else f"{len(names)} estimators"
        return f"study {run.id[:8]} {tried} on {run.dataset.name}"
    if isinstance(run, Prediction) and run.model:
        by = f"{run.model}@{run.model_version}"
        if run.backtest is not None:
            return f"backtest {run.id[:8]} of {by}"
        return f"{run.kind} {run.id[:8]} of {run.dataset.name} by {by}"
    return f"{run.kind} {run.id[:8]} of training {run.training[:8]}"
