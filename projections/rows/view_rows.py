"""The rows of the read models as queries return them."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.values import (
    DatasetRef,
    JsonValue,
    May,
    Preprocessing,
    Split,
    TrainedArtifact,
)

__all__ = [
    "Answer",
    "DatasetOwner",
    "DatasetRow",
    "EndedRow",
    "EstimatorRow",
    "EvaluationRow",
    "ExperimentRow",
    "GrantRow",
    "StoredBytes",
    "MetricRow",
    "QuotaRow",
    "ReaderRow",
    "IndexEntry",
    "RunRow",
    "SessionRow",
    "TokenRow",
    "TrainingRow",
    "UserRow",
]


class EstimatorRow(Struct, frozen=True):
    """An estimator of the catalog, since `registered`."""

    spec: EstimatorSpec
    registered: str


class MetricRow(Struct, frozen=True):
    """A metric of the catalog, since `registered`."""

    spec: MetricSpec
    registered: str


class DatasetRow(Struct, frozen=True):
    """A version of a dataset of the catalog, since `registered`."""

    spec: DatasetSpec
    registered: str


class DatasetOwner(Struct, frozen=True, gc=False):
    """The owner of a dataset; `everybody` may use and change it, or only use it if it is `bundled`.

    The owner stays known when it is `deleted`, at a time, by a user. `marks` counts the changes of
    its sensitive columns.
    """

    owner: str
    everybody: bool = False
    bundled: bool = False
    deleted: str = ""
    by: str = ""
    marks: int = 0


class StoredBytes(Struct, frozen=True, gc=False):
    """The bytes of a dataset's version in the artifact store, or of all of a user's own."""

    bytes: int = 0


class SessionRow(Struct, frozen=True):
    """An open session. It begins to expire when it is unused for `expires` seconds; 0: never.

    `expiring` is when it expires, if that was announced and it is unused since.

    In all rows, encrypted data that cannot be read are empty and `unreadable` is set: the key is
    shredded, or this process does not have it.
    """

    id: str
    title: str
    created: str
    actor: str
    updated: str
    sequence: int
    """The number of the newest event of the session's stream."""
    expires: int = 0
    expiring: str = ""
    unreadable: bool = False


class ExperimentRow(Struct, frozen=True):
    """A committed session, with the runs that it keeps."""

    id: str
    title: str
    created: str
    committed: str
    actor: str
    sequence: int
    trainings: tuple[str, ...]
    training_data: tuple[DatasetRef, ...]
    evaluation_data: tuple[DatasetRef, ...]
    unreadable: bool = False


class TrainingRow(Struct, frozen=True):
    """One training.

    `status` is open (waits for a worker), started, completed, failed or cancelled. The times are
    RFC 3339; `reason` and `detail` say why it failed. The limits (seconds, MiB) are the requested
    ones.
    """

    kind: ClassVar[str] = "training"

    id: str
    session: str
    number: int
    """The sequence of its request in the session's stream, which orders the runs."""
    status: str
    requested: str
    updated: str
    estimator: str
    task: str
    library_version: str
    dataset: DatasetRef
    target: str | None
    hyperparameters: dict[str, JsonValue]
    split: Split
    preprocessing: Preprocessing
    seed: int
    schema_hash: str
    time_limit: float
    memory_limit: int
    attempt: int = 1
    worker: str = ""
    started: str | None = None
    ended: str | None = None
    reason: str = ""
    detail: str = ""
    artifact: TrainedArtifact | None = None
    parameters: dict[str, JsonValue] = {}
    environment: dict[str, JsonValue] = {}
    rows_train: int | None = None
    rows_test: int | None = None
    fit_seconds: float | None = None
    seconds: float | None = None
    sensitive: tuple[str, ...] = ()
    read: ReadOptions | None = None
    unreadable: bool = False


class EvaluationRow(Struct, frozen=True):
    """One evaluation of a training. The fields are as in TrainingRow; `results` are by metric.

    `left_out` has the reason for each metric without a result, `averages` the aggregation of
    averages.
    """

    kind: ClassVar[str] = "evaluation"

    id: str
    session: str
    number: int
    status: str
    requested: str
    updated: str
    training: str
    artifact: str
    """The folder of the training's artifact (`TrainedArtifact.folder`)."""
    metrics: tuple[str, ...]
    dataset: DatasetRef
    held_out: bool
    time_limit: float
    memory_limit: int
    attempt: int = 1
    worker: str = ""
    started: str | None = None
    ended: str | None = None
    reason: str = ""
    detail: str = ""
    results: dict[str, JsonValue] = {}
    environment: dict[str, JsonValue] = {}
    rows: int | None = None
    seconds: float | None = None
    sensitive: tuple[str, ...] = ()
    read: ReadOptions | None = None
    optional: tuple[str, ...] = ()
    positive: str | None = None
    left_out: dict[str, str] = {}
    averages: dict[str, str] = {}
    unseen: dict[str, int] = {}
    notes: tuple[str, ...] = ()
    unreadable: bool = False


class Answer(Struct, frozen=True, array_like=True, gc=False):
    """The answer to a command: the event's type, and the reason of a refusal.

    Stored as a JSON array, because there is one for every command.
    """

    stream: str
    sequence: int
    type: str
    time: str
    fingerprint: str = ""
    reason: str = ""
    detail: str = ""


class IndexEntry(Struct, frozen=True, gc=False):
    """An entry of an index: the id of the indexed row."""

    id: str


class EndedRow(Struct, frozen=True, gc=False):
    """The end of a session (committed or discarded), its time, and the runs that it stopped."""

    how: str
    time: str
    cancelled: tuple[str, ...] = ()


class ReaderRow(Struct, frozen=True, gc=False):
    """A user who may read a session besides its owner, since a time."""

    user: str
    since: str


class GrantRow(Struct, frozen=True, gc=False):
    """A user who may read or write a dataset besides its owner, since a time."""

    user: str
    may: May
    since: str


class UserRow(Struct, frozen=True):
    """A user. `updated` is the time of the newest event of the user's stream."""

    name: str
    role: str
    disabled: bool
    has_password: bool
    created: str
    updated: str


class TokenRow(Struct, frozen=True):
    """A token of a user, without its digest. Times are RFC 3339 in UTC."""

    id: str
    user: str
    name: str
    created: str
    expires: str | None
    revoked: str | None


class QuotaRow(Struct, frozen=True, gc=False):
    """A user's own limit of a quota (`schemas.quotas`)."""

    user: str
    name: str
    limit: int


RunRow = TrainingRow | EvaluationRow
