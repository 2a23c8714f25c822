"""The partition of a key: murmur2, as in Java clients and in librdkafka."""

from __future__ import annotations

SEED, FACTOR, SHIFT = 0x9747B28C, 0x5BD1E995, 24
_WORD = 0xFFFFFFFF


def partition_of(key: str | bytes, partitions: int) -> int:
    """Return the partition of a key (org.apache.kafka.common.utils.Utils.toPositive)."""
    data = key.encode() if isinstance(key, str) else key
    return (_murmur2(data) & 0x7FFFFFFF) % partitions


def _murmur2(data: bytes) -> int:
    """Return the 32-bit MurmurHash2 of A. Appleby, with Kafka's seed."""
    value = SEED ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        part = int.from_bytes(data[at : at + 4], "little") * FACTOR & _WORD
        part = (part ^ part >> SHIFT) * FACTOR & _WORD
        value = (value * FACTOR & _WORD) ^ part
    if whole < len(data):
        value = (value ^ int.from_bytes(data[whole:], "little")) * FACTOR & _WORD
    value = (value ^ value >> 13) * FACTOR & _WORD
    return value ^ value >> 15
