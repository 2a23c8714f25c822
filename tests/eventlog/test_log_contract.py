"""What every log promises: the same tests on Kafka and on its in-memory twin."""

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ClusterMetadata,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from autolearn.eventlog.kafka import log as kafka_log
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.eventlog.log import Log
from autolearn.schemas.errors import LogError, TopicMismatch
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topic, Topics
from autolearn.testing import LogContract, MemoryLog


class TestMemoryLog(LogContract):
    @pytest.fixture
    def log(self) -> Iterator[Log]:
        log = MemoryLog()
        yield log
        log.close()


class TestKafkaLog(LogContract):
    @pytest.fixture
    def log(self, kafka: str) -> Iterator[Log]:
        log = KafkaLog(kafka)
        yield log
        log.close()


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


@pytest.mark.kafka
def test_a_topic_of_before_gets_its_clean_up(kafka: str):
    name, log = f"kept-{uuid.uuid4().hex[:8]}", KafkaLog(kafka)
    before = {"cleanup.policy": "delete", "retention.ms": "1000000"}
    erasing = Topics.of(Settings()).truths.config
    log.create([Topic(name, 1, 1, before)])
    log.create([Topic(name, 1, 1, erasing)])
    admin = AdminClient({"bootstrap.servers": kafka})
    (found,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values()
    has = {key: entry.value for key, entry in found.result(10).items()}
    assert {*has["cleanup.policy"].split(",")} == {"compact", "delete"}
    lag = "max.compaction.lag.ms"
    assert has[lag] == erasing[lag]
    assert has["retention.ms"] == "1000000", "nothing else is changed"


def test_who_waits_for_brokers_says_so_and_for_how_long(
    monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
):
    monkeypatch.setattr(kafka_log, "SAID_EVERY", 0.2)
    with pytest.raises(LogError, match=r"cannot be created on 127\.0\.0\.1:9"):
        KafkaLog("127.0.0.1:9").create([Topic("t", 1, 1, {})], timeout=0.5)
    said = logged()
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


@pytest.mark.kafka
def test_one_thread_runs_the_callbacks_also_while_others_wait_for_all_appends(kafka: str):
    log, told, over = KafkaLog(kafka), list[tuple[int, int]](), threading.Event()
    topic = f"test-{uuid.uuid4()}"
    log.create([Topic(topic, 1, 1, {})])
    log.append(topic, b"v", key="k")
    log.flush(10)

    def wait_again_and_again() -> None:
        while not over.is_set():
            log.flush(10)

    def delivered(_: LogError | None, __: int, offset: int) -> None:
        told.append((offset, threading.get_ident()))

    waiting = threading.Thread(target=wait_again_and_again)
    waiting.start()
    for _ in range(50):
        for _ in range(20):
            log.append(topic, b"v", key="k", delivered=delivered)
        log.flush(10)
    over.set()
    waiting.join()
    assert [offset for offset, _ in told] == list(range(1, 1001))
    assert {thread for _, thread in told} == {log.thread.ident if log.thread else None}
    log.close()
