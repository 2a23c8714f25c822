"""Every command, by the stream that it changes."""

from __future__ import annotations

from autolearn.schemas.commands.catalog import (
    DeleteDataset,
    RegisterDataset,
    RegisterEstimator,
    RegisterMetric,
    ShareDataset,
    UnshareDataset,
)
from autolearn.schemas.commands.evaluations import RequestEvaluation
from autolearn.schemas.commands.runs import CancelRun, CompleteRun, FailRun, ReportRunLost, StartRun
from autolearn.schemas.commands.sessions import (
    CommitSession,
    DeleteExperiment,
    DiscardSession,
    ExpireSession,
    KeepSession,
    OpenSession,
    ProposeExpiry,
    ShareSession,
    UnshareSession,
)
from autolearn.schemas.commands.trainings import RequestTraining
from autolearn.schemas.commands.users import (
    AddUser,
    DisableUser,
    EnableUser,
    IssueToken,
    RevokeToken,
    RevokeTokens,
    SetPassword,
    SetQuota,
    SetRole,
)
from autolearn.schemas.messages import Command, type_of

__all__ = ["COMMANDS", "COMMANDS_OF"]


# estimator/<name>, metric/<name>, dataset/<name>


# session/<id>


# user/<name>. No command holds a password or the secret of a token: nobody can authenticate
# with what is on the log.


# Runs inside a session. The protocol is the same for every kind of work:
# request -> start (a worker's claim of one attempt) -> complete | fail | cancel, or lost -> retry.
# A kind of work has a request of its own, and a result (`schemas.results`).


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
"""The commands to each kind of stream (`schemas.stream_kinds.KINDS`)."""

COMMANDS: dict[str, type[Command]] = {
    type_of(command): command for commands in COMMANDS_OF.values() for command in commands
}
"""Every command by its CloudEvents type."""
