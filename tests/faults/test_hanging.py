"""What hangs in `autolearn up` is killed and started again: the cut of `make check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.ground import Tally
from tests.faults.kinds.hang import TARGETS, installation

pytestmark = pytest.mark.kafka


@pytest.mark.long
def test_what_is_stopped_is_started_again_and_nothing_is_lost(tmp_path: Path):
    with installation(tmp_path, 17, Tally()) as system:
        with system.load(clients=1):
            for target in ("agents", "fork server"):
                system.stop_one(target)
        system.verdict()
        log = (tmp_path / "logs" / "agents.log").read_text(errors="replace")
        assert "Fatal Python error: Aborted" in log
        assert "Current thread" in log or "Thread 0x" in log


@pytest.mark.long
@pytest.mark.timeout(900)
def test_everything_that_can_be_stopped_is_started_again(tmp_path: Path):
    with installation(tmp_path, 18, Tally()) as system:
        with system.load():
            for target in TARGETS:
                again, _ = system.stop_one(target)
                assert again < 30  # 15 on a machine that is not shared
        system.verdict()
