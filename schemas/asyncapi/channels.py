"""The purpose, senders and receivers of each topic, for the AsyncAPI document."""

from __future__ import annotations

from typing import Literal, NamedTuple

from autolearn.schemas import commands
from autolearn.schemas.messages import Command, type_of
from autolearn.schemas.work_kinds import OF_SESSIONS, WORK


class Channel(NamedTuple):
    """The content of a topic, and the meaning of its records' keys ("" for none)."""

    what: str
    key: str


CHANNELS: dict[str, Channel] = {
    "commands": Channel("What was asked, in the order in which it is decided.", "the stream"),
    "events": Channel(
        "What was decided: the only truth. A command on partition p is answered on partition p, "
        "and an event counts only under the admission rule (docs/decisions/0002).",
        "the stream",
    ),
    "checkpoints": Channel(
        "Signed hashes of the partitions of `events`, each on the partition of the same number: "
        "JWS in compact form (RFC 7515) with Ed25519, whose payload is a Checkpoint.",
        "the partition's name",
    ),
    "tasks": Channel(
        "Attempts of runs, each offered to a worker with a free slot.", "the run's id"
    ),
    "workers": Channel(
        "Heartbeats of the workers and of supervision: the newest of each counts.",
        "the worker's id",
    ),
    "dead_letters": Channel("Records on `commands` that are no commands, with the reason.", ""),
    "audit": Channel(
        "Every HTTP request and every task that was handed out. Commands and decisions are on "
        "`events`, whose headers have the trace.",
        "who asked",
    ),
    "keys": Channel(
        "The key of every session that is encrypted, wrapped by a master key (RFC 3394). A "
        "tombstone shreds it; the record `roll` only closes a segment, so that it is compacted.",
        "the key's id",
    ),
    "predictions": Channel(
        "Every answer of a model, which is also the request's entry in the behaviour log; what was "
        "asked and answered is encrypted under a key of the model and month.",
        "the model's name, a slash, and the request's id",
    ),
    "prediction_hours": Channel(
        "What a version of a model answered in an hour that is over, in counts, kept for ever; "
        "labels and histograms are encrypted under the key of the model. The newest record of a "
        "key counts.",
        "the model's name, the hour and the version, with slashes between them",
    ),
    "open_hours": Channel(
        "The same for hours that are not over yet; a tombstone when they are.",
        "the model's name, the hour and the version, with slashes between them",
    ),
    "truths": Channel(
        "What a model should have answered, as a user says; encrypted under the key of the answer. "
        "The first truth of a row counts, and each later one that replaces it.",
        "the model's name, a slash, and the request's id",
    ),
}
"""The topics by their field of `topics.Topics`."""


class Flow(NamedTuple):
    """The messages of one process type on one topic, as CloudEvents types; None: all of them.

    No process sends old versions; every receiver of a topic may meet them.
    """

    who: str
    action: Literal["send", "receive"]
    channel: str
    why: str
    messages: tuple[str, ...] | None = None


def _types(*kinds: type[Command]) -> tuple[str, ...]:
    """Return the CloudEvents types of commands."""
    return tuple(map(type_of, kinds))


_OFFERS = (
    commands.RegisterEstimator,
    commands.RegisterMetric,
    commands.RegisterStep,
    commands.RegisterDataset,
)
_RUNS = (commands.StartRun, commands.CompleteRun, commands.FailRun, commands.ReportRunLost)

