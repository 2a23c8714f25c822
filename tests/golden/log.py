"""A log with every golden event ever shipped, in an order that rules allow."""

from __future__ import annotations

from msgspec.structs import replace

from autolearn.schemas.codec import EventRecord, decode_event
from tests.golden import FOLDERS

A, B, C, D, E = (f"session/{number * 8}-0000-4000-8000-000000000000" for number in "abcde")

STORY = [
    ("partition/0", "TermStarted.v1", ""),
    ("estimator/decision-tree", "EstimatorRegistered.v1", ""),
    ("metric/f1", "MetricRegistered.v1", ""),
    ("dataset/iris", "DatasetRegistered.v1", ""),
    (A, "SessionOpened.v1", ""),
    (A, "TrainingRequested.v1", "t1"),
    (A, "RunStarted.v1", "t1"),
    (A, "RunLost.v1", "t1"),
    (A, "RunStarted.v1", "t1"),
    (A, "RunCompleted.v1", "t1"),
    (A, "EvaluationRequested.v1", "e1"),
    (A, "RunStarted.v1", "e1"),
    (A, "RunLost.v1", "e1"),
    (A, "RunStarted.v1", "e1"),
    (A, "RunCompleted.v1-evaluation", "e1"),
    (A, "EvaluationRequested.v1", "e2"),
    (A, "RunCompleted.v1-evaluation", "e2"),
    (A, "TrainingRequested.v1", "t2"),
    (A, "RunCompleted.v1", "t2"),
    (A, "TrainingRequested.v1", "t4"),
    (A, "RunFailed.v1", "t4"),
    (A, "TrainingRequested.v1", "t3"),
    (A, "RunCancelled.v1", "t3"),
    (A, "EvaluationRequested.v1", "e3"),
    (A, "RunFailed.v1", "e3"),
    (A, "EvaluationRequested.v1", "e4"),
    (A, "RunCancelled.v1", "e4"),
    (A, "Refused.v1", ""),
    (A, "CommandFailed.v1", ""),
    (A, "SessionCommitted.v1", ""),
    (B, "SessionOpened.v1", ""),
    (B, "TrainingRequested.v1", "t1"),
    (B, "SessionDiscarded.v1", ""),
    (C, "SessionOpened.v1", ""),
    (C, "TrainingRequested.v1", "t1"),
    (C, "RunStarted.v1", "t1"),
    (A, "SessionShared.v1", ""),
    (C, "SessionShared.v1", ""),
    (C, "SessionUnshared.v1", ""),
    ("user/ada", "UserAdded.v1", ""),
    ("user/ada", "RoleSet.v1", ""),
    ("user/ada", "PasswordSet.v1", ""),
    ("user/ada", "TokenIssued.v1", ""),
    ("user/ada", "TokenRevoked.v1", ""),
    ("user/ada", "TokensRevoked.v1", ""),
    ("user/ada", "UserDisabled.v1", ""),
    ("user/ada", "UserEnabled.v1", ""),
    ("user/ada", "QuotaSet.v1", ""),
    ("user/ada", "CommandQuarantined.v1", ""),
    (D, "SessionOpened.v1", ""),
    (D, "TrainingRequested.v1", "t1"),
    (D, "RunCompleted.v1", "t1"),
    (D, "SessionCommitted.v1", ""),
    (D, "ExperimentDeleted.v1", ""),
    (E, "SessionOpened.v1", ""),
    (E, "SessionExpiring.v1", ""),
    (E, "SessionKept.v1", ""),
    (E, "SessionExpiring.v1", ""),
    (E, "SessionExpired.v1", ""),
    ("dataset/iris", "DatasetShared.v1", ""),
    ("dataset/iris", "DatasetUnshared.v1", ""),
    ("dataset/iris", "DatasetDeleted.v1", ""),
    # New events come at the end, since a checkpoint attests those before them.
    (A, "SessionRenamed.v1", ""),
    (A, "PredictionRequested.v1", "p1"),
    (A, "RunStarted.v1", "p1"),
    (A, "RunCompleted.v1-prediction", "p1"),
    (A, "SessionAnnotated.v1", "t1"),
    ("group/churn", "GroupCreated.v1", ""),
    ("group/churn", "MemberAdded.v1", ""),
    ("group/old", "GroupCreated.v1", ""),
    ("group/old", "MemberAdded.v1", ""),
    ("group/old", "MemberRemoved.v1", ""),
    ("group/old", "GroupDeleted.v1", ""),
    (C, "StudyRequested.v1", "s1"),
    (C, "RunStarted.v1", "s1"),
    (C, "RunCompleted.v1-study", "s1"),
    (A, "ExperimentHeld.v1", ""),
    ("model/flowers", "VersionRegistered.v1", ""),
    ("model/flowers", "AliasSet.v1", ""),
    ("model/flowers", "ModelShared.v1", ""),
    ("model/old", "VersionRegistered.v1", ""),
    ("model/old", "VersionPromoted.v1", ""),
    ("model/old", "VersionRolledBack.v1", ""),
    ("model/old", "ModelShared.v1", ""),
    ("model/old", "ModelUnshared.v1", ""),
    ("model/old", "VersionRetired.v1", ""),
    ("model/old", "ModelDeleted.v1", ""),
    (A, "ExperimentReleased.v1", ""),
    ("model/flowers", "TrafficSet.v1", ""),
    ("model/flowers", "ShadowSet.v1", ""),
    ("model/flowers", "TrafficRolledBack.v1", ""),
    ("model/flowers", "RecordingSet.v1", ""),
    ("model/flowers", "CaseAdded.v1", ""),
    ("model/old-cases", "VersionRegistered.v1", ""),
    ("model/old-cases", "CaseAdded.v1", ""),
    ("model/old-cases", "CaseRemoved.v1", ""),
    ("dataset/birds", "RowsLabelled.v1", ""),
    ("dataset/birds", "DatasetExpected.v1", ""),
    ("model/flowers", "PredictionsErased.v1", ""),
    (C, "TrainingImported.v1", "t2"),
    ("pipeline/flowers", "PipelineApplied.v1", ""),
    ("pipeline/flowers", "PipelineShared.v1", ""),
    ("pipeline/flowers", "QuotaSet.v1", ""),
    ("pipeline/flowers", "PipelineRequested.v1", "r2"),
    ("pipeline/flowers", "StepRequested.v1", "k2"),
    ("pipeline/flowers", "RunCancelled.v1", "k2"),
    ("pipeline/flowers", "RunCancelled.v1", "r2"),
    ("pipeline/flowers", "PipelineRequested.v1", "r1"),
    ("pipeline/flowers", "RunStarted.v1", "r1"),
    ("pipeline/flowers", "StepRequested.v1", "k1"),
    ("pipeline/flowers", "RunStarted.v1", "k1"),
    ("pipeline/flowers", "RunCompleted.v1-step", "k1"),
    ("pipeline/flowers", "StepRecorded.v1", "r1"),
    ("pipeline/flowers", "RunCompleted.v1-pipeline", "r1"),
    ("pipeline/flowers", "RunsForgotten.v1", ""),
    ("pipeline/old", "PipelineApplied.v1", ""),
    ("pipeline/old", "PipelineShared.v1", ""),
    ("pipeline/old", "QuotaSet.v1", ""),
    ("pipeline/old", "PipelineUnshared.v1", ""),
    ("pipeline/old", "PipelineRequested.v1", "r1"),
    ("pipeline/old", "StepRequested.v1", "k1"),
    ("pipeline/old", "PipelineRemoved.v1", ""),
    ("step/select", "StepRegistered.v1", ""),
]
"""Stream, golden file, and the run that its data are made to name."""


def golden_log() -> list[EventRecord]:
    """The records, as one decider would have written them on partition 0."""
    records, sequences = [], dict.fromkeys((stream for stream, _, _ in STORY), 0)
    last = -1
    for offset, (stream, name, run) in enumerate(STORY):
        value = (FOLDERS["events"] / f"{name}.json").read_bytes()
        for known in ("t1", "e1", "p1", "s1", "r1", "k1"):
            if run:
                value = value.replace(f'"run":"{known}"'.encode(), f'"run":"{run}"'.encode())
        record = replace(decode_event(value), subject=stream, term=1)
        if not stream.startswith("partition/"):
            sequences[stream] += 1
            record = replace(
                record,
                id=f"0-{offset}-1",
                sequence=sequences[stream],
                causationid=f"command-{offset}",
                commandoffset=offset,
                prev=last,
                time=f"2026-01-02T03:04:{offset:02}Z",
            )
            last = offset
        records.append(record)
    return records
