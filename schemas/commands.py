"""Every command, by the stream that it changes."""

from __future__ import annotations

from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.messages import Command, type_of
from autolearn.schemas.read_options import ReadOptions
from autolearn.schemas.results import Result
from autolearn.schemas.values import DatasetRef, JsonValue, May, Preprocessing, Role, Split

__all__ = [
    "COMMANDS",
    "COMMANDS_OF",
    "AddUser",
    "CancelRun",
    "CommitSession",
    "CompleteRun",
    "DeleteDataset",
    "DisableUser",
    "DiscardSession",
    "EnableUser",
    "FailRun",
    "ExpireSession",
    "IssueToken",
    "KeepSession",
    "OpenSession",
    "ProposeExpiry",
    "RegisterDataset",
    "RegisterEstimator",
    "RegisterMetric",
    "ReportRunLost",
    "RequestEvaluation",
    "RequestRun",
    "RequestTraining",
    "RevokeToken",
    "RevokeTokens",
    "SetPassword",
    "SetQuota",
    "SetRole",
    "ShareDataset",
    "ShareSession",
    "StartRun",
    "UnshareDataset",
    "UnshareSession",
]


# estimator/<name>, metric/<name>, dataset/<name>


class RegisterEstimator(Command, frozen=True):
    """Offer an estimator, or a new version of it, in the catalog."""

    spec: EstimatorSpec


class RegisterMetric(Command, frozen=True):
    """Offer a metric, or a new version of it, in the catalog."""

    spec: MetricSpec


class RegisterDataset(Command, frozen=True, omit_defaults=True):
    """Offer a dataset whose bytes are in the artifact store, or a new version of it.

    A new name is its sender's; with `everybody` whoever there is may use and change it. `marks`: it
    has other sensitive columns than the newest version; `unmarks`: some are so no longer, which its
    owner alone may say. `after` is how often they had changed for the sender: it is refused if they
    have changed since.
    """

    spec: DatasetSpec
    everybody: bool = False
    marks: bool = False
    unmarks: bool = False
    after: int = 0


class ShareDataset(Command, frozen=True):
    """Let another user use a dataset, or change it as well."""

    user: str
    may: May = "read"


class DeleteDataset(Command, frozen=True):
    """Delete a dataset: nothing of it can be read any more, and its name is not given again."""


class UnshareDataset(Command, frozen=True):
    """Let a user use a dataset no longer."""

    user: str


# session/<id>


class OpenSession(Command, frozen=True, omit_defaults=True):
    """Open a session: a draft in which trainings and evaluations are made.

    It expires when it is not used for `expires` seconds; 0: never.
    """

    title: str = ""
    expires: int = 0


class CommitSession(Command, frozen=True):
    """Keep a session as an experiment: all its completed trainings, or only those named."""

    trainings: tuple[str, ...] | None = None


class DiscardSession(Command, frozen=True):
    """End a session and keep nothing of it."""


class ProposeExpiry(Command, frozen=True):
    """Say that a session is not used and expires, not before `until` (RFC 3339 in UTC).

    It is refused if the session has not `runs` runs, all of which have ended: then it is in use.
    """

    runs: int
    until: str


class ExpireSession(Command, frozen=True):
    """End a session that is expiring, and keep nothing of it, at a `time` (RFC 3339 in UTC).

    It is refused before the time that was said, and as a proposal is if the session is in use.
    """

    runs: int
    time: str = ""


class KeepSession(Command, frozen=True):
    """Say that a session that is expiring is wanted: it is as if it had been used."""


class DeleteExperiment(Command, frozen=True):
    """Delete an experiment: nothing of it can be read any more."""


class ShareSession(Command, frozen=True):
    """Let another user read a session, and the experiment that it becomes."""

    user: str


class UnshareSession(Command, frozen=True):
    """Let a user read a session no longer."""

    user: str


# user/<name>. Neither a password nor the secret of a token is ever in a command: what is here
# cannot be used to get in.


class AddUser(Command, frozen=True):
    """Know a new user. `role` is user or sysadmin.

    `password` is an argon2id verifier in PHC string format, "" for a user without a password.
    """

    role: Role
    password: str = ""


class SetRole(Command, frozen=True):
    """Give a user another role."""

    role: Role


class SetPassword(Command, frozen=True, omit_defaults=True):
    """Give a user another password: its verifier, as in AddUser.

    All tokens are revoked but `keep`, the id of the one by which it is asked for.
    """

    password: str
    keep: str = ""


class DisableUser(Command, frozen=True):
    """Let a user in no longer; all tokens are revoked."""


