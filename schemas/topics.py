"""All topics: their names, keys and retention."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.bounds import LARGEST_MESSAGE
from autolearn.schemas.settings import Settings

DAY_MS = 24 * 60 * 60 * 1000
AUDIT_DAYS = 400


class Group(Struct, frozen=True):
    """A consumer group: its name after the prefix, and the topic of its members.

    The topic of a name never changes. A broker gives a static member that comes back its former
    partitions, whatever it subscribes to now, and aiokafka does not survive that.
    """

    name: str
    topic: str


GROUPS = {
    "decide": Group("decide", "commands"),
    "dispatch": Group("dispatch-workers", "workers"),
    "supervise": Group("supervise", "workers"),
    "work": Group("work", "tasks"),
    "monitor": Group("monitor", "prediction-hours"),
}
"""The consumer group of each process type."""


class Topic(Struct, frozen=True):
    """A topic as it is created, and whether a backup holds it."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]
    in_backup: bool = False


class Topics(Struct, frozen=True):
    """All topics of one installation."""

    commands: Topic
    events: Topic
    checkpoints: Topic
    tasks: Topic
    workers: Topic
    dead_letters: Topic
    audit: Topic
    keys: Topic
    predictions: Topic
    prediction_hours: Topic
    open_hours: Topic
    truths: Topic

    def all(self) -> tuple[Topic, ...]:
        """Return every topic, in the order in which they are created."""
        return (
            self.commands,
            self.events,
            self.checkpoints,
            self.tasks,
            self.workers,
            self.dead_letters,
            self.audit,
            self.keys,
            self.predictions,
            self.prediction_hours,
            self.open_hours,
            self.truths,
        )

    def in_backup(self) -> tuple[Topic, ...]:
        """Return the topics of a backup, in the order in which it takes their ends.

        `events` comes before `commands`: the command that an event answers then lies before the end
        of `commands`. `checkpoints` is first: the events that they attest lie before the end of
        `events`.
        """
        first = (self.checkpoints, self.events)
        return (*first, *(one for one in self.all() if one not in first and one.in_backup))

    @classmethod
    def of(cls, settings: Settings) -> Topics:
        """Return the topics for the settings."""
        kafka = settings.kafka
        durable = {
            "cleanup.policy": "delete",
            "max.message.bytes": str(2 * LARGEST_MESSAGE),
            "min.insync.replicas": str(kafka.min_insync_replicas),
        }
        if kafka.replication == 1:
            # With one copy only, an acknowledged append must be on the disk: +0.3 ms each.
            durable["flush.messages"] = "1"

        def topic(suffix: str, partitions: int, *, in_backup: bool, **config: str) -> Topic:
            config = {key.replace("_", "."): value for key, value in config.items()}
            name = f"{kafka.topic_prefix}.{suffix}"
            return Topic(name, partitions, kafka.replication, durable | config, in_backup)

        # Tasks are not in a backup: what is open on `events` is handed out again. Neither are
        # heartbeats: no worker of that time is alive.
        week = str(7 * DAY_MS)
        asked = {
            "retention_ms": str(int(settings.retention.prediction_days * DAY_MS)),
            **_erasing(settings.retention.erase_within),
        }
        return cls(
            commands=topic(
                "commands", kafka.partitions, in_backup=True, retention_ms=str(90 * DAY_MS)
            ),
            events=topic("events", kafka.partitions, in_backup=True, retention_ms="-1"),
            checkpoints=topic("checkpoints", kafka.partitions, in_backup=True, retention_ms="-1"),
            tasks=topic("tasks", kafka.task_partitions, in_backup=False, retention_ms=week),
            workers=topic(
                "workers",
                1,
                in_backup=False,
                cleanup_policy="compact",
                flush_messages=str(2**63 - 1),
                # The broker's time, by which clocks are compared (agents.supervision.broker_clock).
                message_timestamp_type="LogAppendTime",
            ),
            dead_letters=topic("dead-letters", 1, in_backup=True, retention_ms="-1"),
            audit=topic(
                "audit",
                kafka.partitions,
                in_backup=True,
                compression_type="gzip",
                retention_ms=str(AUDIT_DAYS * DAY_MS),
                # No decision rests on it, so what a power cut takes of the last second is not worth
                # a flush for each record.
                flush_messages=str(2**63 - 1),
            ),
            # A backup has the keys in a file of their own (operations.backup.session_keys).
            keys=topic("keys", 1, in_backup=False, **_shredding(settings.retention.shred_within)),
            predictions=topic("predictions", kafka.partitions, in_backup=True, **asked),
            # On the same partitions, so that truths and predictions are joined by partition.
            truths=topic("truths", kafka.partitions, in_backup=True, **asked),
            # The newest record of an hour is kept for ever.
            prediction_hours=topic("prediction-hours", 1, in_backup=True, cleanup_policy="compact"),
            # What is lost of it is folded again from `predictions`.
            open_hours=topic(
                "open-hours",
                1,
                in_backup=False,
                cleanup_policy="compact",
                segment_ms=str(DAY_MS // 24),
                flush_messages=str(2**63 - 1),
            ),
        )


def _shredding(within: float) -> dict[str, str]:
    """Return the configuration under which a shredded key is gone within so many seconds.

    A segment is closed by the first append after `segment.ms`, which the key shredder ensures; the
    cleaner comes within `max.compaction.lag.ms` and its own pause (15 s), and deletes the old file
    a second later. Measured with 5 s for both: 16 s (design.md, Confidentiality).
    """
    share = str(int((within - 20) / 3 * 1000))
    return {
        "cleanup_policy": "compact",
        "segment_ms": share,
        "max_compaction_lag_ms": share,
        "min_cleanable_dirty_ratio": "0.01",
        "delete_retention_ms": "1000",
        "file_delete_delay_ms": "1000",
    }


def _erasing(within: float) -> dict[str, str]:
    """Return the configuration under which a replaced record is gone within so many seconds.

    A record lies in an open segment for a third of that time at most, for `monitor` appends to each
    partition (agents.monitor.segments); the cleaner takes a closed one within another third. It
    leaves what is younger than two hours: the hour of a record is counted before it may be gone.
    Without erasures it copies a segment when half of the log is new.
    """
    third = str(int(within / 3 * 1000))
    return {
        "cleanup_policy": "compact,delete",
        "segment_ms": third,
        "min_compaction_lag_ms": str(2 * 3_600_000),
        "max_compaction_lag_ms": third,
        "file_delete_delay_ms": "1000",
    }
