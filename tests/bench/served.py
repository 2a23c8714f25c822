"""A log of a known length, and an API process that reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from tests.bench.history import Span, history
from tests.bench.written_log import write
from tests.support.api_processes import Api


def fill(settings: Settings, sessions: int, spans: Sequence[Span] = ()) -> None:
    """Create all topics, and write the history of so many sessions (20 events each)."""
    log, topics = KafkaLog(settings.kafka.brokers), Topics.of(settings)
    log.create(topics.all())
    log.close()
    events = topics.events
    write(
        settings.kafka.brokers,
        ((events.name, r) for r in history(sessions, spans, events.partitions)),
    )


def api_of(settings: Settings, folder: Path) -> Api:
    """Start an API process with a home in the folder."""
    environment = {
        "AUTOLEARN_HOME": str(folder / "home"),
        "AUTOLEARN_KAFKA": settings.kafka.brokers,
        "AUTOLEARN_TOPIC_PREFIX": settings.kafka.topic_prefix,
        "AUTOLEARN_QUOTA_SESSIONS": str(10**9),
    }
    return Api(folder, environment, instance="0")
