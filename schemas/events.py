"""Every event, by the stream that it belongs to."""

from __future__ import annotations

from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.messages import Event, type_of
from autolearn.schemas.read_options import ReadOptions
from autolearn.schemas.results import Result
from autolearn.schemas.values import DatasetRef, JsonValue, May, Preprocessing, Role, Split

__all__ = [
    "EVENTS",
    "EVENTS_OF",
    "CommandFailed",
    "CommandQuarantined",
    "DatasetDeleted",
    "DatasetRegistered",
    "DatasetShared",
    "DatasetUnshared",
    "EstimatorRegistered",
    "EvaluationRequested",
    "ExperimentDeleted",
    "MetricRegistered",
    "PasswordSet",
    "QuotaSet",
    "Refused",
    "RoleSet",
    "RunCancelled",
    "RunCompleted",
    "RunFailed",
    "RunLost",
    "RunRequested",
    "RunStarted",
    "SessionCommitted",
    "SessionDiscarded",
    "SessionExpired",
    "SessionExpiring",
    "SessionKept",
    "SessionOpened",
    "SessionShared",
    "SessionUnshared",
    "TermStarted",
    "TokenIssued",
    "TokenRevoked",
    "TokensRevoked",
    "TrainingRequested",
    "UserAdded",
    "UserDisabled",
    "UserEnabled",
]


# Of every stream


class TermStarted(Event, frozen=True):
    """A decider has claimed the partition. It answers no command and changes no stream.

    `process` names who claimed; the term itself is in the envelope.
    """

    process: str


class Refused(Event, frozen=True):
    """The command breaks a rule. `reason` is a code of `schemas.errors.REASONS`."""

    reason: str
    detail: str


class CommandFailed(Event, frozen=True):
    """The decider itself raised: a fault of ours, not of the command's sender."""

    detail: str


class CommandQuarantined(Event, frozen=True):
    """An operator has answered a command on which no decider came further; it changed nothing.

    `reason` is the operator's, who is the actor. Of what is no command at all the stream is the one
    that its Kafka key names, else that of its partition.
    """

    reason: str


# estimator/<name>, metric/<name>, dataset/<name>


class EstimatorRegistered(Event, frozen=True):
    """An estimator is on offer as `spec` says, from now on."""

    spec: EstimatorSpec


class MetricRegistered(Event, frozen=True):
    """A metric is on offer as `spec` says, from now on."""

    spec: MetricSpec


class DatasetRegistered(Event, frozen=True, omit_defaults=True):
    """A dataset has a newest version, `spec`. Its first version says whose it is.

    `marks`: it has other sensitive columns than the version before.
    """

    spec: DatasetSpec
    everybody: bool = False
    marks: bool = False


class DatasetShared(Event, frozen=True):
    """`user` may use the dataset, or change it as well."""

    user: str
    may: May


class DatasetDeleted(Event, frozen=True):
    """Nothing of the dataset is kept any more."""


class DatasetUnshared(Event, frozen=True):
    """`user` may use the dataset no longer."""

    user: str


# session/<id>


class SessionOpened(Event, frozen=True, omit_defaults=True):
    """A session is open. The fields are those of `commands.OpenSession`."""

    title: str
    expires: int = 0


class SessionCommitted(Event, frozen=True):
    """The session is an experiment that keeps `trainings`; the runs in `cancelled` were stopped."""

    trainings: tuple[str, ...]
    cancelled: tuple[str, ...] = ()


class SessionDiscarded(Event, frozen=True):
    """Nothing of the session is kept; the runs in `cancelled` were stopped."""

    cancelled: tuple[str, ...] = ()


class SessionExpiring(Event, frozen=True):
    """The session is not used, and expires at `until` (RFC 3339) or later unless it is used."""

    until: str


class SessionKept(Event, frozen=True):
    """The session was expiring, and is wanted."""


class SessionExpired(Event, frozen=True):
    """The session was not used any more, and nothing of it is kept."""


class ExperimentDeleted(Event, frozen=True):
    """Nothing of the experiment is kept any more."""


class SessionShared(Event, frozen=True):
    """`user` may read the session."""

    user: str


class SessionUnshared(Event, frozen=True):
    """`user` may read the session no longer."""

    user: str


# user/<name>


class UserAdded(Event, frozen=True):
    """There is a new user. The fields are those of `commands.AddUser`."""

    role: Role
    password: str


