"""Every command, by the stream that it changes."""

from autolearn.schemas.commands.catalog import (
    DeleteDataset,
    RegisterDataset,
    RegisterEstimator,
    RegisterMetric,
    ShareDataset,
    UnshareDataset,
)
from autolearn.schemas.commands.evaluations import RequestEvaluation
from autolearn.schemas.commands.registry import COMMANDS, COMMANDS_OF
from autolearn.schemas.commands.runs import (
    CancelRun,
    CompleteRun,
    FailRun,
    ReportRunLost,
    RequestRun,
    StartRun,
)
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

__all__ = [
    "AddUser",
    "COMMANDS",
    "COMMANDS_OF",
    "CancelRun",
    "CommitSession",
    "CompleteRun",
    "DeleteDataset",
    "DeleteExperiment",
    "DisableUser",
    "DiscardSession",
    "EnableUser",
    "ExpireSession",
    "FailRun",
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
