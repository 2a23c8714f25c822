"""Every event, by the stream that it is about."""

from autolearn.schemas.events.catalog import (
    DatasetDeleted,
    DatasetRegistered,
    DatasetShared,
    DatasetUnshared,
    EstimatorRegistered,
    MetricRegistered,
)
from autolearn.schemas.events.evaluations import EvaluationRequested
from autolearn.schemas.events.log import CommandFailed, CommandQuarantined, Refused, TermStarted
from autolearn.schemas.events.registry import EVENTS, EVENTS_OF
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
    SessionCommitted,
    SessionDiscarded,
    SessionExpired,
    SessionExpiring,
    SessionKept,
    SessionOpened,
    SessionShared,
    SessionUnshared,
)
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

__all__ = [
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
