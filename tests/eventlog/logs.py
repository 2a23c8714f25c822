"""Both logs, with topics of their own, for contracts that both must keep."""

import uuid
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from autolearn.eventlog.kafka import KafkaLog
from autolearn.eventlog.log import Log, Message, Reader
from autolearn.eventlog.memory import MemoryLog
from autolearn.schemas.topics import Topic


class Bench(NamedTuple):
    """A log, and a topic that no other test uses."""

    log: Log
    topic: str

    def create(self, partitions: int = 1, name: str = "") -> None:
        self.log.create(
            [Topic(name or self.topic, partitions, 1, {"max.message.bytes": "8388608"})]
        )

    def append(self, *values: bytes | None, key: str = "k", partition: int | None = None) -> None:
        for value in values:
            self.log.append(self.topic, value, key=key, partition=partition)
        self.log.flush(10)

    def read(self, count: int, start: dict[int, int] | None = None) -> list[Message]:
        reader = self.log.reader(self.topic, start or {0: 0})
        try:
            return read(reader, count)
        finally:
            reader.close()


def read(reader: Reader, count: int) -> list[Message]:
    """Read exactly so many messages; fail when one does not come."""
    found: list[Message] = []
    while len(found) < count:
        more = reader.read(count - len(found), 5.0)
        assert more, f"{len(found)} of {count} came"
        found += more
    return found


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    log: Log = (
        MemoryLog() if request.param == "memory" else KafkaLog(request.getfixturevalue("kafka"))
    )
    yield Bench(log, f"test-{uuid.uuid4().hex[:12]}")
    log.close()
