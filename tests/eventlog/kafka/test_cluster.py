"""What the brokers say, on a real one; and what the log says of its deciders."""

import socket
import time
import uuid
from collections.abc import Iterator
from random import Random

import pytest
from confluent_kafka import Consumer

from autolearn.eventlog.consumers.record_lookup import RecordLookup
from autolearn.eventlog.consumers.term_holders import TermHolders, newest
from autolearn.eventlog.kafka.cluster import Cluster
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.eventlog.kafka.quorum import TOPIC, QuorumV0, active_controller, leader_in
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.schemas.codec import EventRecord, encode, raw
from autolearn.schemas.errors import LogError
from autolearn.schemas.events import Refused, TermStarted
from autolearn.schemas.messages import type_of
from autolearn.schemas.topics import Topic
from autolearn.security.broker_secret import credentials


@pytest.fixture
def topic(kafka: str) -> Iterator[str]:
    """A topic with two partitions: 5 and 3 records, of which the first 2 are gone."""
    name, log = f"cluster-{uuid.uuid4().hex[:8]}", KafkaLog(kafka)
    log.create([Topic(name, 2, 1, {})])
    for partition in (0, 0, 0, 0, 0, 1, 1, 1):
        log.append(name, b"x", key=None, partition=partition)
    log.flush(10)
    log.delete_before(name, {0: 2})
    log.close()
    return name


@pytest.mark.kafka
def test_brokers_and_topics(kafka: str, topic: str) -> None:
    cluster = Cluster(kafka, {})
    (broker,) = cluster.brokers()
    assert f"{broker.host}:{broker.port}" == kafka
    assert broker.controller is True
    found = cluster.topics({topic: 1, "no-such-topic": 1})
    assert list(found) == [topic]
    about = found[topic]
    assert (about.partitions, about.replication, about.records) == (2, 1, 6)
    assert (about.under_replicated, about.leaderless, about.below_min) == (0, 0, 0)
    assert cluster.topics({topic: 2})[topic].below_min == 2
    assert cluster.spans({topic: [0, 1]}) == {topic: {0: (2, 5), 1: (0, 3)}}


@pytest.mark.kafka
def test_a_group_has_members_while_they_are_in_it_and_what_it_committed(
    kafka: str, topic: str
) -> None:
    name = f"group-{topic}"
    reader = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": name,
            "group.instance.id": "one",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    cluster = Cluster(kafka, {})
    assert cluster.groups({name: topic})[name].members == []
    reader.subscribe([topic])
    seen = [reader.poll(20) for _ in range(6)]
    assert all(seen)
    reader.commit(asynchronous=False)
    group = cluster.groups({name: topic})[name]
    assert [(m.name, m.partitions) for m in group.members] == [("one", [0, 1])]
    assert group.committed == {0: 5, 1: 3}
    assert cluster.groups({name: "another"})[name].committed == {}
    reader.close()


@pytest.mark.parametrize("question", ["brokers", "topics", "groups"])
def test_brokers_that_do_not_answer_are_given_up_soon(question: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        cluster, began = Cluster(address, {}, timeout=0.5), time.monotonic()
        asked = {"brokers": (), "topics": ({"x": 1},), "groups": ({"x": "y"},)}[question]
        with pytest.raises(LogError, match=f"No answer from {address}"):
            getattr(cluster, question)(*asked)
        assert time.monotonic() - began < 5


def quorum_answer(leader: int, error: int = 0) -> QuorumV0:
    return QuorumV0(0, [(TOPIC, [(0, error, leader, 7, 9, [], [], {})], {})], {})


def test_the_active_controller_is_whoever_leads_the_quorum() -> None:
    assert leader_in(quorum_answer(3)) == 3
    assert leader_in(quorum_answer(-1)) is None
    assert leader_in(quorum_answer(3, error=6)) is None
    assert leader_in(QuorumV0(29, [], {})) is None


@pytest.mark.kafka
def test_where_no_broker_tells_there_is_no_known_controller(kafka: str) -> None:
    host, _, port = kafka.partition(":")
    assert active_controller([("127.0.0.1", 9), (host, int(port))], {}) == 1
    assert active_controller([(host, int(port))], credentials("no such secret")) is None
    assert active_controller([("127.0.0.1", 9)], {}) is None


def history(seed: int) -> tuple[MemoryLog, list[tuple[int, str]], int]:
    """A partition on which deciders followed each other: their terms and names, and its end."""
    random, log, terms = Random(seed), MemoryLog(), list[tuple[int, str]]()
    log.create([Topic("events", 1, 1, {})])
    written = 0

    def append(term: int, event: TermStarted | Refused) -> None:
        nonlocal written
        record = EventRecord(
            id=str(written),
            source="tests",
            type=type_of(type(event)),
            subject="partition/0",
            time="2026-01-01T00:00:00.000Z",
            sequence=0,
            term=term,
            data=raw(event),
        )
        log.append("events", encode(record), key="k", partition=0)
        written += 1

    for term in range(1, random.randint(2, 8)):
        name = f"decide-{random.randrange(10**6)}"
        terms.append((term, name))
        append(term, TermStarted(name))
        append(term, TermStarted("too-late"))  # claimed the same term, and lost
        for _ in range(random.randint(0, 40)):
            append(term, Refused("x", "y"))
    return log, terms, written


@pytest.mark.parametrize("seed", range(20))
def test_the_holder_of_every_term_is_found_on_the_log(seed: int) -> None:
    log, terms, end = history(seed)
    lookup = RecordLookup(log, "events")
    holders = TermHolders(lookup)
    assert [(term, holders.holder(0, term, 0, end)) for term, _ in terms] == terms
    assert holders.holder(0, len(terms) + 1, 0, end) == ""
    last = newest(lookup, 0, 0, end)
    assert last is not None
    assert last.term == len(terms)
    assert newest(lookup, 0, end, end) is None
    lookup.close()
