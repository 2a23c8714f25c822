"""Topics of a bench, filled as fast as the client can."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import Producer

from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.schemas.topics import Topic
from tests.bench.history import Record


def create(bootstrap: str, partitions: int, *names: str) -> None:
    """Create topics that keep everything, however old the times in it are."""
    log = KafkaLog(bootstrap)
    log.create([Topic(name, partitions, 1, {"retention.ms": "-1"}) for name in names])
    log.close()


def write(bootstrap: str, records: Iterable[tuple[str, Record]]) -> None:
    """Append records to topics, each to the one that stands beside it, in their order.

    Raises:
        RuntimeError: the broker has not taken one.
    """
    refused: list[object] = []

    def told(error: object, _: object) -> None:
        if error is not None:
            refused.append(error)

    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            # Without it a batch that is sent again lies behind the next one, and is not admitted.
            "enable.idempotence": True,
            "linger.ms": 20,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 200_000,
            "message.timeout.ms": 0,
            "delivery.report.only.error": True,
            "log_level": 3,  # a broker that has just started is asked twice for a producer's id
        }
    )
    for number, (topic, record) in enumerate(records):
        while True:
            try:
                producer.produce(
                    topic,
                    record.value,
                    record.key,
                    record.partition,
                    on_delivery=told,
                    timestamp=record.time,
                    headers=list(record.headers),
                )
                break
            except BufferError:
                producer.poll(0.1)
        if number % 10_000 == 0:
            producer.poll(0)
    producer.flush()
    if refused:
        raise RuntimeError(f"{len(refused)} records are not on the log: {refused[0]}")
