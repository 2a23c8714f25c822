"""What every log promises: the same tests on Kafka and on its in-memory twin."""

import threading
import time
import uuid
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, ClusterMetadata, NewTopic

from autolearn.eventlog import kafka as kafka_log
from autolearn.eventlog.kafka import KafkaLog
from autolearn.eventlog.log import Log
from autolearn.eventlog.memory import MemoryLog
from autolearn.schemas.bounds import LARGEST_MESSAGE
from autolearn.schemas.errors import LogError, TopicMismatch
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topic, Topics
from tests.eventlog.logs import Bench, bench, read

__all__ = ["bench"]


def values(messages):
    return [message.value() for message in messages]


def numbered(count):
    return [b"%d" % number for number in range(count)]


def test_what_is_appended_is_read_in_order(bench: Bench):
    bench.create()
    bench.append(*numbered(300))
    messages = bench.read(300)
    assert values(messages) == numbered(300)
    assert [message.offset() for message in messages] == list(range(300))


def test_a_message_says_where_it_lay_and_when_it_came(bench: Bench):
    bench.create(3)
    before = time.time() * 1000
    bench.append(b"v", key="clé", partition=2)
    (message,) = bench.read(1, {2: 0})
    assert (message.topic(), message.partition(), message.offset()) == (bench.topic, 2, 0)
    assert (message.key(), message.value()) == ("clé".encode(), b"v")
    kind, at = message.timestamp()
    assert kind == 1
    assert before - 1000 <= at <= time.time() * 1000 + 1000


def test_a_record_keeps_the_time_that_it_is_given(bench: Bench):
    bench.create()
    for at in (1_600_000_000_123, 1, None):
        bench.log.append(bench.topic, b"v", key="k", time=at)
    bench.log.flush(10)
    old, oldest, now = (message.timestamp() for message in bench.read(3))
    assert (old, oldest) == ((1, 1_600_000_000_123), (1, 1))
    assert abs(now[1] - time.time() * 1000) < 60_000


def test_a_record_keeps_its_headers_in_order(bench: Bench):
    bench.create()
    headers = (("b", b"1"), ("a", b"\xff"), ("b", b""))
    bench.log.append(bench.topic, b"v", key="k", headers=headers)
    bench.append(b"none")
    first, second = bench.read(2)
    assert first.headers() == list(headers)
    assert second.headers() is None


def test_a_key_is_text_or_bytes_or_nothing(bench: Bench):
    bench.create()
    for key in ("clé", b"\xff", None):
        bench.log.append(bench.topic, b"v", key=key, partition=0)
    bench.log.flush(10)
    assert [message.key() for message in bench.read(3)] == ["clé".encode(), b"\xff", None]


def test_each_partition_has_an_order_of_its_own(bench: Bench):
    bench.create(2)
    for number in range(50):
        bench.append(b"%d" % number, partition=number % 2)
    messages = bench.read(50, {0: 0, 1: 0})
    for partition in (0, 1):
        mine = [m for m in messages if m.partition() == partition]
        assert values(mine) == numbered(50)[partition::2]
        assert [m.offset() for m in mine] == list(range(25))


def test_a_reader_starts_where_it_is_told(bench: Bench):
    bench.create(2)
    bench.append(*numbered(10), partition=0)
    bench.append(*numbered(10), partition=1)
    messages = bench.read(7, {0: 8, 1: 5})
    assert sorted((m.partition(), m.offset()) for m in messages) == [
        *((0, offset) for offset in (8, 9)),
        *((1, offset) for offset in range(5, 10)),
    ]


def test_a_reader_reads_its_partitions_only(bench: Bench):
    bench.create(2)
    bench.append(b"other", partition=1)
    bench.append(b"mine", partition=0)
    reader = bench.log.reader(bench.topic, {0: 0})
    assert values(read(reader, 1)) == [b"mine"]
    assert reader.read(10, 0.3) == []
    reader.close()


def test_reads_are_never_longer_than_the_limit(bench: Bench):
    bench.create()
    bench.append(*numbered(20))
    reader, found = bench.log.reader(bench.topic, {0: 0}), []
    while len(found) < 20:
        more = reader.read(3, 5.0)
        assert 1 <= len(more) <= 3
        found += more
    reader.close()
    assert values(found) == numbered(20)


def test_a_read_without_news_returns_nothing_after_its_timeout(bench: Bench):
    bench.create()
    bench.append(b"0")
    reader = bench.log.reader(bench.topic, {0: 1})
    begin = time.monotonic()
    assert reader.read(10, 0.3) == []
    assert 0.25 <= time.monotonic() - begin < 3
    reader.close()


def test_a_read_returns_as_soon_as_there_is_news(bench: Bench):
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


