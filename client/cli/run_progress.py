"""The progress of runs: a live line per run on a terminal, a line per change in a pipe."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from autolearn.client.cli.output import messages
from autolearn.schemas.rest.runs import Evaluation, Prediction, Study, Training

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID


_SIGNS = {"completed": "✓", "failed": "✗", "cancelled": "-"}


class LiveLines:
    """Lines on standard error while it is open: live ones on a terminal, else one for each news.

    Seconds are since it was opened.
    """

    expand = False
    """Whether the lines are as wide as the terminal."""

    def __init__(self) -> None:
        self.console = messages()
        self.began = time.monotonic()
        self.shown: dict[str, str] = {}
        """The words of each line."""
        self.progress: Progress | None = None
        self.lines: dict[str, TaskID] = {}

    def _columns(self) -> list[ProgressColumn]:
        """Return the columns behind the sign of progress."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            from rich.progress import Progress, SpinnerColumn

            sign = SpinnerColumn(finished_text=" ")
            self.progress = Progress(
                sign, *self._columns(), console=self.console, expand=self.expand
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

    def _put(self, line: str, label: str, words: str, *, done: bool, news: bool) -> None:
        """Show the words of a line."""
        self.shown[line] = words
        if self.progress is not None:
            if line not in self.lines:
                self.lines[line] = self.progress.add_task(label, total=1, words="")
            self.progress.update(self.lines[line], words=words, completed=int(done))
        elif news:
            seconds = time.monotonic() - self.began
            self.console.print(f"{seconds:6.1f} s  {label}: {words}", markup=False)


class RunProgress(LiveLines):
    """Shows runs on standard error while it is open."""

    def _columns(self) -> list[ProgressColumn]:
        from rich.progress import TextColumn, TimeElapsedColumn

        texts = [TextColumn(text) for text in ("{task.description}", "{task.fields[words]}")]
        return [*texts, TimeElapsedColumn()]

    def show(self, run: Training | Evaluation | Prediction | Study, label: str = "") -> None:
        """Show the state of a run."""
        phase, known = phase_of(run), self.shown.get(run.id)
        # another phase, whatever its %
        news = known is None or phase.partition(",")[0] != known.partition(",")[0]
        self._put(run.id, label or what(run), phase, done=run.ended is not None, news=news)


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
