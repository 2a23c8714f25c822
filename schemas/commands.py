"""Every command, by the stream that it changes."""

from __future__ import annotations

from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.messages import Command, type_of
from autolearn.schemas.read_options import ReadOptions
from autolearn.schemas.values import (
    DatasetRef,
    JsonValue,
    May,
    Preprocessing,
    Role,
    Split,
    TrainedModel,
)

__all__ = [
    "COMMANDS",
    "AddUser",
    "CancelEvaluation",
    "CancelRun",
    "CancelTraining",
    "CommitSession",
    "CompleteEvaluation",
    "CompleteRun",
    "CompleteTraining",
    "DeleteDataset",
    "DisableUser",
    "DiscardSession",
    "EnableUser",
    "FailEvaluation",
    "FailRun",
    "FailTraining",
    "ExpireSession",
    "IssueToken",
    "KeepSession",
    "OpenSession",
    "ProposeExpiry",
    "RegisterDataset",
    "RegisterEstimator",
    "RegisterMetric",
    "ReportEvaluationLost",
    "ReportRunLost",
    "ReportTrainingLost",
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
    "StartEvaluation",
    "StartRun",
    "StartTraining",
    "UnshareDataset",
    "UnshareSession",
]


# estimator/<name>, metric/<name>, dataset/<name>


class RegisterEstimator(Command, frozen=True):
    """Offer a model, or a new version of it, in the catalog."""

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


class RequestRun(Command, frozen=True):
    """Ask for one run of work; `run` is its id, new in the session."""

    run: str


class StartRun(Command, frozen=True):
    """A worker claims an attempt of a run. The first claim is accepted, others are refused."""

    run: str
    attempt: int
    worker: str


class CompleteRun(Command, frozen=True):
    """The worker that holds the attempt has a result."""

    run: str
    attempt: int
    worker: str


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


class RequestTraining(RequestRun, frozen=True, omit_defaults=True):
    """Ask for one training in an open session.

    `seed` (0 to 2^32-1) fixes every random choice of the split and the fit. `time_limit` is in
    seconds, `memory_limit` in MiB of resident memory; `max_attempts` bounds how often the run is
    started when workers are lost. Of `sensitive` columns no value is told. `read` says how the
    dataset is read (None: by the rules of before that was kept).
    """

    model: str
    task: str
    library_version: str
    dataset: DatasetRef
    target: str | None
    schema_hash: str
    hyperparameters: dict[str, JsonValue]
    split: Split
    preprocessing: Preprocessing
    seed: int
    time_limit: float
    memory_limit: int
    max_attempts: int = 3
    sensitive: tuple[str, ...] = ()
    read: ReadOptions | None = None


class StartTraining(StartRun, frozen=True):
    """Claim an attempt of a training."""


class CompleteTraining(CompleteRun, frozen=True):
    """A trained model is in the artifact store.

    `parameters` are the learned parameters (JSON, shortened where large), `environment` the
    library versions, BLAS, threads and processor that made it; times are in seconds: `fit_seconds`
    of the bare fit, `seconds` of the whole attempt in the worker.
    """

    model: TrainedModel
    parameters: dict[str, JsonValue]
    environment: dict[str, JsonValue]
    rows_train: int
    rows_test: int
    fit_seconds: float
    seconds: float


class FailTraining(FailRun, frozen=True):
    """A training cannot give a model."""


class CancelTraining(CancelRun, frozen=True):
    """Stop a training that has not ended."""


class ReportTrainingLost(ReportRunLost, frozen=True):
    """The worker of a training is gone."""


class RequestEvaluation(RequestRun, frozen=True, omit_defaults=True):
    """Ask for metrics of a completed training of the same session.

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
    time_limit: float
    memory_limit: int
    max_attempts: int = 3
    sensitive: tuple[str, ...] = ()
    read: ReadOptions | None = None
    optional: tuple[str, ...] = ()
    positive: str | None = None


class StartEvaluation(StartRun, frozen=True):
    """Claim an attempt of an evaluation."""


class CompleteEvaluation(CompleteRun, frozen=True, omit_defaults=True):
    """Metrics are there: each a number, or a dict with `labels` and `matrix` (confusion matrix).

    Of those that were `left_out` it says why, and of what `averages` are over.
    `unseen` says of columns of another dataset how many rows have a class or category that the
    model does not know; `notes` say which values were taken for which.
    """

    metrics: dict[str, JsonValue]
    environment: dict[str, JsonValue]
    rows: int
    seconds: float
    left_out: dict[str, str] = {}
    averages: dict[str, str] = {}
    unseen: dict[str, int] = {}
    notes: tuple[str, ...] = ()


class FailEvaluation(FailRun, frozen=True):
    """An evaluation cannot give metrics."""


class CancelEvaluation(CancelRun, frozen=True):
    """Stop an evaluation that has not ended."""


class ReportEvaluationLost(ReportRunLost, frozen=True):
    """The worker of an evaluation is gone."""


COMMANDS: dict[str, type[Command]] = {
    type_of(command): command
    for command in (
        RegisterEstimator,
        RegisterMetric,
        RegisterDataset,
        ShareDataset,
        UnshareDataset,
        DeleteDataset,
        OpenSession,
        CommitSession,
        DiscardSession,
        ProposeExpiry,
        ExpireSession,
        KeepSession,
        DeleteExperiment,
        ShareSession,
        UnshareSession,
        AddUser,
        SetRole,
        SetPassword,
        DisableUser,
        EnableUser,
        IssueToken,
        RevokeToken,
        RevokeTokens,
        SetQuota,
        RequestTraining,
        StartTraining,
        CompleteTraining,
        FailTraining,
        CancelTraining,
        ReportTrainingLost,
        RequestEvaluation,
        StartEvaluation,
        CompleteEvaluation,
        FailEvaluation,
        CancelEvaluation,
        ReportEvaluationLost,
    )
}
"""Every command by its CloudEvents type."""
