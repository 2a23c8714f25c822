"""The partition of a key is the one that librdkafka and Java clients choose."""

from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from autolearn.eventlog.memory.partitioner import partition_of


@given(st.binary(max_size=80) | st.text(max_size=80), st.integers(1, 1000))
def test_it_is_that_of_another_implementation(key: str | bytes, partitions: int):
    data = key.encode() if isinstance(key, str) else key
    assert partition_of(key, partitions) == (murmur2(data) & 0x7FFFFFFF) % partitions
