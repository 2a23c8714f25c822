"""The progress of a pipeline's run: a live line per step, or a line per change in a pipe."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from autolearn.client.cli.output import messages
from autolearn.client.cli.tables.pipelines.runs import step_words

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from autolearn.schemas.rest.pipelines.runs import PipelineRun, StepState


class StepProgress:
    """Shows the steps of a run on standard error while it is open."""

    def __init__(self) -> None:
        self.console = messages()
        self.began = time.monotonic()
        self.shown: dict[str, str] = {}
        self.progress: Progress | None = None
        self.lines: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            from rich.progress import Progress, SpinnerColumn, TextColumn
            from rich.table import Column

            self.progress = Progress(
                SpinnerColumn(finished_text=" "),
                TextColumn("{task.description}", markup=False),
                TextColumn(
                    "{task.fields[words]}",
                    markup=False,
                    table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
                ),
                console=self.console,
                expand=True,
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

    def show(self, run: PipelineRun) -> None:
        """Show the state of a run's steps."""
        for step in run.steps:
            self._show(step)

    def _show(self, step: StepState) -> None:
        words = step_words(step)
        known = self.shown.get(step.name)
        self.shown[step.name] = words
        if self.progress is not None:
            if step.name not in self.lines:
                self.lines[step.name] = self.progress.add_task(step.name, total=1, words="")
            done = int(step.status not in ("waiting", "running"))
            self.progress.update(self.lines[step.name], words=words, completed=done)
        elif words != known and step.status != "waiting":
            seconds = time.monotonic() - self.began
            self.console.print(f"{seconds:6.1f} s  {step.name}: {words}", markup=False)
