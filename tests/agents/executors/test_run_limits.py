"""What a run may take: what its request says, and never more than its worker gives."""

from pathlib import Path

import pytest

from autolearn.agents.executors.executor import Limits
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.schemas.codec import raw
from autolearn.schemas.records.task import Task
from tests.support import samples
from tests.support.attempts import attempt_runner
from tests.support.settings import settings_of


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((5.0, 256), (5.0, 256)),
        ((60.0, 512), (60.0, 512)),
        ((7 * 86400.0, 2**24), (60.0, 512)),
        ((1.0, 2**60), (1.0, 512)),
        ((1e300, 256), (60.0, 256)),
    ],
)
def test_a_worker_gives_no_more_than_its_settings(tmp_path: Path, asked, given):
    settings = settings_of(home=str(tmp_path), time_limit=60.0, memory_limit=512)
    runner = attempt_runner(settings, MemoryLog())
    request = raw(samples.request_training(time_limit=asked[0], memory_limit=asked[1]))
    opened = runner.open(Task("training", "t1", samples.SESSION, 1, request, *asked))
    assert opened is not None
    assert opened[1] == Limits(*given)
