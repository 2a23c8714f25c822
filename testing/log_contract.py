"""What every log promises: its contract suite.

class TestMyLog(LogContract):
    @pytest.fixture
    def log(self) -> Iterator[Log]:
        log = MyLog()
        yield log
        log.close()
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable
from typing import NamedTuple

import pytest

from autolearn.eventlog.log import Log, Record, RecordReader
from autolearn.schemas.bounds import LARGEST_MESSAGE
from autolearn.schemas.errors import LogError
from autolearn.schemas.settings import KafkaSettings, Settings
from autolearn.schemas.topics import Topic, Topics


class Bench(NamedTuple):
    """A log, and a topic that no other test uses."""

    log: Log
    topic: str

    def create(self, partitions: int = 1, name: str = "") -> None:
        settings = {"max.message.bytes": "8388608", "retention.ms": "-1"}  # records are of 1970
        self.log.create([Topic(name or self.topic, partitions, 1, settings)])

    def append(self, *values: bytes | None, key: str = "k", partition: int | None = None) -> None:
        for value in values:
            self.log.append(self.topic, value, key=key, partition=partition)
        self.log.flush(10)

    def read(self, count: int, start: dict[int, int] | None = None) -> list[Record]:
        reader = self.log.reader(self.topic, start or {0: 0})
        try:
            return read(reader, count)
        finally:
            reader.close()


def read(reader: RecordReader, count: int) -> list[Record]:
    """Read exactly so many messages; fail when one does not come."""
    found: list[Record] = []
    while len(found) < count:
        more = reader.read(count - len(found), 5.0)
        assert more, f"{len(found)} of {count} came"
        found += more
    return found


def values(messages: Iterable[Record]) -> list[bytes | None]:
    """Return the values of messages."""
    return [message.value for message in messages]


def _numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


class LogContract:
    """The tests that every log passes; a subclass provides the fixture `log`."""

    @pytest.fixture
    def bench(self, log: Log) -> Bench:
        """Return the log with a topic that no other test uses."""
        return Bench(log, f"test-{uuid.uuid4().hex[:12]}")

    def test_what_is_appended_is_read_in_order(self, bench: Bench) -> None:
        bench.create()
        bench.append(*_numbered(300))
        messages = bench.read(300)
        assert values(messages) == _numbered(300)
        assert [message.offset for message in messages] == list(range(300))

    def test_a_message_says_where_it_lay_and_when_it_came(self, bench: Bench) -> None:
        bench.create(3)
        before = time.time() * 1000
        bench.append(b"v", key="clé", partition=2)
        (message,) = bench.read(1, {2: 0})
        assert (message.topic, message.partition, message.offset) == (bench.topic, 2, 0)
        assert (message.key, message.value) == ("clé".encode(), b"v")
        assert before - 1000 <= message.time <= time.time() * 1000 + 1000

    def test_a_record_keeps_the_time_that_it_is_given(self, bench: Bench) -> None:
        bench.create()
        for at in (1_600_000_000_123, 1, None):
            bench.log.append(bench.topic, b"v", key="k", time=at)
        bench.log.flush(10)
        old, oldest, now = (message.time for message in bench.read(3))
        assert (old, oldest) == (1_600_000_000_123, 1)
        assert abs(now - time.time() * 1000) < 60_000

    def test_a_record_keeps_its_headers_in_order(self, bench: Bench) -> None:
        bench.create()
        headers = (("b", b"1"), ("a", b"\xff"), ("b", b""))
        bench.log.append(bench.topic, b"v", key="k", headers=headers)
        bench.append(b"none")
        first, second = bench.read(2)
        assert first.headers == headers
        assert second.headers == ()

    def test_a_key_is_text_or_bytes_or_nothing(self, bench: Bench) -> None:
        bench.create()
        for key in ("clé", b"\xff", None):
            bench.log.append(bench.topic, b"v", key=key, partition=0)
        bench.log.flush(10)
        assert [message.key for message in bench.read(3)] == ["clé".encode(), b"\xff", None]

    def test_each_partition_has_an_order_of_its_own(self, bench: Bench) -> None:
        bench.create(2)
        for number in range(50):
            bench.append(b"%d" % number, partition=number % 2)
        messages = bench.read(50, {0: 0, 1: 0})
        for partition in (0, 1):
            mine = [m for m in messages if m.partition == partition]
            assert values(mine) == _numbered(50)[partition::2]
            assert [m.offset for m in mine] == list(range(25))

    def test_a_reader_starts_where_it_is_told(self, bench: Bench) -> None:
        bench.create(2)
        bench.append(*_numbered(10), partition=0)
        bench.append(*_numbered(10), partition=1)
        messages = bench.read(7, {0: 8, 1: 5})
        assert sorted((m.partition, m.offset) for m in messages) == [
            *((0, offset) for offset in (8, 9)),
            *((1, offset) for offset in range(5, 10)),
        ]

    def test_a_reader_reads_its_partitions_only(self, bench: Bench) -> None:
        bench.create(2)
        bench.append(b"other", partition=1)
        bench.append(b"mine", partition=0)
        reader = bench.log.reader(bench.topic, {0: 0})
        assert values(read(reader, 1)) == [b"mine"]
        assert reader.read(10, 0.3) == []
        reader.close()

    def test_reads_are_never_longer_than_the_limit(self, bench: Bench) -> None:
        bench.create()
        bench.append(*_numbered(20))
        reader = bench.log.reader(bench.topic, {0: 0})
        found: list[Record] = []
        while len(found) < 20:
            more = reader.read(3, 5.0)
            assert 1 <= len(more) <= 3
            found += more
        reader.close()
        assert values(found) == _numbered(20)

    def test_a_read_without_news_returns_nothing_after_its_timeout(self, bench: Bench) -> None:
        bench.create()
        bench.append(b"0")
        reader = bench.log.reader(bench.topic, {0: 1})
        begin = time.monotonic()
        assert reader.read(10, 0.3) == []
        assert 0.25 <= time.monotonic() - begin < 3
        reader.close()

    def test_a_read_returns_as_soon_as_there_is_news(self, bench: Bench) -> None:
        bench.create()
        reader = bench.log.reader(bench.topic, {0: 0})
        reader.read(1, 0.2)
        timer = threading.Timer(0.2, bench.append, [b"news"])
        timer.start()
        begin = time.monotonic()
        assert values(reader.read(1000, 20)) == [b"news"]
        assert time.monotonic() - begin < 5, "it must not wait for 1000 messages"
        timer.join()
        reader.close()

    def test_a_reader_is_moved(self, bench: Bench) -> None:
        bench.create(2)
        bench.append(*_numbered(3000), partition=0)
        bench.append(b"other", partition=1)
        reader = bench.log.reader(bench.topic, {}, fetch=64 * 1024)
        for offset in (2990, 0, 1500, 2999, 7):
            reader.move(0, offset)
            (message,) = read(reader, 1)
            assert (message.partition, message.offset) == (0, offset)
        reader.move(1, 0)
        assert values(read(reader, 1)) == [b"other"]
        assert reader.read(10, 0.2) == [], "it reads that partition only"
        reader.close()

    def test_a_reader_rests_until_it_is_moved(self, bench: Bench) -> None:
        bench.create()
        bench.append(*_numbered(10))
        reader = bench.log.reader(bench.topic, {0: 0}, fetch=64 * 1024)
        read(reader, 2)
        reader.rest()
        assert reader.read(10, 0.3) == []
        reader.move(0, 8)
        assert values(read(reader, 2)) == [b"8", b"9"]
        reader.close()

    def test_offsets_are_found_by_time(self, bench: Bench) -> None:
        bench.create(3)
        for number, sent in enumerate((1000, 2000, 2000, 1500, 3000)):
            bench.log.append(bench.topic, b"%d" % number, key="k", partition=0, time=sent)
        bench.log.append(bench.topic, b"", key="k", partition=1, time=2500)
        bench.log.flush(10)
        for at, found in ((1, 0), (1000, 0), (1001, 1), (2000, 1), (2001, 4), (3000, 4), (3001, 5)):
            other = 0 if at <= 2500 else 1
            assert bench.log.offsets_at(bench.topic, at) == {0: found, 1: other, 2: 0}, at

    def test_an_offset_past_the_end_is_refused(self, bench: Bench) -> None:
        bench.create()
        bench.append(b"0")
        reader = bench.log.reader(bench.topic, {0: 7})
        with pytest.raises(LogError, match=bench.topic):
            read(reader, 1)
        reader.close()

    def test_a_tombstone_has_no_value(self, bench: Bench) -> None:
        bench.create()
        bench.append(b"v", None, b"")
        assert values(bench.read(3)) == [b"v", None, b""]

    def test_delivered_is_called_once_per_append_in_their_order(self, bench: Bench) -> None:
        bench.create(2)
        told: list[tuple[LogError | None, int, int]] = []
        done = threading.Event()

        def delivered(error: LogError | None, partition: int, offset: int) -> None:
            told.append((error, partition, offset))
            if len(told) == 200:
                done.set()

        for number in range(200):
            partition = number % 2
            bench.log.append(bench.topic, b"v", key="k", partition=partition, delivered=delivered)
        assert done.wait(10)
        for partition in (0, 1):
            mine = [each for each in told if each[1] == partition]
            assert mine == [(None, partition, offset) for offset in range(100)]

    def test_what_was_delivered_can_be_read(self, bench: Bench) -> None:
        bench.create()
        outcome = []
        bench.log.append(bench.topic, b"v", key="k", delivered=lambda *each: outcome.append(each))
        bench.log.flush(10)
        assert outcome == [(None, 0, 0)]
        assert values(bench.read(1)) == [b"v"]

    def test_the_largest_message_passes(self, bench: Bench) -> None:
        bench.create()
        bench.append(b"x" * LARGEST_MESSAGE)
        (message,) = bench.read(1)
        assert len(message.content) == LARGEST_MESSAGE

    def test_a_larger_one_is_refused_at_once(self, bench: Bench) -> None:
        bench.create()
        with pytest.raises(LogError, match=bench.topic):
            bench.append(b"x" * (2 * LARGEST_MESSAGE))
        bench.append(b"next")
        assert values(bench.read(1)) == [b"next"]

    def test_begins_and_ends(self, bench: Bench) -> None:
        bench.create(3)
        assert bench.log.ends(bench.topic) == {0: 0, 1: 0, 2: 0}
        bench.append(*_numbered(5), partition=1)
        bench.append(*_numbered(2), partition=2)
        assert bench.log.ends(bench.topic) == {0: 0, 1: 5, 2: 2}
        assert bench.log.begins(bench.topic) == {0: 0, 1: 0, 2: 0}

    def test_the_oldest_records_can_be_deleted(self, bench: Bench) -> None:
        bench.create(2)
        bench.append(*_numbered(10), partition=1)
        bench.log.delete_before(bench.topic, {1: 4})
        bench.log.delete_before(bench.topic, {1: 2})
        assert bench.log.begins(bench.topic) == {0: 0, 1: 4}
        assert bench.log.ends(bench.topic) == {0: 0, 1: 10}
        assert values(bench.read(6, {1: 4})) == _numbered(10)[4:]
        reader = bench.log.reader(bench.topic, {1: 3})
        with pytest.raises(LogError, match=bench.topic):
            read(reader, 1)
        reader.close()
        with pytest.raises(LogError, match=bench.topic):
            bench.log.delete_before(bench.topic, {1: 11})

    def test_a_log_knows_its_topics_and_its_name(self, bench: Bench) -> None:
        assert bench.topic not in bench.log.partitions()
        bench.create(3)
        assert bench.log.partitions()[bench.topic] == 3
        assert len(bench.log.cluster()) > 5
        assert bench.log.cluster() == bench.log.cluster()

    def test_an_unknown_topic_has_no_ends(self, bench: Bench) -> None:
        for ask in (bench.log.ends, bench.log.begins, lambda name: bench.log.offsets_at(name, 1)):
            with pytest.raises(LogError, match=bench.topic):
                ask(bench.topic)

    def test_topics_are_created_once_and_keep_what_they_have(self, bench: Bench) -> None:
        bench.create(2)
        bench.append(b"kept", partition=0)
        bench.create(2)
        assert bench.log.ends(bench.topic) == {0: 1, 1: 0}

    def test_a_new_topic_can_be_used_at_once(self, bench: Bench) -> None:
        for number in range(5):
            name = f"{bench.topic}-{number}"
            bench.create(2, name)
            assert bench.log.ends(name) == {0: 0, 1: 0}

    def test_another_number_of_partitions_is_refused(self, bench: Bench) -> None:
        bench.create(2)
        with pytest.raises(LogError, match="has 2 partitions"):
            bench.create(3)
        assert set(bench.log.ends(bench.topic)) == {0, 1}

    def test_all_our_topics_can_be_created(self, bench: Bench) -> None:
        topics = Topics.of(
            Settings(kafka=KafkaSettings(topic_prefix=bench.topic, partitions=2, task_partitions=3))
        ).all()
        bench.log.create(topics)
        bench.log.create(topics)
        assert {t.name: len(bench.log.ends(t.name)) for t in topics} == {
            t.name: t.partitions for t in topics
        }

    def test_a_log_that_was_asked_about_times_can_be_closed_twice(self, bench: Bench) -> None:
        bench.create()
        assert bench.log.offsets_at(bench.topic, 1) == {0: 0}
        bench.log.close()
        bench.log.close()
