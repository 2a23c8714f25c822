"""Commands of runs: one protocol for every kind of work."""

from __future__ import annotations

from autolearn.schemas.messages import Command
from autolearn.schemas.results import Result
from autolearn.schemas.values import RunId


class RequestRun(Command, frozen=True):
    """Ask for one run of work; `run` is its id, new in the session.

    `time_limit` is in seconds, `memory_limit` in MiB of resident memory; `max_attempts` bounds the
    attempts when workers are lost. It is for a worker with these `labels`
    (`schemas.workers.labels`).
    """

    run: RunId
    time_limit: float
    memory_limit: int
    max_attempts: int = 3
    labels: dict[str, str] = {}


class StartRun(Command, frozen=True):
    """A worker claims an attempt of a run. The first claim is accepted, others are refused."""

    run: RunId
    attempt: int
    worker: str


class CompleteRun(Command, frozen=True):
    """The worker that holds the attempt has a result, of the run's kind of work."""

    run: RunId
    attempt: int
    worker: str
    result: Result


class FailRun(Command, frozen=True):
    """The worker that holds the attempt cannot give a result.

    `reason` is a code (raised, memory, time, crashed, input), `detail` is for people.
    """

    run: RunId
    attempt: int
    worker: str
    reason: str
    detail: str = ""


class CancelRun(Command, frozen=True):
    """Stop a run that has not ended."""

    run: RunId


class ReportRunLost(Command, frozen=True):
    """The worker that held the attempt is gone; another worker may try the run again."""

    run: RunId
    attempt: int
    worker: str
