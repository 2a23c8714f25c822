"""What the API answers with, as the client sees it. Fields that are new to it are passed over."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from msgspec import Struct

from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.dataset_changes import DatasetChanges
from autolearn.schemas.datasets.findings import DataFinding
from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.values import DatasetRef, Preprocessing, Split, TrainedArtifact

__all__ = [
    "Artifact",
    "ArtifactFile",
    "Change",
    "CommandState",
    "Dataset",
    "DeadLetter",
    "DeadLetterSummary",
    "Diff",
    "Deleted",
    "DeletedDataset",
    "Digests",
    "Discarded",
    "Entry",
    "Evaluation",
    "Events",
    "Experiment",
    "ExperimentSummary",
    "Grant",
    "Health",
    "Me",
    "Metric",
    "Estimator",
    "NewToken",
    "Page",
    "Position",
    "Reader",
    "Rebuild",
    "Retry",
    "Running",
    "Session",
    "SessionSummary",
    "Token",
    "Training",
    "User",
]

Item = TypeVar("Item")
Links = dict[str, str]


class Page(Struct, Generic[Item]):
    """A part of a list; `next` is what to give as `page` for the next part, None on the last."""

    items: list[Item]
    next: str | None = None


class Estimator(EstimatorSpec, kw_only=True, frozen=True):
    """An estimator of the catalog."""

    registered: str
    links: Links = {}


class Metric(MetricSpec, kw_only=True, frozen=True):
    """A metric of the catalog."""

    registered: str
    links: Links = {}


class FindingInWords(DataFinding, kw_only=True, frozen=True):
    """Something odd about data, and what to do about it."""

    severe: bool = False
    words: str = ""
    remedy: str = ""


class Dataset(DatasetSpec, kw_only=True, frozen=True):
    """A version of a dataset. `everybody` may use and change it, or it is its `owner`'s.

    `changes` are those against the version before, of one that was just added.
    """

    findings: tuple[FindingInWords, ...] = ()
    changes: DatasetChanges | None = None
    owner: str = ""
    everybody: bool = False
    registered: str
    links: Links = {}


class DeletedDataset(Struct, kw_only=True, frozen=True):
    """A dataset that was deleted, and when."""

    name: str
    deleted: str


class Running(Struct, kw_only=True):
    """What a worker does on a run now; `phase` is waiting while no worker has it."""

    run: str
    kind: str
    attempt: int
    phase: str
    worker: str = ""
    host: str = ""
    since: str | None = None


class Run(Struct, kw_only=True, frozen=True):
    """What trainings and evaluations have in common.

    `status` is open, started, completed, failed or cancelled; `reason` and `detail` say why it
    failed; the times are RFC 3339; the limits are seconds and MiB.
    """

    id: str
    session: str
    number: int
    status: str
    requested: str
    updated: str
    dataset: DatasetRef
    attempt: int = 1
    worker: str = ""
    started: str | None = None
    ended: str | None = None
    reason: str = ""
    detail: str = ""
    environment: dict[str, Any] = {}
    seconds: float | None = None
    time_limit: float
    memory_limit: int
    sensitive: tuple[str, ...] = ()
    read: ReadOptions | None = None
    progress: Running | None = None
    links: Links = {}


class Training(Run, kw_only=True, frozen=True):
    """A training. `defaults` are the estimator's values of the hyperparameters not asked for."""

    estimator: str
    task: str
    library_version: str
    target: str | None
    schema_hash: str
    hyperparameters: dict[str, Any]
    defaults: dict[str, Any] = {}
    split: Split
    preprocessing: Preprocessing
    seed: int
    artifact: TrainedArtifact | None = None
    parameters: dict[str, Any] = {}
    rows_train: int | None = None
    rows_test: int | None = None
    fit_seconds: float | None = None


class Evaluation(Run, kw_only=True, frozen=True):
    """An evaluation; `results` are by metric, `artifact` is the folder of what was trained.

    `left_out` says of metrics why they have no result, `averages` what a result is over, such as
    macro. Those that are `optional` may be left out.
    """

    training: str
    artifact: str
    metrics: tuple[str, ...]
    held_out: bool
    results: dict[str, Any] = {}
    rows: int | None = None
    optional: tuple[str, ...] = ()
    positive: str | None = None
    left_out: dict[str, str] = {}
    averages: dict[str, str] = {}
    unseen: dict[str, int] = {}
    notes: tuple[str, ...] = ()


class SessionSummary(Struct, kw_only=True, frozen=True):
    """An open session in a list."""

    id: str
    title: str
    created: str
    updated: str
    actor: str = ""
    sequence: int = 0
    expires: int = 0
    expiring: str = ""
    withheld: bool = False
    unreadable: bool = False
    links: Links = {}


class Session(SessionSummary, kw_only=True, frozen=True):
    """An open session; `counts` are by kind of work and status, `running` the first of those.

    `sessions.open` tells of no runs; of a session that was asked for there are all.
    """

    counts: dict[str, dict[str, int]]
    running: list[Running]
    trainings: list[Training] = []
    evaluations: list[Evaluation] = []


class Deleted(Struct, kw_only=True, frozen=True):
    """An experiment that was deleted."""

    id: str
    deleted: str


class Discarded(Struct, kw_only=True, frozen=True):
    """A discarded session, with the runs that this stopped."""

    id: str
    discarded: str
    cancelled: tuple[str, ...] = ()


