"""A log of a million events as the deciders would have written it, made quickly."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from random import Random
from typing import NamedTuple

from autolearn.runtime.timestamps import text
from autolearn.schemas import events
from autolearn.schemas.codec import CONTENT_TYPE, EventRecord, Headers, encode, raw
from autolearn.schemas.messages import Event, type_of
from tests.support import samples

PARTITIONS = 4
EVENTS_OF_A_SESSION = 20
RUNS = 3
OPEN_AT_ONCE = 200
"""Sessions that go on at the same time, so that their events lie between each other."""
BEGIN = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1000
STEP = 100
"""Milliseconds between two records."""

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

Ids = dict[str, bytes]
"""What is filled into a template: ids by their names."""


class Record(NamedTuple):
    """An event as it lies on the log."""

    partition: int
    key: bytes
    value: bytes
    time: int
    headers: Headers = CONTENT_TYPE


class Span(NamedTuple):
    """A session whose events are spread evenly over a stretch of the log. It stays open.

    `first` and `last` are about the numbers of the records, in the whole log, that are its first
    and last event.
    """

    session: str
    first: int
    last: int
    events: int


class Template:
    """The bytes of an event of one type, with places to fill in."""

    def __init__(self, event: Event, actor: str = "") -> None:
        record = EventRecord(
            id="@partition@-@offset@-1",
            source="autolearn/decide",
            type=type_of(type(event)),
            subject="@stream@",
            time="@time@",
            sequence=-1001,
            causationid="@command@",
            commandoffset=-1002,
            prev=-1003,
            term=1,
            actor=actor,
            fingerprint="9f2c0d6b7a8e4f1c9f2c0d6b7a8e4f1c",
            data=raw(event),
        )
        value = encode(record)
        for number, name in ((b"-1001", b"sequence"), (b"-1002", b"offset"), (b"-1003", b"prev")):
            value = value.replace(number, b"@%b@" % name)
        parts = re.split(rb"@(\w+)@", value)
        self.fixed = parts[::2]
        self.names = [name.decode() for name in parts[1::2]]

    def fill(self, values: Ids) -> bytes:
        """Return the bytes of one event."""
        found = [self.fixed[0]]
        for name, after in zip(self.names, self.fixed[1:], strict=True):
            found += (values[name], after)
        return b"".join(found)


class Words:
    """The templates of all events, and ids that are the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.opened = Template(events.SessionOpened("Irises"))
        self.trained = [
            Template(samples.training_requested("@training@")),
            Template(events.RunStarted("@training@", 1, "worker-main")),
            Template(samples.training_completed("@training@", environment=ENVIRONMENT)),
        ]
        self.evaluated = [
            Template(samples.evaluation_requested("@evaluation@", "@training@")),
            Template(events.RunStarted("@evaluation@", 1, "worker-main")),
            Template(samples.evaluation_completed("@evaluation@", environment=ENVIRONMENT)),
        ]
        kept = tuple(f"@training{number}@" for number in range(RUNS))
        self.committed = Template(events.SessionCommitted(kept))

    def new_id(self) -> bytes:
        """Return a new id."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4)).encode()

    def short(self) -> Iterator[tuple[Template, Ids]]:
        """Yield one session: three trainings, each evaluated, and the commit."""
        kept = {f"training{number}": self.new_id() for number in range(RUNS)}
        yield self.opened, {}
        for training in kept.values():
            ids = {"training": training, "evaluation": self.new_id()}
            for template in (*self.trained, *self.evaluated):
                yield template, ids
        yield self.committed, kept

    def long(self) -> Iterator[tuple[Template, Ids]]:
        """Yield a session that trains without end."""
        yield self.opened, {}
        while True:
            ids = {"training": self.new_id()}
            for template in self.trained:
                yield template, ids


class Stream:
    """A stream that goes on: its name, and what is still to be told of it."""

    def __init__(
        self, partition: int, name: bytes, story: Iterator[tuple[Template, Ids]], events: int
    ) -> None:
        self.partition, self.name, self.story = partition, name, story
        self.told, self.events = 0, events


class Log:
    """Numbers the records as the deciders of its partitions would have."""

    def __init__(self, partitions: int, words: Words) -> None:
        self.records, self.answered, self.words = 0, [0] * partitions, words

    def term(self, partition: int) -> Record:
        """Return the start of the first term."""
        started = EventRecord(
            id=f"{partition}-term-1-bench",
            source="autolearn/decide",
            type=type_of(events.TermStarted),
            subject=f"partition/{partition}",
            time=text(BEGIN),
            sequence=0,
            term=1,
            data=raw(events.TermStarted("bench")),
        )
        self.records += 1
        return Record(partition, started.subject.encode(), encode(started), BEGIN)

    def next(self, stream: Stream) -> Record:
        """Return the next event of a stream."""
        template, ids = next(stream.story)
        stream.told += 1
        partition, time = stream.partition, BEGIN + self.records * STEP
        offset = self.answered[partition]
        self.answered[partition] += 1
        self.records += 1
        values = {
            **ids,
            "partition": b"%d" % partition,
            "offset": b"%d" % offset,
            "prev": b"%d" % (offset - 1),
            "stream": stream.name,
            "sequence": b"%d" % stream.told,
            "command": self.words.new_id(),
            "time": text(time).encode(),
        }
        return Record(partition, stream.name, template.fill(values), time)


def history(
    sessions: int, spans: Sequence[Span] = (), partitions: int = PARTITIONS, seed: int = 0
) -> Iterator[Record]:
    """Yield the records of a log with so many sessions, all committed, of 20 events each.

    The sessions of `spans` lie between them, on the partitions in turn.
    """
    words = Words(seed)
    log, guests = Log(partitions, words), appointments(spans, partitions, words)
    new = (
        Stream(number % partitions, session(words.new_id()), words.short(), EVENTS_OF_A_SESSION)
        for number in range(sessions)
    )
    for partition in range(partitions):
        yield log.term(partition)
    going = list(islice(new, OPEN_AT_ONCE))
    while going:
        while guest := guests.pop(log.records, None):
            yield log.next(guest)
        at = words.random.randrange(len(going))
        stream = going[at]
        yield log.next(stream)
        if stream.told == stream.events:
            going[at] = going[-1]
            going[-1:] = islice(new, 1)
    assert not guests, "a span ends after the log"


def appointments(spans: Sequence[Span], partitions: int, words: Words) -> dict[int, Stream]:
    """Return which record belongs to which of the sessions that are spread over a span."""
    found: dict[int, Stream] = {}
    for index, span in enumerate(spans):
        name = session(span.session.encode())
        stream = Stream(index % partitions, name, words.long(), span.events)
        for event in range(span.events):
            number = span.first + (span.last - span.first) * event // max(1, span.events - 1)
            while number in found:
                number += 1
            found[number] = stream
    return found


def session(identity: bytes) -> bytes:
    """Return the name of a session's stream."""
    return b"session/" + identity
