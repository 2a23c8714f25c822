"""Every event, by the stream that it belongs to."""

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
from autolearn.schemas.events.log import CommandFailed, CommandQuarantined, Refused, TermStarted
from autolearn.schemas.events.runs import RunCancelled, RunCompleted, RunFailed, RunLost, RunStarted
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
from autolearn.schemas.messages import Event, type_of

__all__ = ["EVENTS", "EVENTS_OF"]


# Of every stream


# estimator/<name>, metric/<name>, dataset/<name>


# session/<id>


# user/<name>


# Runs inside a session: the same events for every kind of work, but for the request and the result


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
"""The events of each kind of stream (`schemas.stream_kinds.KINDS`); "" has those of all."""

EVENTS: dict[str, type[Event]] = {
    type_of(event): event for events in EVENTS_OF.values() for event in events
}
"""Every event by its CloudEvents type. Types once shipped stay readable: see `upcasters`."""
