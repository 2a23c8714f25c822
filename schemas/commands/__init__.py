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
from autolearn.schemas.commands.groups import AddMember, CreateGroup, DeleteGroup, RemoveMember
from autolearn.schemas.commands.models import (
    DeleteModel,
    Promote,
    RegisterVersion,
    RetireVersion,
    RollBack,
    SetAlias,
    ShareModel,
    UnshareModel,
)
from autolearn.schemas.commands.predictions import RequestPrediction
from autolearn.schemas.commands.runs import (
    CancelRun,
    CompleteRun,
    FailRun,
    ReportRunLost,
    RequestRun,
    StartRun,
)
from autolearn.schemas.commands.sessions import (
    AnnotateSession,
    CommitSession,
    DeleteExperiment,
    DiscardSession,
    ExpireSession,
    HoldExperiment,
    KeepSession,
    OpenSession,
    ProposeExpiry,
    ReleaseExperiment,
    RenameSession,
    ShareSession,
    UnshareSession,
)
from autolearn.schemas.commands.studies import RequestStudy
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

__all__ = [
    "AddMember",
    "AddUser",
    "AnnotateSession",
    "COMMANDS",
    "COMMANDS_OF",
    "CancelRun",
    "CommitSession",
    "CompleteRun",
    "CreateGroup",
    "DeleteDataset",
    "DeleteExperiment",
    "DeleteGroup",
    "DeleteModel",
    "DisableUser",
    "DiscardSession",
    "EnableUser",
    "ExpireSession",
    "FailRun",
    "HoldExperiment",
    "IssueToken",
    "KeepSession",
    "OpenSession",
    "Promote",
    "ProposeExpiry",
    "RegisterDataset",
    "RegisterEstimator",
    "RegisterMetric",
    "RegisterVersion",
    "ReleaseExperiment",
    "RemoveMember",
    "RenameSession",
    "ReportRunLost",
    "RequestEvaluation",
    "RequestPrediction",
    "RequestRun",
    "RequestStudy",
    "RequestTraining",
    "RetireVersion",
    "RevokeToken",
    "RevokeTokens",
    "RollBack",
    "SetAlias",
    "SetPassword",
    "SetQuota",
    "SetRole",
    "ShareDataset",
    "ShareModel",
    "ShareSession",
    "StartRun",
    "UnshareDataset",
    "UnshareModel",
    "UnshareSession",
]

COMMANDS_OF: dict[str, tuple[type[Command], ...]] = {
    "estimator": (RegisterEstimator,),
    "metric": (RegisterMetric,),
    "dataset": (RegisterDataset, ShareDataset, UnshareDataset, DeleteDataset),
    "session": (
        OpenSession,
        RenameSession,
        AnnotateSession,
        CommitSession,
        DiscardSession,
        ProposeExpiry,
        ExpireSession,
        KeepSession,
        HoldExperiment,
        ReleaseExperiment,
        DeleteExperiment,
        ShareSession,
        UnshareSession,
        RequestTraining,
        RequestEvaluation,
        RequestPrediction,
        RequestStudy,
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
    "group": (AddMember, CreateGroup, DeleteGroup, RemoveMember),
    "model": (
        RegisterVersion,
        RetireVersion,
        SetAlias,
        Promote,
        RollBack,
        ShareModel,
        UnshareModel,
        DeleteModel,
    ),
}
"""The commands to each kind of stream (`schemas.stream_kinds.KINDS`)."""

COMMANDS: dict[str, type[Command]] = {
    type_of(command): command for commands in COMMANDS_OF.values() for command in commands
}
"""Every command by its CloudEvents type."""