TRAFFIC: tuple[Flow, ...] = (
    Flow(
        "api",
        "send",
        "commands",
        "What clients ask for over HTTP.",
        _types(
            commands.RegisterDataset,
            commands.OpenSession,
            commands.RenameSession,
            commands.AnnotateSession,
            commands.CommitSession,
            commands.DiscardSession,
            commands.KeepSession,
            commands.DeleteExperiment,
            commands.ShareDataset,
            commands.UnshareDataset,
            commands.DeleteDataset,
            commands.LabelRows,
            commands.ExpectDataset,
            commands.ShareSession,
            commands.UnshareSession,
            *commands.COMMANDS_OF["user"],
            *commands.COMMANDS_OF["group"],
            *commands.COMMANDS_OF["model"],
            *commands.COMMANDS_OF["pipeline"],
            commands.ImportTraining,
            commands.HoldExperiment,
            commands.ReleaseExperiment,
            *(WORK[kind].request for kind in OF_SESSIONS),
        ),
    ),
    Flow(
        "work",
        "send",
        "commands",
        "A worker registers the catalog, claims an attempt, and reports its end.",
        _types(*_OFFERS, *_RUNS),
    ),
    Flow(
        "supervise",
        "send",
        "commands",
        "Runs of workers that have fallen silent or stopped; sessions that expire.",
        _types(commands.ProposeExpiry, commands.ExpireSession, commands.ReportRunLost),
    ),
    Flow(
        "first-user",
        "send",
        "commands",
        "`autolearn up` and `autolearn admin first-user` make the first sysadmin.",
        _types(commands.AddUser, commands.SetRole, commands.EnableUser, commands.IssueToken),
    ),
    Flow(
        "serve",
        "send",
        "commands",
        "The traffic of a model ends, because a version has passed a guard.",
        _types(commands.RollBackTraffic),
    ),
    Flow("decide", "receive", "commands", "One process per partition decides."),
    Flow("decide", "send", "events", "One event for every command, and the start of every term."),
    Flow("decide", "send", "checkpoints", "Attests the events of its partitions."),
    Flow("decide", "receive", "checkpoints", "Goes on from the newest one of its partition."),
    Flow("api", "receive", "checkpoints", "Shows the newest ones, and whether a chain is broken."),
    *(
        Flow(who, "receive", "events", why)
        for who, why in (
            ("decide", "Folds the state on which it decides."),
            ("api", "Folds the read models."),
            ("dispatch", "Folds the runs that wait for a worker."),
            ("supervise", "Folds the runs that a worker holds."),
            ("serve", "Learns which version answers, and who may ask."),
            ("monitor", "Learns which training a version comes from."),
            ("work", "Learns which runs were cancelled, and how its commands were answered."),
        )
    ),
    Flow("dispatch", "send", "tasks", "An attempt is open, and a worker has a free slot."),
    Flow("work", "receive", "tasks", "The worker claims the attempt."),
    Flow("work", "send", "workers", "A heartbeat."),
    Flow("api", "send", "workers", "A heartbeat that tells which runs of pipelines it conducts."),
    Flow("supervise", "send", "workers", "A heartbeat that tells what is overdue."),
    Flow("supervise", "receive", "workers", "Notices who has fallen silent."),
    Flow("dispatch", "receive", "workers", "Learns who has a free slot."),
    Flow("api", "receive", "workers", "Shows the progress of runs."),
    Flow("api", "send", "audit", "A request begins that changes something, or has ended."),
    Flow("dispatch", "send", "audit", "A task was handed out."),
    Flow("api", "receive", "audit", "Folds the behaviour log that sysadmins ask for."),
    Flow("serve", "send", "audit", "A request that was not answered with predictions has ended."),
    Flow("serve", "send", "predictions", "A request is answered."),
    Flow("api", "receive", "predictions", "Shows what was asked of a model."),
    Flow("monitor", "receive", "predictions", "Counts them by model, version and hour."),
    Flow("monitor", "send", "prediction_hours", "An hour is over, or a late record has come."),
    Flow("monitor", "receive", "prediction_hours", "Knows which hours are there."),
    Flow("monitor", "send", "open_hours", "The counts of an hour have changed."),
    Flow("api", "receive", "prediction_hours", "Shows how a model was asked, hour by hour."),
    Flow("api", "receive", "open_hours", "Shows the present hour."),
    Flow("api", "send", "truths", "Somebody says what a model should have answered."),
    Flow("api", "receive", "truths", "Compares them with the answers."),
    Flow("serve", "send", "keys", "A month of predictions has a key of its own."),
    Flow("api", "send", "keys", "A new session has a key of its own."),
    Flow("supervise", "send", "keys", "Shreds the keys of sessions that are not kept."),
    *(
        Flow(who, "receive", "keys", why)
        for who, why in (
            ("api", "Reads what was said in sessions."),
            ("decide", "Reads the commands of sessions, and encrypts its answers."),
            ("serve", "Opens models, and encrypts predictions."),
            ("monitor", "Reads predictions, and encrypts their counts."),
            ("work", "Reads its tasks, and encrypts their results."),
            ("supervise", "Knows which keys there are."),
        )
    ),
    Flow("decide", "send", "dead_letters", "What is no command is set aside."),
    Flow("api", "receive", "dead_letters", "Shows them; puts back what is a command after all."),
)
"""Every flow between a process type and a topic."""
