"""Finds the active controller.

With KRaft the brokers name any one of them as `controller` in their metadata: clients are not to
talk to the real one. DescribeQuorum (KIP-595) names the leader of the quorum; present client
libraries do not offer it to Python, so its messages are described here, for aiokafka.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

from autolearn.eventlog.kafka.consumer_groups import security

TOPIC, PARTITION = "__cluster_metadata", 0
_PATIENCE = 1.0
"""Seconds within which a broker must answer."""
_TAGS = ("tags", TaggedFields)
_REPLICAS = CompactArray(("id", Int32), ("end", Int64), _TAGS)


class QuorumV0(Response):  # type: ignore[misc]
    """The leader of the quorum, and the progress of the others."""

    API_KEY = 55
    API_VERSION = 0
    SCHEMA = Schema(
        ("error", Int16),
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        *(("index", Int32), ("error", Int16), ("leader", Int32), ("epoch", Int32)),
                        *(("end", Int64), ("voters", _REPLICAS), ("observers", _REPLICAS), _TAGS),
                    ),
                ),
                _TAGS,
            ),
        ),
        _TAGS,
    )


class _DescribeQuorumV0(RequestStruct):  # type: ignore[misc]
    """A request about the quorum of some partitions."""

    FLEXIBLE_VERSION = True
    API_KEY = 55
    API_VERSION = 0
    RESPONSE_TYPE = QuorumV0
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("partitions", CompactArray(("index", Int32), _TAGS)),
                _TAGS,
            ),
        ),
        _TAGS,
    )


class _DescribeQuorum(Request[_DescribeQuorumV0]):  # type: ignore[misc]
    """A request for the leader of the controllers' quorum."""

    API_KEY = 55

    def build(self, request_struct_class: type[_DescribeQuorumV0]) -> _DescribeQuorumV0:
        """Return the message."""
        return request_struct_class([(TOPIC, [(PARTITION, {})], {})], {})


def active_controller(brokers: Iterable[tuple[str, int]], client: Mapping[str, str]) -> int | None:
    """Return the id of the active controller; None when no broker answers (blocks).

    `client` holds the properties of the Kafka client. It runs an event loop of its own.
    """
    return asyncio.run(_first_answer(brokers, client))


async def _first_answer(
    brokers: Iterable[tuple[str, int]], client: Mapping[str, str]
) -> int | None:
    """Ask the brokers one after the other, until one answers."""
    for host, port in brokers:
        try:
            async with asyncio.timeout(_PATIENCE):
                connection = await create_conn(host, port, **security(client))
                try:
                    return leader_in(await connection.send(_DescribeQuorum()))
                finally:
                    connection.close()
        except (OSError, KafkaError, TimeoutError, ValueError):
            continue
    return None


def leader_in(answer: QuorumV0) -> int | None:
    """Return the leader of the one requested partition; None when there is none."""
    if answer.error or not answer.topics:
        return None
    ((_, ((_, error, leader, *_),), _),) = answer.topics
    return None if error or leader < 0 else int(leader)