def test_a_reader_is_moved(bench: Bench):
    bench.create(2)
    bench.append(*numbered(3000), partition=0)
    bench.append(b"other", partition=1)
    reader = bench.log.reader(bench.topic, {}, fetch=64 * 1024)
    for offset in (2990, 0, 1500, 2999, 7):
        reader.move(0, offset)
        (message,) = read(reader, 1)
        assert (message.partition(), message.offset()) == (0, offset)
    reader.move(1, 0)
    assert values(read(reader, 1)) == [b"other"]
    assert reader.read(10, 0.2) == [], "it reads that partition only"
    reader.close()


def test_a_reader_rests_until_it_is_moved(bench: Bench):
    bench.create()
    bench.append(*numbered(10))
    reader = bench.log.reader(bench.topic, {0: 0}, fetch=64 * 1024)
    read(reader, 2)
    reader.rest()
    assert reader.read(10, 0.3) == []
    reader.move(0, 8)
    assert values(read(reader, 2)) == [b"8", b"9"]
    reader.close()


def test_offsets_are_found_by_time(bench: Bench):
    bench.create(3)
    for number, sent in enumerate((1000, 2000, 2000, 1500, 3000)):
        bench.log.append(bench.topic, b"%d" % number, key="k", partition=0, time=sent)
    bench.log.append(bench.topic, b"", key="k", partition=1, time=2500)
    bench.log.flush(10)
    for at, found in ((1, 0), (1000, 0), (1001, 1), (2000, 1), (2001, 4), (3000, 4), (3001, 5)):
        other = 0 if at <= 2500 else 1
        assert bench.log.offsets_at(bench.topic, at) == {0: found, 1: other, 2: 0}, at


def test_an_offset_past_the_end_is_refused(bench: Bench):
    bench.create()
    bench.append(b"0")
    reader = bench.log.reader(bench.topic, {0: 7})
    with pytest.raises(LogError, match=bench.topic):
        read(reader, 1)
    reader.close()


def test_a_tombstone_has_no_value(bench: Bench):
    bench.create()
    bench.append(b"v", None, b"")
    assert values(bench.read(3)) == [b"v", None, b""]


def test_delivered_is_called_once_per_append_in_their_order(bench: Bench):
    bench.create(2)
    told, done = [], threading.Event()

    def delivered(error, partition, offset):
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


def test_what_was_delivered_can_be_read(bench: Bench):
    bench.create()
    outcome = []
    bench.log.append(bench.topic, b"v", key="k", delivered=lambda *each: outcome.append(each))
    bench.log.flush(10)
    assert outcome == [(None, 0, 0)]
    assert values(bench.read(1)) == [b"v"]


def test_the_largest_message_passes(bench: Bench):
    bench.create()
    bench.append(b"x" * LARGEST_MESSAGE)
    (message,) = bench.read(1)
    assert len(message.value() or b"") == LARGEST_MESSAGE


def test_a_larger_one_is_refused_at_once(bench: Bench):
    bench.create()
    with pytest.raises(LogError, match=bench.topic):
        bench.append(b"x" * (2 * LARGEST_MESSAGE))
    bench.append(b"next")
    assert values(bench.read(1)) == [b"next"]


def test_begins_and_ends(bench: Bench):
    bench.create(3)
    assert bench.log.ends(bench.topic) == {0: 0, 1: 0, 2: 0}
    bench.append(*numbered(5), partition=1)
    bench.append(*numbered(2), partition=2)
    assert bench.log.ends(bench.topic) == {0: 0, 1: 5, 2: 2}
    assert bench.log.begins(bench.topic) == {0: 0, 1: 0, 2: 0}


def test_the_oldest_records_can_be_deleted(bench: Bench):
    bench.create(2)
    bench.append(*numbered(10), partition=1)
    bench.log.delete_before(bench.topic, {1: 4})
    bench.log.delete_before(bench.topic, {1: 2})
    assert bench.log.begins(bench.topic) == {0: 0, 1: 4}
    assert bench.log.ends(bench.topic) == {0: 0, 1: 10}
    assert values(bench.read(6, {1: 4})) == numbered(10)[4:]
    reader = bench.log.reader(bench.topic, {1: 3})
    with pytest.raises(LogError, match=bench.topic):
        read(reader, 1)
    reader.close()
    with pytest.raises(LogError, match=bench.topic):
        bench.log.delete_before(bench.topic, {1: 11})


def test_a_log_knows_its_topics_and_its_name(bench: Bench):
    assert bench.topic not in bench.log.partitions()
    bench.create(3)
    assert bench.log.partitions()[bench.topic] == 3
    assert len(bench.log.cluster()) > 5
    assert bench.log.cluster() == bench.log.cluster()


def test_an_unknown_topic_has_no_ends(bench: Bench):
    for ask in (bench.log.ends, bench.log.begins, lambda name: bench.log.offsets_at(name, 1)):
        with pytest.raises(LogError, match=bench.topic):
            ask(bench.topic)


def test_topics_are_created_once_and_keep_what_they_have(bench: Bench):
    bench.create(2)
    bench.append(b"kept", partition=0)
    bench.create(2)
    assert bench.log.ends(bench.topic) == {0: 1, 1: 0}


