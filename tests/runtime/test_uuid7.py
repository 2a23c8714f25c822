"""Ids in the order of time."""

import uuid

from autolearn.runtime.uuid7 import time_of, uuid7


def test_ids_are_of_version_7_and_tell_their_time():
    made = [uuid7(1_764_241_000_123) for _ in range(200)]
    assert len({*made}) == 200
    for one in made:
        read = uuid.UUID(one)
        assert (str(read), read.version, read.variant) == (one, 7, uuid.RFC_4122)
        assert time_of(one) == 1_764_241_000_123
    assert uuid7(1_764_241_000_124) > max(made)
    assert time_of(str(uuid.uuid4())) is None
    random = [uuid.UUID(one).int & ~(0xF << 76 | 3 << 62) for one in made]
    assert all(any(one >> bit & 1 for one in random) for bit in [*range(62), *range(64, 76)])