class RoleSet(Event, frozen=True):
    """The user has another role."""

    role: Role


class PasswordSet(Event, frozen=True, omit_defaults=True):
    """The user has another password, of which this is the verifier, and no token but `keep`."""

    password: str
    keep: str = ""


class UserDisabled(Event, frozen=True):
    """The user is let in no longer, and has no token any more."""


class UserEnabled(Event, frozen=True):
    """The user is let in again."""


class TokenIssued(Event, frozen=True, omit_defaults=True):
    """A new token lets the user in. The fields are those of `commands.IssueToken`.

    `dropped` are tokens that were revoked or have expired, and are not listed any more.
    """

    token: str
    name: str
    digest: str
    expires: str | None
    dropped: tuple[str, ...] = ()


class TokenRevoked(Event, frozen=True):
    """A token lets nobody in any more."""

    token: str


class QuotaSet(Event, frozen=True):
    """The user has another limit of a quota. The fields are those of `commands.SetQuota`."""

    name: str
    limit: int | None


class TokensRevoked(Event, frozen=True, omit_defaults=True):
    """Of the user's tokens only `keep` lets in any more."""

    keep: str = ""


# Runs inside a session: the same events for every kind of work, but for the request and the result


class RunRequested(Event, frozen=True):
    """One run of work was accepted; its first attempt is open. Limits as in `RequestRun`."""

    run: str
    time_limit: float
    memory_limit: int
    max_attempts: int


class TrainingRequested(RunRequested, frozen=True, omit_defaults=True, kw_only=True):
    """A training was accepted. The fields are those of `commands.RequestTraining`."""

    estimator: str
    task: str
    library_version: str
    dataset: DatasetRef
    target: str | None
    schema_hash: str
    hyperparameters: dict[str, JsonValue]
    split: Split
    preprocessing: Preprocessing
    seed: int
    sensitive: tuple[str, ...] = ()
    read: ReadOptions | None = None


class EvaluationRequested(RunRequested, frozen=True, omit_defaults=True, kw_only=True):
    """An evaluation was accepted. `artifact` is the folder of what the training made."""

    training: str
    artifact: str
    metrics: tuple[str, ...]
    dataset: DatasetRef
    held_out: bool
    sensitive: tuple[str, ...] = ()
    read: ReadOptions | None = None
    optional: tuple[str, ...] = ()
    positive: str | None = None


class RunStarted(Event, frozen=True):
    """A worker holds the attempt."""

    run: str
    attempt: int
    worker: str


class RunCompleted(Event, frozen=True):
    """The run has its result."""

    run: str
    attempt: int
    worker: str
    result: Result


class RunFailed(Event, frozen=True):
    """The run ended without a result."""

    run: str
    attempt: int
    worker: str
    reason: str
    detail: str


class RunCancelled(Event, frozen=True):
    """The run was stopped."""

    run: str


class RunLost(Event, frozen=True):
    """The worker of the attempt before `attempt` is gone, and `attempt` is open."""

    run: str
    attempt: int
    worker: str


EVENTS_OF: dict[str, tuple[type[Event], ...]] = {
    "": (TermStarted, Refused, CommandFailed, CommandQuarantined),
    "estimator": (EstimatorRegistered,),
    "metric": (MetricRegistered,),
    "dataset": (DatasetRegistered, DatasetShared, DatasetUnshared, DatasetDeleted),
    "session": (
        SessionOpened,
        SessionCommitted,
        SessionDiscarded,
        SessionExpiring,
        SessionKept,
        SessionExpired,
        ExperimentDeleted,
        SessionShared,
        SessionUnshared,
        TrainingRequested,
        EvaluationRequested,
        RunStarted,
        RunCompleted,
        RunFailed,
        RunCancelled,
        RunLost,
    ),
    "user": (
        UserAdded,
        RoleSet,
        PasswordSet,
        UserDisabled,
        UserEnabled,
        TokenIssued,
        TokenRevoked,
        TokensRevoked,
        QuotaSet,
    ),
}
"""The events of each kind of stream (`schemas.streams.KINDS`); "" has those of all."""

EVENTS: dict[str, type[Event]] = {
    type_of(event): event for events in EVENTS_OF.values() for event in events
}
"""Every event by its CloudEvents type. Types once shipped stay readable: see `upcasters`."""
