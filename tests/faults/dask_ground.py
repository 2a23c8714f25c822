"""A system whose workers have a Dask cluster, on which steps of pipelines are at work."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from tests.faults.ground import Ground, Tally
from tests.faults.pipeline_ground import PARAMETERS, PipelineClient, PipelineGround, write_package
from tests.ml.on_dask.local_dask import LocalDask
from tests.support.waiting import until

ROWS = 300_000
WORKERS = 2
_WORDS = {f"f{at}": f'length(replace(upper(text), "A", "{"b" * at}"))' for at in range(12)}
FAR: list[dict[str, Any]] = [
    {"source": {"dataset": "many"}},
    {"features": {"add": _WORDS}, "name": "far"},
    {"clean": {"trim": True, "gaps": {"a": "median"}}},
]


class DaskGround(PipelineGround):
    """Two API processes, two workers, and a Dask cluster of a scheduler and two workers."""

    def __init__(self, kafka: str, folder: Path, seed: int, tally: Tally) -> None:
        self.asked = []
        self.packages = folder / "packages"
        write_package(self.packages)
        (folder / "dask").mkdir(parents=True)
        self.dask = LocalDask(folder / "dask")
        settings = {"AUTOLEARN_DASK": self.dask.address, "AUTOLEARN_DASK_ROWS": "1000"}
        Ground.__init__(self, kafka, folder, seed, tally, PYTHONPATH=str(self.packages), **settings)

    def start(self) -> None:
        """Start everything, with a large dataset and a pipeline on it."""
        self.man_dask()
        super().start()
        draw = np.random.default_rng(1)
        lines = [f"{a:.3f},{'' if a < 0.01 else at % 7}, Anna {at % 5}" for at, a in
                 enumerate(draw.random(ROWS))]  # fmt: skip
        url = f"{self.urls['api-a']}/v1/catalog/datasets/many"
        rows = "\n".join(["b,a,text", *lines]).encode()
        answer = httpx.put(url, content=rows, timeout=120, trust_env=False)
        assert answer.is_success, answer.text
        with self.client() as client:
            self.apply(
                client,
                {"pipeline": "far", "keep": "last 1000", "parameters": PARAMETERS, "steps": FAR},
            )

    def man_dask(self) -> None:
        """Start what is missing of the Dask cluster, as a manager of services does."""
        if self.dask.scheduler.poll() is not None:
            self.dask.start_scheduler()
        self.dask.workers = [one for one in self.dask.workers if one.poll() is None]
        while len(self.dask.workers) < WORKERS:
            self.dask.start_worker()

    @contextlib.contextmanager
    def far(self) -> Iterator[tuple[PipelineClient, str]]:
        """Have a run whose step is at some moment of its work on Dask; after it, it completes."""
        with self.client() as client:
            assert isinstance(client, PipelineClient)
            run = client.begin("far", 0, no_cache=True)
            until(
                lambda: self.is_at_work(client, run) or self.has_ended(client, run),
                "a step works, or did so between two heartbeats",
                pause=0.05,
            )
            yield client, run
            found = client.until_ended(run, 240)
            assert found["status"] == "completed", found

    def is_at_work(self, client: PipelineClient, run: str) -> bool:
        """Return whether the step `far` of a run does its work."""
        steps = {step["run"] for step in client.seen(run)["steps"] if step["name"] == "far"}
        return any(
            one["run"] in steps and one["phase"].startswith("running")
            for worker in self.workers(client)
            for one in worker["runs"]
        )

    def has_ended(self, client: PipelineClient, run: str) -> bool:
        """Return whether the step `far` of a run has ended."""
        return any(
            step["name"] == "far" and step["ended"] is not None
            for step in client.seen(run)["steps"]
        )

    def close(self) -> None:
        """End everything."""
        super().close()
        self.dask.stop()
