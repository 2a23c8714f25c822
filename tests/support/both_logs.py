"""Both logs, with topics of their own, for contracts that both must keep."""

import uuid
from collections.abc import Iterator

import pytest

from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.eventlog.log import Log
from autolearn.testing import MemoryLog
from autolearn.testing.log_contract import Bench


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    log: Log = (
        MemoryLog() if request.param == "memory" else KafkaLog(request.getfixturevalue("kafka"))
    )
    yield Bench(log, f"test-{uuid.uuid4().hex[:12]}")
    log.close()
