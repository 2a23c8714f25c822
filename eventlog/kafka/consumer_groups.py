"""Consumer groups: their members and committed offsets.

Requested with aiokafka, because librdkafka may abort the whole process when such a request times
out or loses its connection (confluentinc/librdkafka#4605, seen here with 2.16.0 and three brokers).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError
from msgspec import Struct

from autolearn.schemas.errors import LogError
from autolearn.schemas.reports.status import Member

_PAUSE = 0.1
"""Seconds between two requests while the coordinator of a group is being chosen."""
_RANDOM_PART = re.compile(r"-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
"""The suffix that a broker adds to the name of a static member."""


class GroupState(Struct):
    """A consumer group: its members, and the offset that it reads next, per partition."""

    members: list[Member]
    committed: dict[int, int]


def groups_of(
    bootstrap: str, client: Mapping[str, str], names: Mapping[str, str], timeout: float
) -> dict[str, GroupState]:
    """Return groups by name; `names` has the topic of each. One may be empty (blocks).

    `client` holds the properties of the Kafka client. It runs an event loop of its own.

    Raises:
        LogError: the brokers have not answered everything after `timeout` seconds.
    """

    async def ask() -> dict[str, GroupState]:
        async with asyncio.timeout(timeout):
            admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **security(client))
            try:
                await admin.start()
                return {name: await _group_of(admin, name, at) for name, at in names.items()}
            finally:
                await admin.close()

    try:
        return asyncio.run(ask())
    except (KafkaError, TimeoutError, OSError) as error:
        why = str(error) or "no answer in time"
        raise LogError(
            f"No answer from {bootstrap} about consumer groups: {why}.",
            advice="Check that the brokers run, and AUTOLEARN_KAFKA.",
        ) from None


async def _group_of(admin: Any, name: str, topic: str) -> GroupState:
    """Return one group; wait while its coordinator is being chosen."""
    while True:
        try:
            coordinator = await admin.find_coordinator(name)
            (answer,) = await admin.describe_consumer_groups([name], coordinator)
            committed = await admin.list_consumer_group_offsets(name, coordinator)
            break
        except KafkaError as error:
            if not error.retriable:
                raise
        await asyncio.sleep(_PAUSE)
    ((_, _, _, _, _, members),) = answer.groups
    return GroupState(
        sorted((_member_of(*about) for about in members), key=lambda one: one.name),
        {at.partition: o.offset for at, o in committed.items() if at.topic == topic},
    )


def _member_of(name: str, _: str, host: str, __: bytes, assignment: bytes) -> Member:
    given = ConsumerProtocolMemberAssignment.decode(assignment).assignment if assignment else ()
    partitions = sorted(partition for _, some in given for partition in some)
    return Member(_RANDOM_PART.sub("", name), host.lstrip("/"), partitions)


def security(client: Mapping[str, str]) -> dict[str, Any]:
    """Translate the security properties of librdkafka for aiokafka."""
    protocol = client.get("security.protocol", "PLAINTEXT").upper()
    mechanism = client.get("sasl.mechanism", client.get("sasl.mechanisms", "PLAIN"))
    found: dict[str, Any] = {"security_protocol": protocol}
    if protocol in ("SSL", "SASL_SSL"):
        found["ssl_context"] = ssl_context(client)
    if protocol.startswith("SASL"):
        found |= {
            "sasl_mechanism": mechanism,
            "sasl_plain_username": client.get("sasl.username"),
            "sasl_plain_password": client.get("sasl.password"),
        }
    return found


def ssl_context(client: Mapping[str, str]) -> ssl.SSLContext:
    """Return the SSL context for the TLS settings of librdkafka."""
    context = ssl.create_default_context(cafile=client.get("ssl.ca.location"))
    if "ssl.certificate.location" in client:
        context.load_cert_chain(
            client["ssl.certificate.location"],
            client.get("ssl.key.location"),
            client.get("ssl.key.password"),
        )
    return context
