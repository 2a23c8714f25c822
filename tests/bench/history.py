"""A log of a million events as the deciders would have written it, made quickly."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from confluent_kafka import Producer

from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, encode, raw
from autolearn.schemas.messages import Event, type_of
from tests import samples

__all__ = ["EVENTS_OF_A_SESSION", "Record", "history", "write"]

EVENTS_OF_A_SESSION = 20
RUNS = 3
OPEN_AT_ONCE = 200
"""Sessions that go on at the same time, so that their events lie between each other."""

ENVIRONMENT = {
    "python": "3.11.9",
    "libraries": {
        "autolearn": "0.1.0",
        "numpy": "2.4.6",
        "pandas": "3.1.1",
        "pyarrow": "26.0.1",
        "scikit-learn": "1.9.1",
        "scipy": "1.17.1",
        "skops": "0.16.0",
    },
    "blas": [],
    "threads": 1,
    "system": "Linux x86_64 glibc 2.36",
    "processor": "some processor with a name of a usual length",
}


class Record(NamedTuple):
    """An event as it lies on the log."""

    partition: int
    key: bytes
    value: bytes


class Template:
    """The bytes of an event of one type, with places to fill in."""

    def __init__(self, event: Event) -> None:
        record = EventRecord(
            id="@partition@-@offset@-1",
            source="autolearn/decide",
            type=type_of(type(event)),
            subject="session/@session@",
            time="2026-01-01T@clock@Z",
            sequence=-1001,
            causationid="@command@",
            commandoffset=-1002,
            prev=-1003,
            term=1,
            fingerprint="9f2c0d6b7a8e4f1c9f2c0d6b7a8e4f1c",
            data=raw(event),
        )
        value = encode(record)
        for number, name in ((b"-1001", b"sequence"), (b"-1002", b"offset"), (b"-1003", b"prev")):
            value = value.replace(number, b"@%b@" % name)
        parts = re.split(rb"@(\w+)@", value)
        self.fixed = parts[::2]
        self.names = [name.decode() for name in parts[1::2]]

    def fill(self, values: dict[str, bytes]) -> bytes:
        """Return the bytes of one event."""
        found = [self.fixed[0]]
        for name, after in zip(self.names, self.fixed[1:], strict=True):
            found += (values[name], after)
        return b"".join(found)


def story() -> list[Template]:
    """One session: three trainings, each evaluated, and the commit."""
    told: list[Event] = [events.SessionOpened("Irises")]
    for number in range(1, RUNS + 1):
        training, evaluation = f"@training{number}@", f"@evaluation{number}@"
        told += [
            samples.training_requested(training),
            events.TrainingStarted(training, 1, "worker-main"),
            samples.training_completed(training, environment=ENVIRONMENT),
            samples.evaluation_requested(evaluation, training),
            events.EvaluationStarted(evaluation, 1, "worker-main"),
            samples.evaluation_completed(evaluation, environment=ENVIRONMENT),
        ]
    told.append(events.SessionCommitted(tuple(f"@training{n}@" for n in range(1, RUNS + 1))))
    assert len(told) == EVENTS_OF_A_SESSION
    return [Template(event) for event in told]


def history(sessions: int, partitions: int, seed: int = 0) -> Iterator[Record]:
    """Yield the records of a log with so many sessions, all committed: 20 events each."""
    random, templates = Random(seed), story()

    def word() -> bytes:
        return str(uuid.UUID(int=random.getrandbits(128), version=4)).encode()

    for partition in range(partitions):
        started = EventRecord(
            id=f"{partition}-term-1-bench",
            source="autolearn/decide",
            type=type_of(events.TermStarted),
            subject=f"partition/{partition}",
            time="2026-01-01T00:00:00.000000Z",
            sequence=0,
            term=1,
            data=raw(events.TermStarted("bench")),
        )
        yield Record(partition, started.subject.encode(), encode(started))
    offsets = [0] * partitions
    going: list[tuple[int, bytes, dict[str, bytes], Iterator[tuple[int, Template]]]] = []
    begun = written = 0
    while begun < sessions or going:
        while begun < sessions and len(going) < OPEN_AT_ONCE:
            ids = {f"{kind}{n}": word() for kind in ("training", "evaluation") for n in (1, 2, 3)}
            session = word()
            values = {"session": session, **ids}
            going.append((begun % partitions, session, values, iter(enumerate(templates, 1))))
            begun += 1
        at = random.randrange(len(going))
        partition, session, values, left = going[at]
        step = next(left, None)
        if step is None:
            going[at] = going[-1]
            going.pop()
            continue
        sequence, template = step
        offset = offsets[partition]
        offsets[partition] += 1
        seconds, micros = divmod(written * 80, 1_000_000)
        written += 1
        clock = b"%02d:%02d:%02d.%06d" % (seconds // 3600, seconds // 60 % 60, seconds % 60, micros)
        values |= {
            "partition": b"%d" % partition,
            "offset": b"%d" % offset,
            "prev": b"%d" % (offset - 1),
            "sequence": b"%d" % sequence,
            "command": word(),
            "clock": clock,
        }
        yield Record(partition, b"session/" + session, template.fill(values))


def write(
    bootstrap: str, topic: str, records: Iterator[Record], told: Callable[[int], None] = lambda _: 0
) -> int:
    """Append records to a topic; return how many."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,  # or a repeated request changes the order
            "linger.ms": 20,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 200_000,
            "message.timeout.ms": 0,
        }
    )
    count = 0
    for record in records:
        while True:
            try:
                producer.produce(topic, record.value, record.key, record.partition)
                break
            except BufferError:
                producer.poll(0.1)
        count += 1
        if count % 10_000 == 0:
            producer.poll(0)
            told(count)
    producer.flush()
    return count
