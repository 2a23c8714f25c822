"""The status of an installation, as `GET /v1/status` and `autolearn status -o json` say it."""

from __future__ import annotations

from msgspec import Struct

from autolearn.eventlog.cluster import Broker, Member, TopicState
from autolearn.eventlog.disk import Usage
from autolearn.schemas.workers import Progress

__all__ = ["DeadLetterCount", "Finding", "Process", "Status", "Term", "WorkerState"]


class Finding(Struct, frozen=True):
    """Something that needs attention: its kind, why, and what to do."""

    kind: str
    detail: str
    advice: str


class Process(Struct):
    """A process type: who runs it, what it reads, and how far behind it is.

    `behind` counts per partition the records that are on the log and not taken in: of `decide`,
    commands that are not answered. `waiting` is how many seconds the oldest of these has waited,
    where that is known.
    """

    name: str
    topic: str
    members: list[Member]
    behind: dict[str, int]
    waiting: float | None = None


class Term(Struct):
    """Who decides on a partition of `events`: its term, and the process that began it."""

    partition: int
    term: int
    holder: str


class WorkerState(Struct):
    """A worker as its newest heartbeat says, which is `silent` seconds old."""

    worker: str
    host: str
    pid: int
    kinds: tuple[str, ...]
    slots: int
    silent: float
    runs: tuple[Progress, ...]


class DeadLetterCount(Struct):
    """How many dead letters there are; how many of the newest are open, and since a day.

    A letter is open until its command, put back, is answered. None: not known.
    """

    total: int
    open: int | None = None
    recent: int | None = None


class Status(Struct):
    """Everything at one moment. What could not be found out is empty, and `unknown` says why.

    `told_by` is who looked: an API process, or the command line when no API answers. `findings` is
    empty when nothing needs attention.
    """

    time: str
    told_by: str
    findings: list[Finding] = []
    unknown: dict[str, str] = {}
    brokers: list[Broker] = []
    topics: list[TopicState] = []
    processes: list[Process] = []
    terms: list[Term] = []
    workers: list[WorkerState] = []
    dead_letters: DeadLetterCount | None = None
    disk: list[Usage] = []
