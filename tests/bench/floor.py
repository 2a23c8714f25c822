"""The least that a command can take: two flushed appends, one after the other, and nothing else.

A record goes to a topic with the settings of `commands`; who reads it there appends one to a topic
with the settings of `events`; who reads that has the answer. All of it is librdkafka, in one
process, on the brokers of the system that is measured.
"""

from __future__ import annotations

import statistics
import threading
import time
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition
from msgspec.structs import replace

from autolearn.eventlog.kafka.connect import brokers, client_of, open_log
from autolearn.eventlog.kafka.log import CONSUMER, PRODUCER
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

WARM, COUNT = 200, 1000
SIZE = 600
"""Bytes of a record, about those of a command that opens a session."""
PATIENCE = 10.0


def floor_ms(settings: Settings) -> float:
    """Return the median of the milliseconds from an append to its answer's being read."""
    at = brokers(settings)
    client = {"bootstrap.servers": at, **client_of(settings, at)}
    topics = Topics.of(
        replace(
            settings, kafka=replace(settings.kafka, topic_prefix=f"floor-{uuid.uuid4().hex[:8]}")
        )
    )
    log = open_log(settings)
    log.create([topics.commands, topics.events])
    log.close()
    asked = reader(client, topics.commands.name)
    answers = reader(client, topics.events.name)
    over = threading.Event()
    relay = threading.Thread(target=relayed, args=(client, asked, topics.events.name, over))
    relay.start()
    try:
        producer, times = Producer({**client, **PRODUCER}), []
        for _ in range(WARM + COUNT):
            began = time.perf_counter()
            producer.produce(topics.commands.name, b"x" * SIZE, partition=0)
            producer.poll(0)
            answer = answers.poll(PATIENCE)
            assert answer is not None, f"no answer within {PATIENCE} s"
            assert answer.error() is None, answer.error()
            times.append(time.perf_counter() - began)
        producer.flush(PATIENCE)
    finally:
        over.set()
        relay.join()
        answers.close()
    return statistics.median(times[WARM:]) * 1000


def reader(client: dict[str, str], topic: str) -> Consumer:
    """Return who reads the first partition of a topic from its beginning."""
    consumer = Consumer({**client, **CONSUMER, "group.id": "floor"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    return consumer


def relayed(client: dict[str, str], asked: Consumer, to: str, over: threading.Event) -> None:
    """Append an answer to each record that is read."""
    producer = Producer({**client, **PRODUCER})
    while not over.is_set():
        if asked.poll(0.2) is not None:
            producer.produce(to, b"x" * SIZE, partition=0)
            producer.poll(0)
    producer.flush(PATIENCE)
    asked.close()
