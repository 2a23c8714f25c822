"""A progress bar for the first use, shown only when there is progress."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class InstallBar:
    """Pass it as `install(progress)`. Prints to stderr, and nothing if never called."""

    def __init__(self) -> None:
        self._shown: tuple[Progress, TaskID] | None = None

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show the step `what`; `done` and `total` are in bytes, 0 if unknown."""
        bar, task = self._shown = self._shown or self._show()
        bar.update(task, completed=done, total=total or None, what=what)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown is not None:
            self._shown[0].stop()

    def _show(self) -> tuple[Progress, TaskID]:
        # Imported here: a warm start must not pay for rich.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        first, last = TextColumn("installing Apache Kafka"), TextColumn("{task.fields[what]}")
        bar = Progress(first, BarColumn(), last, console=Console(stderr=True))
        bar.start()
        return bar, bar.add_task("", total=None, what="")
