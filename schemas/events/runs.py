"""Events of runs: one protocol for every kind of work."""

from __future__ import annotations

from autolearn.schemas.messages import Event
from autolearn.schemas.results import Result
from autolearn.schemas.values import RunId


class RunRequested(Event, frozen=True):
    """One run of work was accepted; its first attempt is open. Fields as in `RequestRun`."""

    run: RunId
    time_limit: float
    memory_limit: int
    max_attempts: int
    labels: dict[str, str] = {}


class RunStarted(Event, frozen=True):
    """A worker holds the attempt."""

    run: RunId
    attempt: int
    worker: str


class RunCompleted(Event, frozen=True):
    """The run has its result."""

    run: RunId
    attempt: int
    worker: str
    result: Result


class RunFailed(Event, frozen=True):
    """The run ended without a result."""

    run: RunId
    attempt: int
    worker: str
    reason: str
    detail: str


class RunCancelled(Event, frozen=True):
    """The run was stopped."""

    run: RunId


class RunLost(Event, frozen=True):
    """The worker of the attempt before `attempt` is gone, and `attempt` is open."""

    run: RunId
    attempt: int
    worker: str
