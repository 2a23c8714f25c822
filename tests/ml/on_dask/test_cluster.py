"""A real Dask cluster: its scheduler and two workers are processes of this machine."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.cluster import connected, offered
from autolearn.ml.errors import InputError, Interrupted
from autolearn.ml.evaluation.stored_artifact import open_model
from autolearn.ml.run_step import run_step
from autolearn.ml.steps import tables
from autolearn.ml.training.train import train
from autolearn.schemas.workers.cluster import DaskSettings
from tests.ml.on_dask.local_dask import LocalDask
from tests.ml.on_dask.test_parts import STEPS, asked, data, rows
from tests.support.run_samples import nothing, training
from tests.support.waiting import until

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDask]:
    cluster = LocalDask(tmp_path_factory.mktemp("dask"))
    cluster.start_worker()
    cluster.start_worker()
    yield cluster
    cluster.stop()


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


def slow(seconds: float, part: int) -> int:
    time.sleep(seconds)
    return part


@pytest.mark.parametrize(("function", "parameters"), [STEPS[0], STEPS[2], STEPS[6]])
def test_a_step_on_dask_gives_the_bytes_of_the_step_here(
    dask: LocalDask,
    store: ArtifactStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    parameters: dict[str, Any],
) -> None:
    request = asked(data(store, tmp_path, rows(3000)), function, parameters)
    here = run_step(request, store, nothing)
    monkeypatch.setattr(tables, "rows_of_batch", lambda _: 256)
    with offered(DaskSettings(dask.address)):
        there = run_step(request, store, nothing)
    assert (there.artifact, there.report, there.table) == (here.artifact, here.report, here.table)


def test_lightgbm_learns_on_dask_and_its_model_is_read_without(
    dask: LocalDask, store: ArtifactStore, tmp_path: Path
) -> None:
    request = training(store, "lightgbm-dask", task="classification")
    with offered(DaskSettings(dask.address)):
        first = train(request, store, nothing)
        again = train(request, store, nothing)
    assert first.artifact == again.artifact, "the request says what the model depends on"
    model = open_model(store, first.artifact.digest, tmp_path)
    assert type(model.pipeline[-1]).__name__ == "LGBMClassifier"
    with pytest.raises(InputError, match="this worker has none"):
        train(request, store, nothing)


def test_a_cluster_that_dies_or_is_not_there_interrupts_the_run(tmp_path: Path) -> None:
    cluster = LocalDask(tmp_path)
    worker = cluster.start_worker()
    try:
        with offered(DaskSettings(cluster.address)), connected() as there:
            assert there is not None
            results = there.each(slow, 0.2, range(100))
            assert [next(results), next(results)] == [0, 1]
            cluster.start_worker()
            worker.kill()
            assert [next(results) for _ in range(6)] == [2, 3, 4, 5, 6, 7]
            cluster.scheduler.kill()
            began = time.monotonic()
            with pytest.raises(Interrupted, match="was lost"):
                list(results)
            assert time.monotonic() - began < 20
    finally:
        cluster.stop()


KILLED = """
import sys, time
from autolearn.ml.cluster import connected, offered
from autolearn.schemas.workers.cluster import DaskSettings
from tests.ml.on_dask.test_cluster import slow
with offered(DaskSettings(sys.argv[1])), connected() as there:
    for done in there.each(slow, 0.5, range(1000)):
        print(done, flush=True)
"""


def test_the_end_of_a_run_frees_the_cluster(dask: LocalDask) -> None:
    from distributed import Client

    folder = Path(__file__).parents[3]
    command = [sys.executable, "-c", KILLED, dask.address]
    with (
        Client(dask.address, set_as_default=False) as client,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as run,
    ):
        assert run.stdout is not None
        assert run.stdout.readline() == b"0\n"
        until(lambda: any(client.processing().values()), "its parts are there")
        run.kill()
        killed = time.monotonic()
        until(lambda: not any(client.processing().values()), "the cluster is free", 10)
        until(lambda: not any(client.call_stack().values()), "its workers do nothing", 10)
        assert time.monotonic() - killed < 5
