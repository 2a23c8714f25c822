"""A log of a known length, and an API process that reads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from tests.bench.history import Record, Span, history
from tests.bench.written_log import write
from tests.support.api_processes import Api


def fill(settings: Settings, sessions: int, spans: Sequence[Span] = ()) -> None:
    """Create all topics, and write the history of so many sessions (20 events each)."""
    create(settings)
    write_events(settings, history(sessions, spans, Topics.of(settings).events.partitions))


def create(settings: Settings) -> None:
    """Create all topics."""
    log = KafkaLog(settings.kafka.brokers)
    log.create(Topics.of(settings).all())
    log.close()


def write_events(settings: Settings, records: Iterable[Record]) -> None:
    """Write records to the topic of events."""
    events = Topics.of(settings).events.name
    write(settings.kafka.brokers, ((events, record) for record in records))


def api_of(settings: Settings, folder: Path, **more: str) -> Api:
    """Start an API process with a home in the folder; `more` are variables of its environment."""
    environment = {
        "AUTOLEARN_HOME": str(folder / "home"),
        "AUTOLEARN_KAFKA": settings.kafka.brokers,
        "AUTOLEARN_TOPIC_PREFIX": settings.kafka.topic_prefix,
        "AUTOLEARN_QUOTA_SESSIONS": str(10**9),
        **more,
    }
    return Api(folder, environment, instance="0")
