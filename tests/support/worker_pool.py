"""A system with several real workers, and runs that take as long as they are told to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from autolearn.client.sdk.client import AutoLearn
from tests.support.running_system import RunningSystem, running_system

SLEEPER = """
import time
from numbers import Real
from sklearn.naive_bayes import GaussianNB
from sklearn.utils._param_validation import Interval
from autolearn.ml.estimators.estimator import Estimator

class Sleeper(GaussianNB):
    _parameter_constraints = {
        **GaussianNB._parameter_constraints, "seconds": [Interval(Real, 0, None, closed="left")]
    }

    def __init__(self, *, priors=None, var_smoothing=1e-9, seconds=0.05):
        super().__init__(priors=priors, var_smoothing=var_smoothing)
        self.seconds = seconds

    def fit(self, X, y):
        time.sleep(self.seconds)
        return super().fit(X, y)

sleeper = Estimator(
    name="sleeper",
    task="classification",
    summary="Sleeps for a while.",
    factory=Sleeper,
)
"""


def write_package(folder: Path) -> None:
    """Write what pip leaves of an installed package that offers the model `sleeper`."""
    info = folder / "sleeper-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "sleeper.py").write_text(SLEEPER)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sleeper\nVersion: 1.0\n")
    (info / "RECORD").write_text("sleeper.py,,\nsleeper-1.0.dist-info/METADATA,,\n")
    (info / "entry_points.txt").write_text("[autolearn.estimators]\nsleeper = sleeper:sleeper\n")


class Worker:
    """One more `autolearn run work`."""

    def __init__(self, system: RunningSystem, instance: str) -> None:
        environment = {**os.environ, **system.system.environment(), "AUTOLEARN_INSTANCE": instance}
        path = system.system.home / "logs" / f"worker-{instance}.log"
        with path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "autolearn.agents", "work"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def wait_ready(self) -> None:
        """Wait until it takes tasks."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(10)

    def end(self) -> None:
        """SIGTERM, if it still runs."""
        self.process.terminate()
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()


class WorkerPool:
    """A system whose only workers are those that were started here, with one slot each."""

    def __init__(self, system: RunningSystem) -> None:
        self.system, self.client = system, system.client
        self.workers: dict[str, Worker] = {}

    def start(self, *instances: str) -> None:
        """Start workers at the same time, and wait until they are ready."""
        started = {instance: Worker(self.system, instance) for instance in instances}
        self.workers |= started
        for worker in started.values():
            worker.wait_ready()

    def end(self) -> None:
        """End the workers."""
        for worker in self.workers.values():
            worker.end()


@contextmanager
def worker_pool(kafka: str, home: Path, workers: int, **settings: Any) -> Iterator[WorkerPool]:
    """Run a system with so many workers, 0 the one of `autolearn up`."""
    write_package(home / "packages")
    with pytest.MonkeyPatch.context() as patch:
        path = os.pathsep.join([str(home / "packages"), os.environ.get("PYTHONPATH", "")])
        patch.setenv("PYTHONPATH", path)
        with running_system(kafka, home / "home", slots=1, **settings) as system:
            pool = WorkerPool(system)
            try:
                pool.start(*(str(number) for number in range(1, workers)))
                yield pool
            finally:
                pool.end()


def sleep(client: AutoLearn, session: str, seconds: float, count: int = 1) -> list[str]:
    """Ask for trainings that take so many seconds."""
    at = client.session(id=session)
    how = {"seconds": seconds}
    return [
        at.train("sleeper", "iris", hyperparameters=how, seed=n, wait=False).id
        for n in range(count)
    ]


class Course:
    """What the log says of runs: when they were requested, started by whom, and ended (seconds)."""

    def __init__(self, client: AutoLearn) -> None:
        self.requested: dict[str, float] = {}
        self.started: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
        self.ended: defaultdict[str, list[float]] = defaultdict(list)
        after = ""
        while (page := client.events(after=after, limit=1000)).items:
            for event in page.items:
                self.take(event)
            after = page.next

    def take(self, event: dict[str, Any]) -> None:
        name, run = event["type"].split(".")[1], event["data"].get("run", "")
        time = datetime.fromisoformat(event["time"]).timestamp()
        if name == "TrainingRequested":
            self.requested[run] = time
        elif name == "RunStarted":
            self.started[run].append((time, event["data"]["worker"]))
        elif name in ("RunCompleted", "RunFailed", "RunCancelled"):
            self.ended[run].append(time)

    def workers(self) -> set[str]:
        """Who has started anything."""
        return {worker for starts in self.started.values() for _, worker in starts}

    def longest_idle(self) -> float:
        """The longest time that a worker with one slot did nothing while a run waited.

        For runs that were never lost; and from a worker's first start on.
        """
        waits = [(at, self.started[run][0][0]) for run, at in self.requested.items()]
        return max(
            min(until, wait[1]) - max(since, wait[0])
            for worker in self.workers()
            for since, until in self.gaps(worker)
            for wait in waits
        )

    def gaps(self, worker: str) -> list[tuple[float, float]]:
        """When a worker did nothing between two runs of its own, and after the last."""
        mine = [
            (starts[0][0], self.ended[run][0])
            for run, starts in self.started.items()
            if starts[0][1] == worker
        ]
        mine.sort()
        begins = [begin for begin, _ in mine[1:]] + [float("inf")]
        return [(end, begin) for (_, end), begin in zip(mine, begins, strict=True)]
