"""The progress of running work, as workers report it."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from autolearn.projections.rows.view_rows import (
    RunRow,
)

__all__ = ["Live", "LiveProgress"]


class LiveProgress(Struct):
    """The progress of a run by its worker's last heartbeat.

    `phase` is a word such as starting, loading, fitting, storing, evaluating; `waiting` while no
    worker has taken the run.
    """

    run: str
    kind: str
    attempt: int
    phase: str
    worker: str = ""
    host: str = ""
    since: str | None = None


Live = Callable[[RunRow], LiveProgress | None]
"""Returns the progress of a run now; None when nothing is known."""
