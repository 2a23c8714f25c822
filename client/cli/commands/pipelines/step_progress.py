"""The progress of a pipeline's run: a live line per step, or a line per change in a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autolearn.client.cli.run_progress import LiveLines
from autolearn.client.cli.tables.pipelines.runs import step_words

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from autolearn.schemas.rest.pipelines.runs import PipelineRun, StepState


class StepProgress(LiveLines):
    """Shows the steps of a run on standard error while it is open."""

    expand = True

    def _columns(self) -> list[ProgressColumn]:
        from rich.progress import TextColumn
        from rich.table import Column

        words = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        return [
            TextColumn("{task.description}", markup=False),
            TextColumn("{task.fields[words]}", markup=False, table_column=words),
        ]

    def show(self, run: PipelineRun) -> None:
        """Show the state of a run's steps."""
        for step in run.steps:
            self._show(step)

    def _show(self, step: StepState) -> None:
        words, known = step_words(step), self.shown.get(step.name, "")
        done = step.status not in ("waiting", "running")
        news = words != known and (done or bool(step.why))
        if step.status == "running":  # in whatever phase
            news = not known.startswith("running")
        self._put(step.name, step.name, words, done=done, news=news)
