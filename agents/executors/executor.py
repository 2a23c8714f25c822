"""The executor port: what starts runs of work, their limits, and their outcomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

__all__ = [
    "CANCELLED",
    "Completed",
    "Executor",
    "Failed",
    "Limits",
    "Lost",
    "Outcome",
    "StartedRun",
]


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

    `reason` is raised, memory, time, crashed, input, or cancelled (by `StartedRun.cancel`).
    """

    reason: str
    detail: str


class Lost(NamedTuple):
    """What runs the work was lost, and the run with it: another attempt may well succeed."""

    detail: str


Outcome = Completed | Failed | Lost
CANCELLED = Failed("cancelled", "it was cancelled")


class StartedRun(Protocol):
    """One run that was started. It goes on, and ends, even when nobody awaits it."""

    async def outcome(self) -> Outcome:
        """Wait for the end. Cancelling the wait does not cancel the run."""
        ...

    def cancel(self) -> None:
        """End the run and all that it has started, now. Harmless after the end."""
        ...


class Executor(Protocol):
    """Runs work apart from the process that asks for it, as many runs at once as are started.

    All methods belong to one event loop, and none makes it wait.
    """

    async def warm(self) -> None:
        """Make ready, so that the next run starts soon.

        Raises:
            RuntimeError: that is not possible.
        """
        ...

    def start(
        self,
        kind: str,
        request: Any,
        limits: Limits,
        on_phase: Callable[[str], None] = ...,
        key: bytes = ...,
        data_key: bytes = ...,
    ) -> StartedRun:
        """Start a run at once. `on_phase` is called in the loop with each phase's name.

        The files that its request names are there for it, and what it makes is stored after it.
        With a `key` the models that it reads and writes are encrypted in the store; with a
        `data_key` the dataset that it reads is.
        """
        ...

    async def close(self) -> None:
        """Cancel what runs, and let go of everything."""
        ...