class ExperimentAbout(Struct, kw_only=True, frozen=True):
    """What every view of an experiment has. What is confidential may be `withheld`."""

    id: str
    title: str
    created: str
    committed: str
    actor: str = ""
    sequence: int = 0
    training_data: tuple[DatasetRef, ...] = ()
    evaluation_data: tuple[DatasetRef, ...] = ()
    withheld: bool = False
    links: Links = {}


class ExperimentSummary(ExperimentAbout, kw_only=True, frozen=True):
    """An experiment in a list; `trainings` are ids."""

    trainings: tuple[str, ...]


class Experiment(ExperimentAbout, kw_only=True, frozen=True):
    """An experiment with what it keeps: how many runs of each kind and status, and all of them.

    A commit tells how many there are only.
    """

    counts: dict[str, dict[str, int]]
    trainings: list[Training] = []
    evaluations: list[Evaluation] = []


class Reader(Struct, kw_only=True, frozen=True):
    """A user with whom a session is shared."""

    user: str
    since: str


class Grant(Reader, kw_only=True, frozen=True):
    """A user who `may` read a dataset, or write it: upload new versions as well."""

    may: str


class User(Struct, kw_only=True, frozen=True):
    """A user; `role` is user or sysadmin."""

    name: str
    role: str
    disabled: bool
    has_password: bool
    created: str
    updated: str


class Token(Struct, kw_only=True, frozen=True):
    """A token, without its secret."""

    id: str
    user: str
    name: str
    created: str
    expires: str | None = None
    revoked: str | None = None


class Quota(Struct, kw_only=True, frozen=True):
    """A quota of a user; `used` is None where nothing is counted for the user as a whole."""

    name: str
    limit: int
    used: int | None
    unit: str
    source: str
    words: str


class NewToken(Struct, kw_only=True, frozen=True):
    """A new token; `token` is what lets one in, and is said this once."""

    id: str
    user: str
    name: str
    created: str
    token: str
    expires: str | None = None


class Me(Struct, kw_only=True, frozen=True):
    """Who one is; `auth` is tokens, oidc or none."""

    name: str
    role: str
    auth: str
    token: str | None = None
    expires: str | None = None


class ArtifactFile(Struct, kw_only=True, frozen=True):
    """A file of a trained model."""

    name: str
    sha256: str
    links: Links = {}


class Artifact(Struct, kw_only=True, frozen=True):
    """A trained model: its files."""

    digest: str
    bytes: int
    files: list[ArtifactFile]


class CommandState(Struct, kw_only=True, frozen=True):
    """How far a command is: pending, accepted or refused."""

    id: str
    state: str
    stream: str | None = None
    resource: str | None = None
    problem: dict[str, Any] | None = None
    links: Links = {}


class Place(Struct, frozen=True):
    """How far one partition of `events` is known."""

    partition: int
    next: int
    term: int
    last: int


class Position(Struct, frozen=True):
    """A point in the whole log."""

    token: str
    partitions: list[Place]


class Digests(Struct, frozen=True):
    """The SHA-256 of each view at one position, as the process of this name has them."""

    process: str
    position: Position
    views: dict[str, str]


class RowDigests(Struct, frozen=True):
    """The SHA-256 of the values of some rows, by key in hex. `next` is the key to go on after."""

    position: Position
    rows: dict[str, str]
    next: str | None


class Rebuild(Struct, frozen=True):
    """How a rebuild goes: `status` is none, folding, catching-up, done or failed."""

    status: str
    done: int = 0
    total: int | None = None
    events: int = 0
    seconds: float = 0.0
    events_per_s: float = 0.0
    detail: str = ""


class Events(Struct, frozen=True):
    """Some events, as CloudEvents in JSON; `next` is where to go on."""

    items: list[dict[str, Any]]
    next: str
    more: bool


class Entry(Struct, frozen=True):
    """An event of the feed, a CloudEvent in JSON, and the position right behind it."""

    position: str
    event: dict[str, Any]


class Change(Struct, frozen=True):
    """What became of one thing: added, removed or changed; with the fields that differ."""

    stream: str
    what: str
    id: str
    change: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class Diff(Struct, frozen=True):
    """Changes between two positions; `next` is what to give as `page`, None on the last page."""

    before: str
    after: str
    items: list[Change]
    next: str | None = None


class Health(Struct, frozen=True):
    """How an API process is."""

    status: str
    detail: str = ""
    missing: int | None = None


class DeadLetterSummary(Struct, kw_only=True, frozen=True):
    """A record that was no command, and why; `command` is the id that a retry gives it.

    `state` is open, or accepted or refused once that command is answered, by an event of the type
    `answer`. Of a `cut` value only the beginning was kept; `size` is the whole one's, in bytes.
    """

    id: str
    time: str
    topic: str
    partition: int
    offset: int
    reason: str
    size: int
    cut: bool
    state: str
    command: str
    answer: str | None = None
    links: Links = {}


class DeadLetter(DeadLetterSummary, kw_only=True, frozen=True):
    """A dead letter with its value: as `text` if it is UTF-8, else in `base64`."""

    key: str | None = None
    headers: list[tuple[str, str]] = []
    text: str | None = None
    base64: str | None = None


class Retry(Struct, kw_only=True, frozen=True):
    """What a retry came to; `state` is pending, accepted or refused."""

    dead_letter: str
    command: str
    state: str
    stream: str | None = None
    answer: str | None = None
    links: Links = {}