def test_a_new_topic_can_be_used_at_once(bench: Bench):
    for number in range(5):
        name = f"{bench.topic}-{number}"
        bench.create(2, name)
        assert bench.log.ends(name) == {0: 0, 1: 0}


def test_another_number_of_partitions_is_refused(bench: Bench):
    bench.create(2)
    with pytest.raises(LogError, match="has 2 partitions"):
        bench.create(3)
    assert set(bench.log.ends(bench.topic)) == {0, 1}


def test_all_our_topics_can_be_created(bench: Bench):
    topics = Topics.of(Settings(topic_prefix=bench.topic, partitions=2, task_partitions=3)).all()
    bench.log.create(topics)
    bench.log.create(topics)
    assert {t.name: len(bench.log.ends(t.name)) for t in topics} == {
        t.name: t.partitions for t in topics
    }


def test_a_log_that_was_asked_about_times_can_be_closed_twice(bench: Bench):
    bench.create()
    assert bench.log.offsets_at(bench.topic, 1) == {0: 0}
    bench.log.close()
    bench.log.close()


def test_closing_twice_is_harmless():
    for log in (MemoryLog(), KafkaLog("127.0.0.1:1")):
        log.close()
        log.close()


def choices(log: Log, keys: list[str]) -> dict[str, int]:
    """The partition that a log chooses for each key."""
    log.create([Topic("test-partitioner", 7, 1, {})])
    chosen: dict[str, int] = {}
    for key in keys:
        log.append(
            "test-partitioner",
            b"",
            key=key,
            delivered=lambda _, partition, __, key=key: chosen.update({key: partition}),
        )
    log.flush(10)
    log.close()
    return chosen


@pytest.mark.kafka
def test_both_logs_put_a_key_on_the_same_partition(kafka: str):
    keys = [f"session/{number:x}" for number in range(200)] + ["", "é", "x" * 1000]
    memory, real = (choices(log, keys) for log in (MemoryLog(), KafkaLog(kafka)))
    assert len(set(memory.values())) == 7
    assert memory == real


@pytest.mark.kafka
def test_whoever_creates_a_topic_second_hears_of_the_other_number_of_partitions(
    kafka: str, monkeypatch: pytest.MonkeyPatch
):
    name = f"raced-{uuid.uuid4().hex[:8]}"

    class Late(AdminClient):
        """Another process makes the topic right after this one has seen that there is none."""

        def list_topics(self, *args: Any, **more: Any) -> ClusterMetadata:
            seen = super().list_topics(*args, **more)
            if name not in seen.topics:
                super().create_topics([NewTopic(name, 2, 1)])[name].result(10)
            return seen

    monkeypatch.setattr(kafka_log, "AdminClient", Late)
    with pytest.raises(TopicMismatch, match=f"{name} has 2 partitions, the settings ask for 4"):
        KafkaLog(kafka).create([Topic(name, 4, 1, {})])


@pytest.mark.kafka
def test_a_topic_that_takes_too_small_records_is_refused(kafka: str):
    name = f"small-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka})  # it must outlive its answer
    topic = NewTopic(name, 1, 1, config={"max.message.bytes": "2097152"})
    admin.create_topics([topic])[name].result(10)
    with pytest.raises(TopicMismatch, match="at most 2,097,152 bytes") as refused:
        KafkaLog(kafka).create([Topic(name, 1, 1, {})])
    assert "max.message.bytes" in refused.value.advice


def test_who_waits_for_brokers_says_so_and_for_how_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(kafka_log, "SAID_EVERY", 0.2)
    with pytest.raises(LogError, match=r"cannot be created on 127\.0\.0\.1:9"):
        KafkaLog("127.0.0.1:9").create([Topic("t", 1, 1, {})], timeout=0.5)
    said = capsys.readouterr().out
    assert said.count("waiting for Kafka") >= 1
    assert "127.0.0.1:9" in said


def test_keys_land_where_a_java_client_puts_them():
    """From Apache Kafka's own UtilsTest.testMurmur2."""
    java = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536}
    log = MemoryLog()
    log.create([Topic("t", 1009, 1, {})])
    for key, hashed in java.items():
        told: list[int] = []
        log.append("t", b"", key=key, delivered=lambda _, p, __, told=told: told.append(p))
        assert told == [(hashed & 0x7FFFFFFF) % 1009]


def test_without_a_broker_everything_says_so():
    log = KafkaLog("127.0.0.1:1", {"socket.connection.setup.timeout.ms": "1000"})
    with pytest.raises(LogError, match=r"127\.0\.0\.1:1") as failure:
        log.create([Topic("t", 1, 1, {})], timeout=0.5)
    assert "AUTOLEARN_KAFKA" in failure.value.advice
    log.append("t", b"", key="k")
    with pytest.raises(LogError, match="1 appends are not written after"):
        log.flush(0.2)
