"""Which broker is the active controller.

With KRaft the brokers name any one of them as `controller` in their metadata: clients are not to
talk to the real one. DescribeQuorum (KIP-595) tells who leads the quorum; client libraries of today
do not offer it to Python, so it is spoken by hand, over plain connections only.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping

__all__ = ["active_controller"]

API_KEY, VERSION, CORRELATION, NO_CLIENT_ID = 55, 0, 1, -1
TOPIC = b"__cluster_metadata"
PATIENCE = 1.0
"""Seconds within which a broker must answer."""
# Flexible encoding (KIP-482): lengths are one more than they say, and structures end with tags.
HEADER = struct.pack(">hhihB", API_KEY, VERSION, CORRELATION, NO_CLIENT_ID, 0)
BODY = bytes([2, len(TOPIC) + 1]) + TOPIC + bytes([2]) + struct.pack(">i", 0) + bytes(3)
REQUEST = struct.pack(">i", len(HEADER) + len(BODY)) + HEADER + BODY


def active_controller(brokers: Iterable[tuple[str, int]], client: Mapping[str, str]) -> int | None:
    """Return the id of the active controller; None when no broker tells.

    `client` holds the properties of the Kafka client: with TLS or SASL nobody is asked.
    """
    if client.get("security.protocol", "PLAINTEXT").upper() != "PLAINTEXT":
        return None
    for host, port in brokers:
        try:
            with socket.create_connection((host, port), PATIENCE) as one:
                one.sendall(REQUEST)
                with one.makefile("rb") as stream:
                    (length,) = struct.unpack(">i", stream.read(4))
                    return leader_in(stream.read(length))
        except (OSError, struct.error):
            continue
    return None


def leader_in(answer: bytes) -> int | None:
    """Return the leader of the one partition asked for; None when there is none.

    Raises:
        struct.error: the answer is cut off.
    """
    # correlation, tags, error; topics: count, name; partitions: count, index, error, leader
    at = struct.calcsize(">iBhB")
    (_, _, failed, topics) = struct.unpack_from(">iBhB", answer)
    if failed or topics != 2:
        return None
    at += 1 + len(TOPIC)
    _, _, error, leader = struct.unpack_from(">Bihi", answer, at)
    return None if error or leader < 0 else int(leader)
