"""The tree of our errors, and every reason for which a command is refused.

AutoLearnError
├── SettingsError       a setting is unknown or has a bad value
├── MalformedRecord     the bytes of a record are not a message of ours
│   └── UnknownType     a record of a type or version that this program does not know
├── LogError            the log cannot be reached, or did not take an append
│   ├── TopicMismatch   a topic has another number of partitions than the settings
│   └── TooLarge        a record has more bytes than may be sent; nothing was
├── PositionError       a word is no position, or no position of this log
├── StoreError          a RocksDB folder cannot be opened or read
├── AlreadyRunning      another process holds the same folder or instance name
└── beside their code: PipelineInvalid, TemplateUnfit (schemas/pipelines), DatasetRefused,
    ArtifactError (artifacts), BrokerError, SignatureRefused,
    Unreadable (eventlog), BackupRefused, Damaged, NotEmpty, BackupFailed, ProofRefused,
    PastTooLarge (projections), InputError, ModelRefused, CatalogUnavailable, Refused (agents),
    CannotStart, DemoFailed, NoSession, NothingRecorded, NothingSo, Unsafe (client; Unsafe is a
    SettingsError), and those of client/sdk/errors.py, which has their tree

Each says what happened (`title`), why (`detail`) and what to do next (`advice`), and has the exit
code of a command that it ends (`exit_code`).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class ExitCode(IntEnum):
    """The exit codes of our commands."""

    DONE = 0
    NO = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    FAULT = 5
    INTERRUPTED = 130


class AutoLearnError(Exception):
    """The base of all errors of ours."""

    title = "AutoLearn failed"
    exit_code = ExitCode.FAULT

    def __init__(self, detail: str, *, advice: str = "", title: str | None = None) -> None:
        """Say why (`detail`) and what to do next (`advice`)."""
        super().__init__(detail)
        self.title = title or type(self).title
        self.detail = detail
        self.advice = advice

    def diagnostics(self) -> str:
        """Describe what happened, why, and what to do, in a few lines for people."""
        lines = [self.title, f"  {self.detail}"]
        if self.advice:
            lines.append(f"  {self.advice}")
        return "\n".join(lines)


class SettingsError(AutoLearnError):
    """A setting is unknown or has a bad value."""

    title = "A setting is not right"
    exit_code = ExitCode.USAGE


class MalformedRecord(AutoLearnError):
    """The bytes of a record are not a message of ours."""

    title = "A record cannot be decoded"


class UnknownType(MalformedRecord):
    """A record of a type or version that this program does not know."""

    title = "A record is of a type that this version does not know"


class LogError(AutoLearnError):
    """The log cannot be reached, or did not take an append."""

    title = "Kafka did not do what was asked"
    exit_code = ExitCode.UNREACHABLE


class TopicMismatch(LogError):
    """A topic has other partitions than the settings, or too small a record bound."""


class TooLarge(LogError):
    """A record has more bytes than may be sent. Nothing was sent; a retry cannot help."""

    title = "That is too large"


class PositionError(AutoLearnError):
    """A word is no position, or the position lies in another log or in the future."""

    title = "That is not a point in this log"


class StoreError(AutoLearnError):
    """A RocksDB folder cannot be opened or read."""

    title = "A RocksDB folder cannot be used"


class AlreadyRunning(AutoLearnError):
    """Another process holds the same folder or instance name."""

    title = "AutoLearn is running already"
    exit_code = ExitCode.REFUSED


class Reason(NamedTuple):
    """The HTTP status and short title of a refusal."""

    status: int
    title: str


REASONS: dict[str, Reason] = {
    "session-exists": Reason(409, "The session exists already"),
    "session-unknown": Reason(404, "There is no such session"),
    "session-committed": Reason(409, "The session is committed"),
    "session-discarded": Reason(409, "The session is discarded"),
    "session-expired": Reason(409, "The session is expired"),
    "session-deleted": Reason(409, "The experiment is deleted"),
    "session-open": Reason(409, "The session is open"),
    "session-expiring": Reason(409, "The session is expiring already"),
    "not-expiring": Reason(409, "The session is not expiring"),
    "not-yet": Reason(409, "It is too early"),
    "session-in-use": Reason(409, "The session was used since"),
    "unreadable": Reason(409, "The request is encrypted and cannot be read"),
    "run-exists": Reason(409, "The run exists already"),
    "forbidden": Reason(403, "You may not do that"),
    "too-many-readers": Reason(409, "It is shared with as many users and groups as it may be"),
    "too-many-attachments": Reason(409, "There are as many attached files as there may be"),
    "too-many-annotations": Reason(409, "There are as many annotations as there may be"),
    "too-many-labels": Reason(409, "The dataset has as many labels as it may"),
    "too-many-versions": Reason(409, "There are as many versions as there may be"),
    "too-many-runs": Reason(409, "The session has as many runs as it may"),
    "pipeline-unknown": Reason(404, "There is no such pipeline"),
    "pipeline-removed": Reason(410, "The pipeline was removed"),
    "run-unknown": Reason(404, "There is no such run"),
    "run-ended": Reason(409, "The run has ended"),
    "run-active": Reason(409, "A run is still going"),
    "result-unfit": Reason(422, "The result is not of the run's kind"),
    "attempt-taken": Reason(409, "Another worker holds the attempt"),
    "attempt-over": Reason(409, "The attempt is over"),
    "training-unknown": Reason(404, "There is no such training"),
    "training-incomplete": Reason(409, "The training has no artifact"),
    "nothing-to-commit": Reason(409, "There is nothing to commit"),
    "unchanged": Reason(409, "The catalog has it already"),
    "already-shared": Reason(409, "The user may do that already"),
    "not-shared": Reason(409, "It is not shared with that user or group"),
    "dataset-unknown": Reason(404, "There is no such dataset"),
    "dataset-deleted": Reason(410, "The dataset is deleted"),
    "dataset-reserved": Reason(409, "The name is reserved"),
    "dataset-taken": Reason(409, "The name is taken"),
    "dataset-changed": Reason(409, "The dataset has just been changed"),
    "expectations-unchanged": Reason(409, "That is expected already"),
    "user-exists": Reason(409, "The user exists already"),
    "user-unknown": Reason(404, "There is no such user"),
    "user-disabled": Reason(409, "The user is disabled"),
    "user-unchanged": Reason(409, "The user is so already"),
    "token-exists": Reason(409, "The token exists already"),
    "token-unknown": Reason(404, "There is no such token"),
    "group-exists": Reason(409, "The group exists already"),
    "group-unknown": Reason(404, "There is no such group"),
    "group-deleted": Reason(410, "The group is deleted"),
    "already-member": Reason(409, "The user is a member already"),
    "not-member": Reason(409, "The user is no member"),
    "owner-stays": Reason(409, "The owner of a group stays"),
    "too-many-members": Reason(409, "The group has as many members as it may"),
    "model-unknown": Reason(404, "There is no such model"),
    "model-deleted": Reason(410, "The model is deleted"),
    "version-unknown": Reason(404, "There is no such version"),
    "version-retired": Reason(409, "The version is retired"),
    "version-in-use": Reason(409, "The version is in use"),
    "already-registered": Reason(409, "The training is a version already"),
    "alias-unknown": Reason(404, "No version has that alias"),
    "alias-unchanged": Reason(409, "The version has that alias already"),
    "alias-by-promotion": Reason(409, "A promotion makes the champion"),
    "too-many-aliases": Reason(409, "The model has as many aliases as it may"),
    "too-many-requirements": Reason(422, "A promotion has too many requirements"),
    "evidence-of-others": Reason(409, "Another version was promoted meanwhile"),
    "other-rows": Reason(422, "The versions were measured on other rows"),
    "gate-closed": Reason(409, "The version does not meet what is required"),
    "nothing-before": Reason(409, "No version answered before"),
    "no-champion": Reason(409, "No version answers"),
    "alias-in-use": Reason(409, "The alias is in use"),
    "traffic-unchanged": Reason(409, "There is no traffic"),
    "traffic-unfit": Reason(422, "The traffic does not fit"),
    "traffic-changed": Reason(409, "The traffic was changed meanwhile"),
    "other-task": Reason(409, "The versions are of different tasks"),
    "guard-unfit": Reason(422, "The guard cannot be read"),
    "guard-holds": Reason(409, "The limit of the guard is not passed"),
    "shadow-unchanged": Reason(409, "The shadow is so already"),
    "case-unknown": Reason(404, "There is no such case"),
    "too-many-cases": Reason(409, "The model has as many cases as it may"),
    "recording-unchanged": Reason(409, "The recording is so already"),
    "shadow-answers": Reason(409, "The shadow is the champion"),
    "rate-unfit": Reason(422, "The rate does not fit"),
    "experiment-held": Reason(409, "A model needs the experiment"),
    "not-held": Reason(409, "No model needs the experiment"),
    "held-just-now": Reason(409, "A version is being registered"),
    "too-many-models": Reason(409, "The experiment is in as many models as it may"),
    "quota-unknown": Reason(422, "There is no such quota"),
    "quota-unchanged": Reason(409, "The quota is so already"),
    "quota-exceeded": Reason(409, "A quota is used up"),
    "wrong-stream": Reason(422, "The command does not fit its stream"),
    "command-quarantined": Reason(409, "The command was put in quarantine"),
    "too-large": Reason(413, "That is too large for the log"),
}
"""Every reason of a `Refused` event."""
