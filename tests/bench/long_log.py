"""A long log of real events, written without deciders: filling, and some sessions to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from autolearn.agents.deciding import Place, decide
from autolearn.agents.states import Stream, decider_of
from autolearn.eventlog.log import Log
from autolearn.schemas import commands
from autolearn.schemas.codec import CONTENT_TYPE, CommandRecord, raw
from autolearn.schemas.messages import Command, type_of
from tests import samples

__all__ = ["LongLog"]

FILLING = 20
"""Events of each session that fills the log."""
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(milliseconds=100)


class Partition:
    """What one decider would have written: the events of one partition, in their order."""

    def __init__(self, number: int) -> None:
        self.number, self.commands = number, 0
        self.streams: dict[str, Stream] = {}

    def answer(self, stream: str, command: Command, time: datetime) -> bytes:
        """Return the event that answers a command, as it lies on the log."""
        before = self.streams.get(stream) or Stream(0, decider_of(stream).initial)
        offset = self.commands
        self.commands += 1
        record = CommandRecord(
            id=f"{self.number}-{offset}",
            source="bench",
            type=type_of(type(command)),
            subject=stream,
            time=f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z",
            data=raw(command),
        )
        decision = decide(before, record, Place(self.number, offset, offset - 1, 0))
        self.streams[stream] = decision.after
        return decision.value


class LongLog:
    """Writes `count` events; the sessions in `spans` have theirs spread evenly over a span.

    A span is (id, first record, last record, events), in records of the whole log. Record n has
    the time BEGIN + n * STEP.
    """

    def __init__(
        self, log: Log, topic: str, partitions: int, spans: Sequence[tuple[str, int, int, int]]
    ) -> None:
        self.log, self.topic, self.spans = log, topic, spans
        self.partitions = [Partition(number) for number in range(partitions)]

    def write(self, count: int) -> None:
        """Write the log (blocks)."""
        guests = self.guests()
        self.append("estimator/decision-tree", commands.RegisterEstimator(samples.ESTIMATOR), 0)
        filling = fillings()
        for number in range(1, count):
            stream, command = guests.get(number) or next(filling)
            self.append(stream, command, number)
            if number % 50_000 == 0:
                self.log.flush(60)
        self.log.flush(60)

    def guests(self) -> dict[int, tuple[str, Command]]:
        """Return which record tells what of the sessions that are spread over a span."""
        found: dict[int, tuple[str, Command]] = {}
        for session, first, last, events in self.spans:
            story = told(events)
            for at, command in enumerate(story):
                number = first + (last - first) * at // max(1, events - 1)
                while number in found:
                    number += 1
                found[number] = f"session/{session}", command
        return found

    def append(self, stream: str, command: Command, number: int) -> None:
        """Write one event to the partition of its stream."""
        time = BEGIN + number * STEP
        partition = self.partitions[hash_of(stream) % len(self.partitions)]
        self.log.append(
            self.topic,
            partition.answer(stream, command, time),
            key=stream,
            partition=partition.number,
            headers=CONTENT_TYPE,
            time=round(time.timestamp() * 1000),
        )
        if command.__class__ in (commands.CommitSession, commands.DiscardSession):
            del partition.streams[stream]


def hash_of(stream: str) -> int:
    """Return a number that spreads streams over partitions."""
    return sum(stream.encode())


def fillings() -> Iterator[tuple[str, Command]]:
    """Yield what short sessions do, ten of them at a time, without end."""
    number = 0
    while True:
        tens = [f"session/00000000-0000-4000-8000-{number + i:012x}" for i in range(10)]
        number += 10
        stories = [told(FILLING - 1) for _ in tens]
        for at in range(FILLING - 1):
            for stream, story in zip(tens, stories, strict=True):
                yield stream, story[at]
        for stream in tens:
            yield stream, commands.CommitSession()


def told(events: int) -> list[Command]:
    """Return the commands of a session with so many events: trainings, one after the other."""
    story: list[Command] = [commands.OpenSession("Irises")]
    number = 0
    while len(story) < events:
        number += 1
        run = f"t{number}"
        story += [
            samples.request_training(run),
            commands.StartTraining(run, 1, "w1"),
            samples.complete_training(run),
        ]
    return story[:events]
