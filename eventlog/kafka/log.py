"""The log on Apache Kafka, through confluent-kafka (librdkafka)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from typing import Any, TypeVar

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as KafkaMessage
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._metadata import ClusterMetadata, TopicMetadata
from confluent_kafka.cimpl import NewTopic

from autolearn.eventlog.log import Delivered, Record, RecordReader
from autolearn.schemas.bounds import LARGEST_MESSAGE
from autolearn.schemas.codec import Headers
from autolearn.schemas.errors import LogError, TooLarge, TopicMismatch
from autolearn.schemas.topics import Topic

_RECORD_OVERHEAD = 64 * 1024
"""Bytes of a record beside its value: key, headers and what Kafka adds."""
PRODUCER = {
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 0,
    # A broker answers one request of a connection at a time anyway. What is appended meanwhile
    # goes into one batch, with one flush to the disk: a third less work for everybody under load.
    "max.in.flight.requests.per.connection": 1,
    "message.timeout.ms": 0,
    "message.max.bytes": LARGEST_MESSAGE + _RECORD_OVERHEAD,
    "partitioner": "murmur2_random",
}
CONSUMER = {
    # With a small queue, which saves memory, the default pause of 1000 ms costs 9/10 of the rate.
    "fetch.queue.backoff.ms": 1,
    "fetch.max.bytes": 16 * 1024 * 1024,
    "max.partition.fetch.bytes": 2 * 1024 * 1024,
    "message.max.bytes": 16 * 1024 * 1024,
    "queued.max.messages.kbytes": 65536,
    "queued.min.messages": 100000,
    # The broker answers at once when records come. This is how often it answers without any, which
    # costs both sides 3 ms; and how long a partition with a new leader may wait for the others.
    "fetch.wait.max.ms": 2000,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "allow.auto.create.topics": False,
}
_MOVED = {
    # A fetch that waits for news at the end of the log would hold up the next move.
    "fetch.wait.max.ms": 5,
    "fetch.error.backoff.ms": 5,
}
"""The configuration of a reader that seeks often."""
_GATHERING_CONSUMER = {"fetch.min.bytes": 1024 * 1024, "fetch.wait.max.ms": 200}
"""The configuration of a reader of large batches, which may come later."""

logger = structlog.get_logger(__name__)
SAID_EVERY = 20.0
"""Seconds after which the wait for brokers is logged again."""
_ANSWER_TIMEOUT = 30.0
"""Seconds within which a broker must answer a request."""
_SMALL_FETCH = 256 * 1024
"""Bytes of a fetch below which a seeking reader does not read ahead."""
_MOVING = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.OFFSET_NOT_AVAILABLE,  # a leader just elected does not know the end yet (KIP-207)
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_TOPIC_OR_PART,  # the others know it, but a broker just started not yet
    KafkaError._DESTROY_BROKER,  # librdkafka lets go of a broker that has left the cluster
)
"""The errors of a new topic, and of a partition whose leader changes."""
_CLEAN_UP = (
    *("cleanup.policy", "segment.ms", "file.delete.delay.ms"),
    *("min.compaction.lag.ms", "max.compaction.lag.ms"),
)
"""The configuration of a topic that goes with its clean-up."""
_LEADER_PAUSE = 0.02
"""Seconds between two requests while a partition has no leader."""

T = TypeVar("T")


class KafkaReader:
    """Reads assigned partitions; it belongs to no group that rebalances."""

    def __init__(
        self, settings: Mapping[str, object], topic: str, start: Mapping[int, int]
    ) -> None:
        self.topic = topic
        self.consumer = Consumer({**CONSUMER, "group.id": "autolearn-reader", **settings})
        self.consumer.assign([TopicPartition(topic, p, offset) for p, offset in start.items()])

    def read(self, limit: int, timeout: float) -> list[Record]:
        """Return up to `limit` records; wait up to `timeout` seconds for the first of them."""
        deadline = time.monotonic() + timeout
        while True:
            # consume(n, timeout) would wait for n messages or the whole timeout.
            first = self.consumer.poll(max(0.0, deadline - time.monotonic()))
            if first is None:
                return []
            messages = [first]
            if limit > 1:
                messages += self.consumer.consume(limit - 1, 0)
            # A message may be an error from which librdkafka recovers: that is no record.
            if records := self._records_in(messages):
                return records

    def _records_in(self, messages: list[Any]) -> list[Record]:
        # By its stubs, all that a message has may be None.
        return [
            Record(
                self.topic,
                message.partition(),
                message.offset(),
                message.key(),
                message.value(),
                message.timestamp()[1],
                message,
            )
            for message in messages
            if message.error() is None or not self._is_passing(message.error())
        ]

    def _is_passing(self, error: KafkaError) -> bool:
        """Return whether librdkafka itself recovers from an error; raise others."""
        if error.fatal() or error.code() in (
            KafkaError.OFFSET_OUT_OF_RANGE,
            KafkaError._AUTO_OFFSET_RESET,
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            KafkaError.UNKNOWN_TOPIC_OR_PART,
        ):
            raise LogError(f"Reading {self.topic} failed: {error.str()}.")
        return True

    def move(self, partition: int, offset: int) -> None:
        """Continue at these offsets, and read no other partition any more."""
        # As quick as seek(), which needs the partition to be fetched already.
        self.consumer.assign([TopicPartition(self.topic, partition, offset)])

    def rest(self) -> None:
        """Read nothing and fetch nothing until the next `move`."""
        self.consumer.unassign()

    def close(self) -> None:
        """Close the connection."""
        self.consumer.close()


class _OnTheirWay:
    """How many appends are not delivered yet, by the calls of `wait` before them."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.generation = 0
        self.open = Counter[int]()

    def begin(self) -> int:
        """Count an append; return its generation, for `end`."""
        with self.changed:
            self.open[self.generation] += 1
            return self.generation

    def end(self, generation: int) -> None:
        """Count an append as delivered."""
        with self.changed:
            self.open[generation] -= 1
            if not self.open[generation]:
                del self.open[generation]
                self.changed.notify_all()

    def wait(self, timeout: float) -> int:
        """Wait for the appends before this call, and return how many are left in the end."""
        with self.changed:
            last = self.generation
            self.generation += 1
            self.changed.wait_for(lambda: not self._left(last), timeout)
            return self._left(last)

    def _left(self, last: int) -> int:
        return sum(count for generation, count in self.open.items() if generation <= last)


