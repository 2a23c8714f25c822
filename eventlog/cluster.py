"""What the brokers say of themselves, of topics and of groups: asked on demand, kept by nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import TypeVar

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._group import MemberDescription
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._metadata import TopicMetadata
from msgspec import Struct

from autolearn.eventlog.quorum import active_controller
from autolearn.schemas.errors import LogError
from autolearn.schemas.status import Broker, Member, TopicState

__all__ = ["Cluster", "GroupState"]

T = TypeVar("T")
CHOOSING = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
PAUSE = 0.05
"""Seconds between two questions about a group whose coordinator is being chosen."""


class GroupState(Struct):
    """A consumer group: who is in it, and the offset that it reads next, per partition."""

    members: list[Member]
    committed: dict[int, int]


class Cluster:
    """Asks the brokers. Any thread may; every question raises LogError after `timeout` seconds."""

    def __init__(self, bootstrap: str, client: Mapping[str, str], timeout: float = 3.0) -> None:
        self.bootstrap, self.client, self.timeout = bootstrap, client, timeout
        settings = {"bootstrap.servers": bootstrap, "log_level": 2, **client}
        self.admin = AdminClient(settings)  # type: ignore[arg-type]

    def brokers(self) -> list[Broker]:
        """Return the brokers that are up, by id."""
        found = self.asked(self.admin.describe_cluster(request_timeout=self.timeout))
        nodes = sorted(found.nodes, key=lambda node: node.id)
        leader = active_controller([(n.host, n.port) for n in nodes], self.client)
        return [
            Broker(n.id, n.host, n.port, None if leader is None else n.id == leader) for n in nodes
        ]

    def topics(self, names: Mapping[str, int]) -> dict[str, TopicState]:
        """Return those of the topics that exist; `names` has their min.insync.replicas."""
        try:
            found = self.admin.list_topics(timeout=self.timeout).topics
        except KafkaException as error:
            raise self.silent(error) from None
        there = {name: found[name] for name in names if name in found}
        spans = self.spans({n: t.partitions for n, t in there.items() if led(t)})
        return {
            name: state_of(topic, names[name], spans.get(name, {})) for name, topic in there.items()
        }

    def spans(self, topics: Mapping[str, Iterable[int]]) -> dict[str, dict[int, tuple[int, int]]]:
        """Return the oldest offset kept and the one that comes next, per topic and partition."""
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
        """Return consumer groups by name; `names` has the topic of each. One may have nobody."""
        return {
            name: GroupState(
                self.settled(lambda name=name: self.members(name)),  # type: ignore[misc]
                self.settled(lambda at=(name, topic): self.committed(*at)),  # type: ignore[misc]
            )
            for name, topic in names.items()
        }

    def settled(self, ask: Callable[[], T]) -> T:
        """Ask about a group, again while its coordinator is just being chosen."""
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                return ask()
            except KafkaException as error:
                if error.args[0].code() not in CHOOSING or time.monotonic() > deadline:
                    raise self.silent(error) from None
            except TimeoutError as error:
                raise self.silent(error) from None
            time.sleep(PAUSE)

    def members(self, group: str) -> list[Member]:
        """Return who is in a group, by name."""
        futures = self.admin.describe_consumer_groups([group], request_timeout=self.timeout)
        found = futures[group].result(self.timeout + 1)
        return sorted(map(member_of, found.members), key=lambda one: one.name)

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """Return what a group has committed on a topic; nothing where it has not."""
        futures = self.admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], request_timeout=self.timeout
        )
        places = futures[group].result(self.timeout + 1).topic_partitions
        return {at.partition: at.offset for at in places if at.topic == topic and at.offset >= 0}

    def asked(self, answer: Future[T]) -> T:
        """Wait for an answer."""
        try:
            return answer.result(self.timeout + 1)
        except (KafkaException, TimeoutError) as error:
            raise self.silent(error) from None

    def silent(self, error: Exception) -> LogError:
        """Return the error of a question that was not answered."""
        why = error.args[0].str() if isinstance(error, KafkaException) else "no answer in time"
        return LogError(
            f"No answer from {self.bootstrap}: {why}.",
            advice="Check that the brokers run, and AUTOLEARN_KAFKA.",
        )


def led(topic: TopicMetadata) -> bool:
    """Say whether every partition has a leader, so that its offsets can be asked for."""
    return all(partition.leader >= 0 for partition in topic.partitions.values())


def state_of(topic: TopicMetadata, least: int, spans: Mapping[int, tuple[int, int]]) -> TopicState:
    """Return a topic as it is told."""
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


def member_of(member: MemberDescription) -> Member:
    """Return a member of a group: by its static name if it has one."""
    places = member.assignment.topic_partitions if member.assignment is not None else []
    return Member(
        name=member.group_instance_id or member.member_id,
        host=str(member.host).lstrip("/"),
        partitions=sorted(place.partition for place in places),
    )
