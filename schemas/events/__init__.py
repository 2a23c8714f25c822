"""Every event, by the stream that it is about."""

from __future__ import annotations

from autolearn.schemas.events.catalog import (
    DatasetDeleted,
    DatasetRegistered,
    DatasetShared,
    DatasetUnshared,
    EstimatorRegistered,
    MetricRegistered,
)
from autolearn.schemas.events.evaluations import EvaluationRequested
from autolearn.schemas.events.groups import GroupCreated, GroupDeleted, MemberAdded, MemberRemoved
from autolearn.schemas.events.log import CommandFailed, CommandQuarantined, Refused, TermStarted
from autolearn.schemas.events.models import (
    AliasSet,
    ModelDeleted,
    ModelShared,
    ModelUnshared,
    VersionPromoted,
    VersionRegistered,
    VersionRetired,
    VersionRolledBack,
)
from autolearn.schemas.events.predictions import PredictionRequested
from autolearn.schemas.events.runs import (
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunLost,
    RunRequested,
    RunStarted,
)
from autolearn.schemas.events.sessions import (
    ExperimentDeleted,
    ExperimentHeld,
    ExperimentReleased,
    SessionAnnotated,
    SessionCommitted,
    SessionDiscarded,
    SessionExpired,
    SessionExpiring,
    SessionKept,
    SessionOpened,
    SessionRenamed,
    SessionShared,
    SessionUnshared,
)
from autolearn.schemas.events.studies import StudyRequested
from autolearn.schemas.events.trainings import TrainingRequested
from autolearn.schemas.events.users import (
    PasswordSet,
    QuotaSet,
    RoleSet,
    TokenIssued,
    TokenRevoked,
    TokensRevoked,
    UserAdded,
    UserDisabled,
    UserEnabled,
)
from autolearn.schemas.messages import Event, type_of

__all__ = [
    "AliasSet",
    "CommandFailed",
    "CommandQuarantined",
    "DatasetDeleted",
    "DatasetRegistered",
    "DatasetShared",
    "DatasetUnshared",
    "EVENTS",
    "EVENTS_OF",
    "EstimatorRegistered",
    "EvaluationRequested",
    "ExperimentDeleted",
    "ExperimentHeld",
    "ExperimentReleased",
    "GroupCreated",
    "GroupDeleted",
    "MemberAdded",
    "MemberRemoved",
    "MetricRegistered",
    "ModelDeleted",
    "ModelShared",
    "ModelUnshared",
    "PasswordSet",
    "PredictionRequested",
    "QuotaSet",
    "Refused",
    "RoleSet",
    "RunCancelled",
    "RunCompleted",
    "RunFailed",
    "RunLost",
    "RunRequested",
    "RunStarted",
    "SessionAnnotated",
    "SessionCommitted",
    "SessionDiscarded",
    "SessionExpired",
    "SessionExpiring",
    "SessionKept",
    "SessionOpened",
    "SessionRenamed",
    "SessionShared",
    "SessionUnshared",
    "StudyRequested",
    "TermStarted",
    "TokenIssued",
    "TokenRevoked",
    "TokensRevoked",
    "TrainingRequested",
    "UserAdded",
    "UserDisabled",
    "UserEnabled",
    "VersionPromoted",
    "VersionRegistered",
    "VersionRetired",
    "VersionRolledBack",
]

EVENTS_OF: dict[str, tuple[type[Event], ...]] = {
    "": (TermStarted, Refused, CommandFailed, CommandQuarantined),
    "estimator": (EstimatorRegistered,),
    "metric": (MetricRegistered,),
    "dataset": (DatasetRegistered, DatasetShared, DatasetUnshared, DatasetDeleted),
    "session": (
        SessionOpened,
        SessionRenamed,
        SessionAnnotated,
        SessionCommitted,
        SessionDiscarded,
        SessionExpiring,
        SessionKept,
        SessionExpired,
        ExperimentHeld,
        ExperimentReleased,
        ExperimentDeleted,
        SessionShared,
        SessionUnshared,
        TrainingRequested,
        EvaluationRequested,
        PredictionRequested,
        StudyRequested,
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
    "group": (GroupCreated, GroupDeleted, MemberAdded, MemberRemoved),
    "model": (
        VersionRegistered,
        VersionRetired,
        AliasSet,
        VersionPromoted,
        VersionRolledBack,
        ModelShared,
        ModelUnshared,
        ModelDeleted,
    ),
}
"""The events of each kind of stream (`schemas.stream_kinds.KINDS`); "" has those of all."""

EVENTS: dict[str, type[Event]] = {
    type_of(event): event for events in EVENTS_OF.values() for event in events
}
"""Every event by its CloudEvents type. Types once shipped stay readable: see `upcasters`."""
