"""The state of brokers, topics and groups, requested from the brokers each time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import TypeVar

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._metadata import ClusterMetadata, TopicMetadata

from autolearn.eventlog.kafka.consumer_groups import GroupState, groups_of
from autolearn.eventlog.kafka.quorum import active_controller
from autolearn.schemas.errors import LogError
from autolearn.schemas.reports.status import Broker, TopicState

T = TypeVar("T")


class Cluster:
    """Requests to the brokers. Any thread may; each raises LogError after `timeout` seconds."""

    def __init__(self, bootstrap: str, client: Mapping[str, str], timeout: float = 3.0) -> None:
        self.bootstrap, self.client, self.timeout = bootstrap, client, timeout
        settings = {"bootstrap.servers": bootstrap, "log_level": 2, **client}
        self.admin = AdminClient(settings)  # type: ignore[arg-type]

    def brokers(self) -> list[Broker]:
        """Return the brokers that are up, by id."""
        # Not describe_cluster(): that asks a controller, and librdkafka may think for a long time
        # that it is a broker which is gone.
        nodes = sorted(self.metadata().brokers.values(), key=lambda node: node.id)
        places = [(str(node.host), node.port) for node in nodes]
        leader = active_controller(places, self.client)
        return [
            Broker(node.id, *place, None if leader is None else node.id == leader)
            for node, place in zip(nodes, places, strict=True)
        ]

    def topics(self, names: Mapping[str, int]) -> dict[str, TopicState]:
        """Return those of the topics that exist; `names` has their min.insync.replicas."""
        found = self.metadata().topics
        there = {name: found[name] for name in names if name in found}
        spans = self.spans({n: t.partitions for n, t in there.items() if _led(t)})
        return {
            name: _state_of(topic, names[name], spans.get(name, {}))
            for name, topic in there.items()
        }

    def metadata(self) -> ClusterMetadata:
        """Return the metadata of all brokers and topics."""
        try:
            return self.admin.list_topics(timeout=self.timeout)
        except KafkaException as error:
            raise self.silent(error) from None

    def spans(self, topics: Mapping[str, Iterable[int]]) -> dict[str, dict[int, tuple[int, int]]]:
        """Return the oldest offset kept and the next offset, per topic and partition."""
        places = [TopicPartition(name, p) for name, ps in topics.items() for p in ps]
        if not places:
            return {}
        begins = self.offsets(places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = self.offsets(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {
            name: {p: (begins[name, p], ends[name, p]) for p in ps} for name, ps in topics.items()
        }

    def offsets(
        self, places: list[TopicPartition], which: OffsetSpec
    ) -> dict[tuple[str, int], int]:
        """Return one offset of each partition."""
        futures = self.admin.list_offsets(
            dict.fromkeys(places, which),
            request_timeout=self.timeout,
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
        )
        return {(at.topic, at.partition): self.asked(f).offset for at, f in futures.items()}

    def groups(self, names: Mapping[str, str]) -> dict[str, GroupState]:
        """Return consumer groups by name; `names` has the topic of each. One may be empty."""
        return groups_of(self.bootstrap, self.client, names, self.timeout)

    def asked(self, answer: Future[T]) -> T:
        """Wait for an answer."""
        try:
            return answer.result(self.timeout + 1)
        except (KafkaException, TimeoutError) as error:
            raise self.silent(error) from None

    def silent(self, error: Exception) -> LogError:
        """Return the error of an unanswered request."""
        why = error.args[0].str() if isinstance(error, KafkaException) else "no answer in time"
        return LogError(
            f"No answer from {self.bootstrap}: {why}.",
            advice="Check that the brokers run, and AUTOLEARN_KAFKA.",
        )


def _led(topic: TopicMetadata) -> bool:
    """Return whether every partition has a leader, which alone knows its offsets."""
    return all(partition.leader >= 0 for partition in topic.partitions.values())


def _state_of(topic: TopicMetadata, least: int, spans: Mapping[int, tuple[int, int]]) -> TopicState:
    """Return the state of a topic from its metadata."""
    parts = list(topic.partitions.values())
    return TopicState(
        name=topic.topic or "",
        partitions=len(parts),
        replication=min((len(part.replicas) for part in parts), default=0),
        records=sum(end - begin for begin, end in spans.values()),
        under_replicated=sum(len(part.isrs) < len(part.replicas) for part in parts),
        leaderless=sum(part.leader < 0 for part in parts),
        below_min=sum(len(part.isrs) < least for part in parts),
    )
