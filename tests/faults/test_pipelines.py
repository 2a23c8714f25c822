"""Runs of pipelines go on when what conducts them, or does their steps, is killed or paused."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from tests.faults.ground import Tally, running
from tests.faults.kinds.pipelines import FAULTS
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


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_run_goes_on(system: PipelineGround, fault: Callable[[PipelineGround], None]):
    system.begin(22)
    with system.load(clients=1):
        fault(system)
    system.verdict()
