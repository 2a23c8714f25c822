"""Runs of pipelines go on when what conducts them, or does their steps, is killed or paused.

A step that is out of memory, time or disk ends its run, and a repeat goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from tests.faults.ground import Tally, running
from tests.faults.kinds import limits, pipelines
from tests.faults.kinds.disk import can_mount
from tests.faults.pipeline_ground import PipelineGround

pytestmark = [pytest.mark.kafka, pytest.mark.long]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineGround]:
    folder = tmp_path_factory.mktemp("pipelines")
    with (
        EmbeddedBroker(install(), folder / "kafka") as broker,
        running(PipelineGround(broker.bootstrap, folder, 21, Tally())) as on,
    ):
        yield on


@pytest.mark.parametrize(
    "fault", [*pipelines.FAULTS, *limits.FAULTS], ids=lambda fault: fault.__name__
)
def test_a_run_goes_on(system: PipelineGround, fault: Callable[[PipelineGround], None]):
    system.begin(22)
    with system.load(clients=1):
        fault(system)
    system.verdict()


@pytest.mark.skipif(not can_mount(), reason="only root can mount small disks")
def test_a_run_without_room_on_the_disk_fails_and_is_repeated(tmp_path: Path):
    with (
        limits.small_disks(tmp_path) as disks,
        EmbeddedBroker(install(), tmp_path / "kafka") as broker,
        running(limits.SmallDisks(broker.bootstrap, tmp_path, 23, Tally(), *disks)) as on,
    ):
        for fault in limits.DISK_FAULTS:
            fault(on)
        on.verdict()
