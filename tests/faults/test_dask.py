"""Steps on a Dask cluster end, once each, when processes of the cluster are killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from tests.faults.dask_ground import DaskGround
from tests.faults.ground import Tally, running
from tests.faults.kinds.dask import kill_dask_scheduler, kill_dask_worker

pytestmark = [pytest.mark.kafka, pytest.mark.long]


def test_a_step_goes_on_when_a_process_of_dask_is_killed(tmp_path: Path) -> None:
    with (
        EmbeddedBroker(install(), tmp_path / "kafka") as broker,
        running(DaskGround(broker.bootstrap, tmp_path, 23, Tally())) as on,
    ):
        kill_dask_worker(on)
        kill_dask_scheduler(on)
        on.verdict(120)