class EnableUser(Command, frozen=True):
    """Let a user in again."""


class IssueToken(Command, frozen=True):
    """Let a user in with a new token.

    `digest` is the SHA-256 (hex) of its secret, 32 random bytes; `expires` is RFC 3339 in UTC,
    None for never; `name` is for people.
    """

    token: str
    name: str
    digest: str
    expires: str | None = None


class RevokeToken(Command, frozen=True):
    """Let nobody in with a token any more."""

    token: str


class SetQuota(Command, frozen=True):
    """Set a user's own limit of a quota (`schemas.quotas`); None: the default holds again.

    The user need not have been added: an OpenID provider may know more users than this system.
    """

    name: str
    limit: int | None


class RevokeTokens(Command, frozen=True, omit_defaults=True):
    """Let nobody in with any token of the user any more, but for the one with the id `keep`."""

    keep: str = ""


# Runs inside a session. The protocol is the same for every kind of work:
# request -> start (a worker's claim of one attempt) -> complete | fail | cancel, or lost -> retry.
# A kind of work has a request of its own, and a result (`schemas.results`).


class RequestRun(Command, frozen=True):
    """Ask for one run of work; `run` is its id, new in the session.

    `time_limit` is in seconds, `memory_limit` in MiB of resident memory; `max_attempts` bounds how
    often the run is started when workers are lost.
    """

    run: str
    time_limit: float
    memory_limit: int
    max_attempts: int = 3


class RequestTraining(RequestRun, frozen=True, omit_defaults=True, kw_only=True):
    """Ask for one training of an estimator in an open session.

    `seed` (0 to 2^32-1) fixes every random choice of the split and the fit. Of `sensitive` columns
    no value is told. `read` says how the dataset is read (None: by the rules of before that was
    kept).
    """

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


class RequestEvaluation(RequestRun, frozen=True, omit_defaults=True, kw_only=True):
    """Ask for metrics of the artifact of a completed training of the same session.

    `held_out` says whether `dataset` is the training's own, of which the held-out rows are used;
    otherwise all rows of `dataset` are. Of `sensitive` columns no value is told. `read`
    says how the dataset is read (None: by the rules of before that was kept). Those of `metrics`
    that are `optional` are left out if they cannot be computed; without the others it fails. Those
    that can be of one class are of the class `positive`, if one is named.
    """

    training: str
    metrics: tuple[str, ...]
    dataset: DatasetRef
    held_out: bool
    sensitive: tuple[str, ...] = ()
    read: ReadOptions | None = None
    optional: tuple[str, ...] = ()
    positive: str | None = None


class StartRun(Command, frozen=True):
    """A worker claims an attempt of a run. The first claim is accepted, others are refused."""

    run: str
    attempt: int
    worker: str


class CompleteRun(Command, frozen=True):
    """The worker that holds the attempt has a result, of the kind of work that the run is."""

    run: str
    attempt: int
    worker: str
    result: Result


class FailRun(Command, frozen=True):
    """The worker that holds the attempt cannot give a result.

    `reason` is a code (raised, memory, time, crashed, input), `detail` is for people.
    """

    run: str
    attempt: int
    worker: str
    reason: str
    detail: str = ""


class CancelRun(Command, frozen=True):
    """Stop a run that has not ended."""

    run: str


class ReportRunLost(Command, frozen=True):
    """The worker that held the attempt is gone; the run may be tried again elsewhere."""

    run: str
    attempt: int
    worker: str


COMMANDS_OF: dict[str, tuple[type[Command], ...]] = {
    "estimator": (RegisterEstimator,),
    "metric": (RegisterMetric,),
    "dataset": (RegisterDataset, ShareDataset, UnshareDataset, DeleteDataset),
    "session": (
        OpenSession,
        CommitSession,
        DiscardSession,
        ProposeExpiry,
        ExpireSession,
        KeepSession,
        DeleteExperiment,
        ShareSession,
        UnshareSession,
        RequestTraining,
        RequestEvaluation,
        StartRun,
        CompleteRun,
        FailRun,
        CancelRun,
        ReportRunLost,
    ),
    "user": (
        AddUser,
        SetRole,
        SetPassword,
        DisableUser,
        EnableUser,
        IssueToken,
        RevokeToken,
        RevokeTokens,
        SetQuota,
    ),
}
"""The commands to each kind of stream (`schemas.streams.KINDS`)."""

COMMANDS: dict[str, type[Command]] = {
    type_of(command): command for commands in COMMANDS_OF.values() for command in commands
}
"""Every command by its CloudEvents type."""