class KafkaLog:
    """The log on the brokers `bootstrap`; `client` holds further properties (SASL, TLS).

    One that `gathers` reads new records up to 200 ms later, in large batches.
    """

    def __init__(
        self, bootstrap: str, client: Mapping[str, str] | None = None, *, gathers: bool = False
    ) -> None:
        self.gathers = gathers
        self.settings: dict[str, object] = {
            "bootstrap.servers": bootstrap,
            "socket.nagle.disable": True,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 1000,
            "log_level": 2,
            **(client or {}),
        }
        self.lock = threading.Lock()
        self.closed = threading.Event()
        self.on_their_way = _OnTheirWay()
        self.producer: Producer | None = None
        self.asker: Consumer | None = None
        self.thread: threading.Thread | None = None

    def create(self, topics: Iterable[Topic], timeout: float = 30.0) -> None:
        """Create the missing topics, and check partitions and sizes of the others.

        It waits `timeout` seconds for the brokers, and logs that it waits.
        """
        deadline = time.monotonic() + timeout
        admin = AdminClient(self.settings)  # type: ignore[arg-type]
        wanted = {topic.name: topic for topic in topics}
        try:
            existing = self._first_answer(admin, deadline).topics
            new = [
                NewTopic(t.name, t.partitions, t.replication, config=t.config)
                for t in wanted.values()
                if t.name not in existing
            ]
            asked = admin.create_topics(new, request_timeout=_ANSWER_TIMEOUT) if new else {}
            for future in asked.values():
                _wait_unless_exists(future)
            found = _await_leaders(admin, set(wanted), max(deadline, time.monotonic() + 1))
            _check_sizes(admin, set(found))
            _clean_up(admin, [t for t in wanted.values() if t.name in existing])
        except KafkaException as error:
            raise LogError(
                f"The topics cannot be created on {self.settings['bootstrap.servers']}: "
                f"{error.args[0].str()}.",
                advice="Check that the brokers run, and AUTOLEARN_KAFKA.",
            ) from None
        for name, topic in wanted.items():
            # Also of those made just now: another process may have been quicker.
            there = len(found[name].partitions) if name in found else topic.partitions
            if there != topic.partitions:
                raise TopicMismatch(
                    f"The topic {name} has {there} partitions, the settings ask for "
                    f"{topic.partitions}.",
                    advice=f"Set AUTOLEARN_PARTITIONS (or AUTOLEARN_TASK_PARTITIONS) to {there}: "
                    "a stream's order would be lost with another number.",
                )

    def _first_answer(self, admin: AdminClient, deadline: float) -> ClusterMetadata:
        """Return the first metadata, when the brokers are up.

        Raises:
            KafkaException: they are not up by the deadline.
        """
        began = time.monotonic()
        while True:
            left = max(deadline - time.monotonic(), 0.1)
            try:
                return admin.list_topics(timeout=min(left, SAID_EVERY))
            except KafkaException as error:
                if time.monotonic() >= deadline:
                    raise
                logger.warning(
                    "waiting for Kafka",
                    brokers=self.settings["bootstrap.servers"],
                    why=error.args[0].str(),
                    waited=round(time.monotonic() - began),
                    most=round(deadline - began),
                )
                time.sleep(_LEADER_PAUSE)

    def reader(
        self, topic: str, start: Mapping[int, int], *, fetch: int | None = None
    ) -> RecordReader:
        """Return a reader of the partitions in `start`, from these offsets on."""
        if fetch is None:
            ways = _GATHERING_CONSUMER if self.gathers else {}
            return KafkaReader({**self.settings, **ways}, topic, start)
        ahead = 1 if fetch < _SMALL_FETCH else fetch // 512
        sizes = {"max.partition.fetch.bytes": fetch, "queued.min.messages": ahead}
        return KafkaReader({**self.settings, **_MOVED, **sizes}, topic, start)

    def ends(self, topic: str) -> dict[int, int]:
        """Return the next offset per partition."""
        return {partition: end for partition, (_, end) in self._watermarks(topic).items()}

    def begins(self, topic: str) -> dict[int, int]:
        """Return the oldest kept offset per partition."""
        return {partition: begin for partition, (begin, _) in self._watermarks(topic).items()}

    def offsets_at(self, topic: str, time: int) -> dict[int, int]:
        """Return, per partition, the offset of the first record whose time is `time` or later."""
        asker = self._running_asker()

        def ask() -> tuple[dict[int, int], list[TopicPartition]]:
            # The ends first: what comes meanwhile is past them, whatever its time.
            ends = {p: end for p, (_, end) in _watermarks_now(asker, topic).items()}
            asked = [TopicPartition(topic, partition, time) for partition in ends]
            found = asker.offsets_for_times(asked, timeout=_ANSWER_TIMEOUT)
            if failed := [at.error for at in found if at.error is not None]:
                raise KafkaException(failed[0])
            return ends, found

        ends, found = _answered(topic, ask)
        return {
            at.partition: min(at.offset, ends[at.partition])
            if at.offset >= 0
            else ends[at.partition]
            for at in found
        }

    def _watermarks(self, topic: str) -> dict[int, tuple[int, int]]:
        settings = {**self.settings, **CONSUMER, "group.id": "autolearn-reader"}
        with closing(Consumer(settings)) as consumer:
            return _answered(topic, lambda: _watermarks_now(consumer, topic))

    def partitions(self) -> dict[str, int]:
        """Return every topic, and its number of partitions."""
        topics = self.metadata().topics
        return {name: len(about.partitions) for name, about in topics.items()}

    def cluster(self) -> str:
        """Return the id of the Kafka cluster."""
        return self.metadata().cluster_id or ""

    def metadata(self) -> ClusterMetadata:
        """Request the metadata of all brokers and topics."""
        try:
            return AdminClient(self.settings).list_topics(timeout=_ANSWER_TIMEOUT)  # type: ignore[arg-type]
        except KafkaException as error:
            raise LogError(
                f"No answer from {self.settings['bootstrap.servers']}: {error.args[0].str()}.",
                advice="Check that the brokers run, and AUTOLEARN_KAFKA.",
            ) from None

    def delete_before(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Delete, per partition, the records before an offset."""
        places = [TopicPartition(topic, p, offset) for p, offset in offsets.items()]
        admin = AdminClient(self.settings)  # type: ignore[arg-type]
        try:
            for future in admin.delete_records(places).values() if places else ():
                future.result()
        except KafkaException as error:
            why = error.args[0].str()
            raise LogError(f"The oldest records of {topic} cannot be deleted: {why}.") from None

    def append(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: str | bytes | None,
        partition: int | None = None,
        headers: Headers = (),
        time: int | None = None,
        delivered: Delivered | None = None,
    ) -> None:
        """Send one record; return before it is written. `delivered` receives the outcome."""

        def on_delivery(error: KafkaError | None, message: KafkaMessage) -> None:
            try:
                if delivered is not None:
                    failed = None if error is None else _refused(topic, error)
                    delivered(failed, message.partition() or 0, message.offset() or 0)
            finally:
                self.on_their_way.end(generation)

        producer = self._running_producer()
        generation = self.on_their_way.begin()
        try:
            producer.produce(
                topic,
                value,
                key,
                -1 if partition is None else partition,
                headers=list(headers),
                timestamp=time or 0,
                on_delivery=on_delivery,
            )
        except BufferError:
            self.on_their_way.end(generation)
            raise LogError(f"Too many appends to {topic} are on their way.") from None
        except KafkaException as error:
            self.on_their_way.end(generation)
            raise _refused(topic, error.args[0]) from None

    def _running_asker(self) -> Consumer:
        """Return the consumer for time look-ups, kept because creating one takes longer."""
        with self.lock:
            if self.asker is None:
                self.asker = Consumer({**self.settings, **CONSUMER, "group.id": "autolearn-reader"})
            return self.asker

    def _running_producer(self) -> Producer:
        """Return the producer, made on first use, with the thread that serves its callbacks."""
        with self.lock:
            if self.producer is None:
                self.producer = Producer({**self.settings, **PRODUCER})
                self.thread = threading.Thread(
                    target=self.serve, name="kafka-producer", daemon=True
                )
                self.thread.start()
            return self.producer

    def serve(self) -> None:
        """Run delivery callbacks until the log is closed."""
        assert self.producer is not None
        while not self.closed.is_set():
            self.producer.poll(0.2)

    def flush(self, timeout: float) -> None:
        """Wait until everything sent is written.

        librdkafka's own flush would run callbacks in this thread, beside `serve` and out of order.
        """
        if left := self.on_their_way.wait(timeout):
            raise LogError(f"{left} appends are not written after {timeout:g} s.")

    def close(self) -> None:
        """Flush for a moment, then close the connection."""
        with self.lock:
            if self.asker is not None:
                self.asker.close()
            self.asker = None
        if self.producer is not None and self.thread is not None:
            self.on_their_way.wait(5.0)
            self.closed.set()
            self.thread.join()


def _refused(topic: str, error: KafkaError) -> LogError:
    """Return the error of a refused append."""
    kind = TooLarge if error.code() == KafkaError.MSG_SIZE_TOO_LARGE else LogError
    return kind(f"{topic}: {error.str()}.")


def _watermarks_now(consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    """Request the watermarks once.

    Raises:
        LogError: there is no such topic.
        KafkaException: there is no answer.
    """
    found = consumer.list_topics(topic, timeout=_ANSWER_TIMEOUT).topics[topic]
    if found.error is not None:
        if found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise LogError(f"The topic {topic} cannot be read: {found.error.str()}.")
        raise KafkaException(found.error)
    return {
        partition: consumer.get_watermark_offsets(
            TopicPartition(topic, partition), timeout=_ANSWER_TIMEOUT
        )
        for partition in found.partitions
    }


def _answered(topic: str, ask: Callable[[], T]) -> T:
    """Return the answer to a request about a topic; repeat it while a partition moves.

    Raises:
        LogError: there is none.
    """
    deadline = time.monotonic() + _ANSWER_TIMEOUT
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _MOVING or time.monotonic() > deadline:
                why = error.args[0].str()
                raise LogError(f"The topic {topic} cannot be read: {why}.") from None
            time.sleep(_LEADER_PAUSE)


def _wait_unless_exists(future: object) -> None:
    """Wait for the creation of a topic; another process may have created it first."""
    try:
        future.result()  # type: ignore[attr-defined]
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def _check_sizes(admin: AdminClient, names: set[str]) -> None:
    """Check that topics accept our largest records.

    If the brokers hide their configuration, the first record that is too large shows it.

    Raises:
        TopicMismatch: one does not.
    """
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in sorted(names)]
    least = LARGEST_MESSAGE + _RECORD_OVERHEAD
    for resource, future in admin.describe_configs(asked).items() if asked else ():
        try:
            said = future.result(_ANSWER_TIMEOUT).get("max.message.bytes")
        except (KafkaException, TimeoutError):
            continue
        if said is not None and int(said.value) < least:
            raise TopicMismatch(
                f"The topic {resource.name} takes records of at most {int(said.value):,} bytes, "
                f"and AutoLearn sends up to {least:,}.",
                advice="Set max.message.bytes of the topic (message.max.bytes of the brokers) to "
                f"{least} or more.",
            )


def _clean_up(admin: AdminClient, topics: Iterable[Topic]) -> None:
    """Give topics that are there the wanted clean-up, if they were made with another one.

    If the brokers hide their configuration, or let nobody change it, it stays as it is.
    """
    by_name = {topic.name: topic for topic in topics if "cleanup.policy" in topic.config}
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in sorted(by_name)]
    changes = []
    for resource, future in admin.describe_configs(asked).items() if asked else ():
        wanted = by_name[resource.name].config
        with suppress(KafkaException, TimeoutError):
            there = future.result(_ANSWER_TIMEOUT).get("cleanup.policy")
            now = set() if there is None else {*there.value.split(",")}
            if now and now != {*wanted["cleanup.policy"].split(",")}:
                entries = [
                    ConfigEntry(name, wanted[name], incremental_operation=AlterConfigOpType.SET)
                    for name in _CLEAN_UP
                    if name in wanted
                ]
                about = ConfigResource(ConfigResource.Type.TOPIC, resource.name)
                for entry in entries:
                    about.add_incremental_config(entry)
                changes.append(about)
    for resource, future in admin.incremental_alter_configs(changes).items() if changes else ():
        try:
            future.result(_ANSWER_TIMEOUT)
        except (KafkaException, TimeoutError) as error:
            logger.warning("a topic's clean-up is not changed", topic=resource.name, why=str(error))


def _await_leaders(
    admin: AdminClient, names: set[str], deadline: float
) -> dict[str, TopicMetadata]:
    """Wait until every partition of these topics has a leader; give up silently at `deadline`.

    Return the topics at that time.
    """
    while True:
        topics = admin.list_topics(timeout=_ANSWER_TIMEOUT).topics
        found = {name: topics[name] for name in names if name in topics}
        led = all(p.leader >= 0 for topic in found.values() for p in topic.partitions.values())
        if (len(found) == len(names) and led) or time.monotonic() > deadline:
            return found
        time.sleep(_LEADER_PAUSE)
