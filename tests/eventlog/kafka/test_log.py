"""A reader waits as long as it was told to, whatever passes by meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError

from autolearn.eventlog.kafka.log import KafkaReader
from autolearn.schemas.errors import LogError


class FakeMessage:
    def __init__(self, offset: int = 0, error: int | None = None) -> None:
        self.at, self.why = offset, error

    def error(self) -> KafkaError | None:
        return None if self.why is None else KafkaError(self.why)

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at

    def key(self) -> None:
        return None

    value = headers = key

    def timestamp(self) -> tuple[int, int]:
        return 1, 1000


class FakeConsumer:
    """Gives what is polled one after the other, and then nothing."""

    def __init__(self, *polled: FakeMessage) -> None:
        self.polled = list(polled)

    def poll(self, timeout: float) -> FakeMessage | None:
        assert timeout >= 0
        return self.polled.pop(0) if self.polled else None

    def consume(self, _limit: int, _timeout: float) -> list[FakeMessage]:
        return []


def reader_of(*polled: FakeMessage) -> KafkaReader:
    reader = object.__new__(KafkaReader)
    consumer: Any = FakeConsumer(*polled)
    reader.topic, reader.consumer = "t", consumer
    return reader


def test_errors_that_pass_are_no_end_of_the_wait():
    passing = [FakeMessage(error=KafkaError._TRANSPORT) for _ in range(3)]
    found = reader_of(*passing, FakeMessage(7)).read(10, 30.0)
    assert [one.offset for one in found] == [7]
    assert reader_of(*passing).read(10, 30.0) == []


def test_other_errors_are_raised():
    with pytest.raises(LogError, match="Reading t failed"):
        reader_of(FakeMessage(error=KafkaError.OFFSET_OUT_OF_RANGE)).read(10, 30.0)
