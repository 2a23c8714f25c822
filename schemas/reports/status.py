"""The status of an installation, as `GET /v1/status` and `autolearn status -o json` give it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from autolearn.schemas.records.heartbeat import Heartbeat, Progress, Supervision
from autolearn.schemas.work_kinds import WORK


class Broker(Struct):
    """A broker of the cluster. `controller`: it leads the quorum; None when unknown."""

    id: int
    host: str
    port: int
    controller: bool | None


class TopicState(Struct):
    """The state of a topic: its present `records`; `bytes` only for a broker on this machine.

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
    """A process in a consumer group, and its partitions."""

    name: str
    host: str
    partitions: list[int]


class Usage(Struct):
    """A folder: its purpose, the bytes of its files, and the free and total bytes of its disk."""

    what: str
    path: str
    used: int
    free: int
    total: int


class Finding(Struct, frozen=True):
    """A finding that needs attention: its kind, cause and remedy."""

    kind: str
    detail: str
    advice: str


class Process(Struct):
    """A process type: its members, its topic, and its lag.

    `behind` counts per partition the records that are not processed: of `decide`, commands without
    an answer. `waiting` is the age in seconds of the oldest of these, where known.
    """

    name: str
    topic: str
    members: list[Member]
    behind: dict[str, int]
    waiting: float | None = None


class Term(Struct):
    """The term of a partition of `events`, and the process that began it."""

    partition: int
    term: int
    holder: str


class ChainState(Struct):
    """The newest checkpoint of a partition of `events`, unverified (docs/chain.md).

    `waiting` is how many seconds the first record after it has waited for the next one; None: there
    is none. `broken` is where a decider has found the log changed.
    """

    partition: int
    events: int
    offset: int
    signed: str | None
    waiting: float | None = None
    broken: int | None = None


class WorkerState(Struct):
    """A worker as of its newest heartbeat, which is `silent` seconds old."""

    worker: str
    host: str
    pid: int
    kinds: tuple[str, ...]
    slots: int
    silent: float
    runs: tuple[Progress, ...]
    unconfined: tuple[str, ...] = ()
    disk_low: str = ""
    labels: dict[str, str] = {}

    @property
    def busy(self) -> int:
        """The number of its slots that are taken: a study takes none."""
        return sum(WORK[run.kind].takes_slot for run in self.runs if run.kind in WORK)

    @classmethod
    def all_of(cls, beats: Iterable[tuple[Heartbeat, int]], now: float) -> list[WorkerState]:
        """Return workers from their heartbeats, each with its time sent (ms), at `now` (s)."""
        return [
            cls(
                *(one.worker, one.host, one.pid, one.kinds, one.slots, _silence(sent, now)),
                *(one.runs, one.unconfined, one.disk_low, one.labels),
            )
            for one, sent in sorted(beats, key=lambda beat: beat[0].worker)
        ]


def _silence(sent: int, now: float) -> float:
    """Return the seconds since a time in milliseconds of another process's clock."""
    return max(0.0, round(now - sent / 1000, 1))


class DeadLetterCount(Struct):
    """The number of dead letters; of the newest, those that are open, and those of the last day.

    A letter is open until its command is retried and answered. None: not known.
    """

    total: int
    open: int | None = None
    recent: int | None = None


class Status(Struct):
    """The whole status at one moment. Unavailable parts are empty, and `unknown` says why.

    `told_by` is the observer: an API process, or the command line when no API answers. `findings`
    is empty when nothing needs attention. `waiting` counts the runs that wait for a worker with
    labels, by the text of these.
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
    waiting: dict[str, int] = {}
    supervision: Supervision | None = None
    dead_letters: DeadLetterCount | None = None
    disk: list[Usage] = []
