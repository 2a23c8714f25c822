"""`autolearn worker slurm` on a real Slurm of one node: jobs come with the queue, and go."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from autolearn.runtime.child_process import python_command
from autolearn.schemas.settings import variables_of
from tests.support.clusters.slurm import found_in, one_node
from tests.support.running_system import RunningSystem, running_system
from tests.support.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.long]
MISSING = found_in(f"{os.environ['PATH']}{os.pathsep}/usr/sbin")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    if MISSING:
        pytest.skip(f"{', '.join(MISSING)} are not installed: scripts/slurm installs them")
    with one_node(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment


@pytest.fixture(scope="module")
def system(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    with running_system(kafka, tmp_path_factory.mktemp("home")) as running:
        yield running


@contextmanager
def scaling(
    system: RunningSystem, slurm: dict[str, str], *options: str
) -> Iterator[subprocess.Popen[str]]:
    command = python_command("autolearn.operations.scaling", "slurm", "--name=lab", *options)
    environment = slurm | variables_of(system.settings)
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=sys.stderr, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.terminate()
        assert process.wait(20) == 0


def jobs(slurm: dict[str, str]) -> list[str]:
    command = ["squeue", "--me", "--noheader", "--format=%j"]
    said = subprocess.run(command, env=slurm, capture_output=True, text=True, check=True)
    return said.stdout.split()


def test_workers_come_with_the_queue_survive_a_restart_and_go(
    system: RunningSystem, slurm: dict[str, str]
):
    session = system.client.session("slurm")
    given = ("--max=1", "--idle=5", "--labels=gpu=1,cores=1,memory=600")
    with scaling(system, slurm, *given) as process:
        assert jobs(slurm) == []
        runs = [
            session.train("decision-tree", "iris", seed=n, labels={"gpu": "1"}, wait=False)
            for n in range(4)
        ]
        assert process.stdout is not None
        assert "waiting, 0 workers: started jobs " in process.stdout.readline()
    assert jobs(slurm) == ["lab-0"]
    with scaling(system, slurm, *given):  # another one knows the job by its name
        for run in runs:
            run.wait(120)
            assert "-lab-0-" in run.data.worker
        assert jobs(slurm) == ["lab-0"]
        until(lambda: jobs(slurm) == [], "the idle worker has ended", 60)
