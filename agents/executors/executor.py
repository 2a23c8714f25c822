"""The executor port: starts runs of work, with limits and outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, Protocol

from autolearn.schemas.workers.cluster import DaskSettings


class Limits(NamedTuple):
    """The limits of a run: seconds on the clock, and MiB of resident memory.

    The libraries, which all runs share, count as about 200 MiB of it.
    """

    time_s: float
    memory_mb: int


class Completed(NamedTuple):
    """The run gave a result, of its kind's type in `ml.results.RESULTS`."""

    result: Any


FailureReason = Literal[
    "raised", "memory", "time", "crashed", "input", "pruned", "cancelled", "lost"
]


class Failed(NamedTuple):
    """The run ended without one, such as cancelled by `StartedRun.cancel`."""

    reason: FailureReason
    detail: str


class Lost(NamedTuple):
    """The process behind the run was lost, and the run with it: another attempt may succeed."""

    detail: str


Outcome = Completed | Failed | Lost
CANCELLED = Failed("cancelled", "it was cancelled")


class StartedRun(Protocol):
    """One started run. It goes on, and ends, even when nobody awaits it."""

    async def outcome(self) -> Outcome:
        """Wait for the end. Cancelling the wait does not cancel the run."""

    def cancel(self) -> None:
        """End the run and all its processes, now. Harmless after the end."""


class Executor(Protocol):
    """Runs work apart from the calling process, any number of runs at once.

    All methods belong to one event loop, and none blocks it.
    """

    async def warm(self) -> None:
        """Make ready, so that the next run starts soon.

        Raises:
            RuntimeError: that is not possible.
        """

    def start(
        self,
        kind: str,
        request: Any,
        limits: Limits,
        on_phase: Callable[[str], None] = ...,
        key: bytes = ...,
        input_keys: Mapping[str, bytes] = ...,
        network: bool = ...,
        cluster: DaskSettings | None = ...,
    ) -> StartedRun:
        """Start a run at once. `on_phase` is called in the loop with each phase's name.

        The files of its request are there for it, and its results are stored afterwards. With a
        `key` the artifacts that it reads and writes are encrypted in the store; inputs with a key
        of their own have it in `input_keys`, by the digest of what is stored (`DatasetRef.place`,
        or an artifact's folder). With `network`, or a `cluster` to work on, it may connect to
        others; else it may not.
        """

    async def close(self) -> None:
        """Cancel all runs, and release everything."""
