"""Time travel's figures: one session's past, in a log of a million events."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, TopicPartition

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.kafka.log import CONSUMER
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from tests.bench.history import Span
from tests.bench.light import Client
from tests.bench.served import api_of, fill
from tests.support.settings import settings_of

SESSIONS, SESSION_EVENTS = 50_000, 200
"""Sessions that fill the log, with a million events; events of each that is looked at."""
DAY = 50_000
"""Records of the log over which the events of a session are spread that is worked on for a day."""
DAYS = [(str(uuid.UUID(int=10**30 + n)), 100_000 + n * 75_000) for n in range(10)]
"""Sessions of a day: id, and first record."""
SCATTERED = [str(uuid.UUID(int=10**31 + n)) for n in range(5)]
"""Sessions whose events are spread over the whole log."""
SPANS = [
    *(Span(session, first, first + DAY, SESSION_EVENTS) for session, first in DAYS),
    *(Span(session, 1000 + n, 999_000, SESSION_EVENTS) for n, session in enumerate(SCATTERED)),
]


async def time_travel() -> dict[str, float]:
    """Write a log, have an API process read it, and ask for the past of sessions."""
    with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder:
        broker = EmbeddedBroker(install(), Path(folder) / "kafka")
        await asyncio.to_thread(broker.start)
        try:
            settings = settings_of(kafka=broker.bootstrap)
            await asyncio.to_thread(fill, settings, SESSIONS, SPANS)
            with api_of(settings, Path(folder)) as api:
                url = await asyncio.to_thread(api.ready, 600)
                found = await measure(url, [session for session, _ in DAYS], SCATTERED)
            return found | {"as_of_bare_ms": await asyncio.to_thread(bare_ms, settings)}
        finally:
            await asyncio.to_thread(broker.stop)


def bare_ms(settings: Settings) -> float:
    """Return the median milliseconds of reading what a day's session lies among.

    That is, the records of its partition in that day, by librdkafka alone.
    """
    events = Topics.of(settings).events
    wanted = DAY // events.partitions
    consumer = Consumer(
        {**CONSUMER, "bootstrap.servers": settings.kafka.brokers, "group.id": "bare"}
    )
    times = []
    for _, first in DAYS:
        began, count = time.perf_counter(), 0
        consumer.assign([TopicPartition(events.name, 0, first // events.partitions)])
        while count < wanted:
            found = consumer.consume(min(1000, wanted - count), 0.1)
            assert not any(one.error() for one in found)
            count += len(found)
        times.append(time.perf_counter() - began)
        consumer.unassign()
    consumer.close()
    return statistics.median(times) * 1000


async def measure(url: str, day: Sequence[str], scattered: Sequence[str]) -> dict[str, float]:
    """Return the median milliseconds of `session show --as-of`, by how the events lie."""
    client = await Client.connect(url)
    token = msgspec.json.decode(await client.get("/v1/position"))["token"]
    newest = msgspec.json.decode(await client.get(f"/v1/sessions/{day[0]}"))["updated"]
    figures = {
        "as_of_p50_ms": await median(client, day, token),
        "as_of_time_p50_ms": await median(client, day[:1], newest),
        "as_of_scattered_p50_ms": await median(client, scattered, token),
    }
    client.close()
    return figures


async def median(
    client: Client, sessions: Sequence[str], point: str, warm: int = 10, count: int = 100
) -> float:
    """Ask for the past of one session after the other; return the median in milliseconds."""
    times = []
    for number in range(warm + count):
        session = sessions[number % len(sessions)]
        began = time.perf_counter()
        body = await client.get(f"/v1/sessions/{session}?as_of={point}")
        times.append(time.perf_counter() - began)
        assert msgspec.json.decode(body)["sequence"] == SESSION_EVENTS
    return statistics.median(times[warm:]) * 1000
