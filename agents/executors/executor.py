"""The executor port: the limits of a run, and its outcomes."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["CANCELLED", "Completed", "Failed", "Limits", "Lost", "Outcome"]


class Limits(NamedTuple):
    """What a run may use: seconds on the clock, and MiB of resident memory.

    The libraries, which all runs share, count as about 200 MiB of it.
    """

    time_s: float
    memory_mb: int


class Completed(NamedTuple):
    """The run gave a result, of the type that `ml.results.RESULTS` names for its kind."""

    result: Any


class Failed(NamedTuple):
    """The run ended without one.

    `reason` is raised, memory, time, crashed, input, or cancelled (by `Running.cancel`).
    """

    reason: str
    detail: str


class Lost(NamedTuple):
    """The fork server was lost, and the run with it: another attempt may well succeed."""

    detail: str


Outcome = Completed | Failed | Lost
CANCELLED = Failed("cancelled", "it was cancelled")
