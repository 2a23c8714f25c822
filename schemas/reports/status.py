"""The status of an installation, as `GET /v1/status` and `autolearn status -o json` say it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from autolearn.schemas.records.heartbeat import Heartbeat, Progress, Supervision

__all__ = [
    "Broker",
    "ChainState",
    "DeadLetterCount",
    "Finding",
    "Member",
    "Process",
    "Status",
    "Term",
    "TopicState",
    "Usage",
    "WorkerState",
]


class Broker(Struct):
    """A broker of the cluster. `controller`: it leads the quorum; None when that is not told."""

    id: int
    host: str
    port: int
    controller: bool | None


class TopicState(Struct):
    """A topic as it is: `records` are kept now, `bytes` only known of a broker on this machine.

    Of its partitions, `under_replicated` have fewer copies in sync than they should have,
    `leaderless` cannot be read or written, and `below_min` refuse appends with acks=all.
    """

    name: str
    partitions: int
    replication: int
    records: int
    under_replicated: int = 0
    leaderless: int = 0
    below_min: int = 0
    bytes: int | None = None


class Member(Struct):
    """A process in a consumer group, and the partitions that it has."""

    name: str
    host: str
    partitions: list[int]


class Usage(Struct):
    """A folder: what it is for, the bytes that its files take; those free on its disk, and all."""

    what: str
    path: str
    used: int
    free: int
    total: int


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


class ChainState(Struct):
    """The newest checkpoint of a partition of `events`, as it says itself (docs/chain.md).

    `waiting` is how many seconds the first record after it has waited for the next one; None:
    there is none. `broken` is where a decider has found the log changed.
    """

    partition: int
    events: int
    offset: int
    signed: str | None
    waiting: float | None = None
    broken: int | None = None


class WorkerState(Struct):
    """A worker as its newest heartbeat says, which is `silent` seconds old."""

    worker: str
    host: str
    pid: int
    kinds: tuple[str, ...]
    slots: int
    silent: float
    runs: tuple[Progress, ...]
    unconfined: tuple[str, ...] = ()
    disk_low: str = ""

    @classmethod
    def all_of(cls, beats: Iterable[tuple[Heartbeat, int]], now: float) -> list[WorkerState]:
        """Return workers by their heartbeats, each with when it was sent (ms), at `now` (s)."""
        return [
            cls(
                *(one.worker, one.host, one.pid, one.kinds, one.slots, _silence(sent, now)),
                *(one.runs, one.unconfined, one.disk_low),
            )
            for one, sent in sorted(beats, key=lambda beat: beat[0].worker)
        ]


def _silence(sent: int, now: float) -> float:
    """Return the seconds since a time in milliseconds, which a clock of others has told."""
    return max(0.0, round(now - sent / 1000, 1))


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
    chain: list[ChainState] = []
    workers: list[WorkerState] = []
    supervision: Supervision | None = None
    dead_letters: DeadLetterCount | None = None
    disk: list[Usage] = []
