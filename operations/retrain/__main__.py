"""Retrain check: train recorded trainings again, and say how they compare with the record.

`python -m autolearn.operations.retrain`. Standard input has one `RecordedTraining`
a line, then an empty line; when it is closed after that, the tool stops. The result is a
RetrainCheck.

Nothing is asked of Kafka or the API. Datasets and artifacts are read from the artifact store of the
settings; everything is written to a temporary folder, which is gone at the end, however it ends.

Exit code 1: something of the record was not confirmed.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from autolearn.agents.executors.local.executor import LocalExecutor
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.operations.retrain.retrain import Retraining
from autolearn.operations.retrain.standard_input import read_records, until_stopped
from autolearn.operations.tool import ProgressLines, ToolResult, run_as_tool
from autolearn.runtime.home import artifacts_url
from autolearn.schemas.errors import ExitCode
from autolearn.schemas.reports.retrain import RecordedTraining, RetrainCheck
from autolearn.schemas.settings import Settings
from autolearn.schemas.workers.cluster import DaskSettings

Told = Callable[[int, str, str], None]
"""Receives the number of finished trainings, the present one, and its phase."""


async def check(
    trainings: Sequence[RecordedTraining],
    store: str,
    told: Told = lambda *_: None,
    cluster: DaskSettings | None = None,
) -> RetrainCheck:
    """Repeat the recorded trainings; `store` is the URL of the artifact store, only for reading.

    Raises:
        RuntimeError: no process could be started for the work.
    """
    began, found = time.perf_counter(), []
    with tempfile.TemporaryDirectory(prefix="autolearn-retrain-") as folder:
        scratch = Path(folder).as_uri()
        executor = LocalExecutor(scratch)
        try:
            await executor.warm()
            for done, recorded in enumerate(trainings):
                run = recorded.request.run

                def phase(name: str, done: int = done, run: str = run) -> None:
                    told(done, run, name)

                phase("fetching")
                stores = ArtifactStore(store), ArtifactStore(scratch)
                by = Retraining(executor, *stores, phase, cluster)
                found.append(await by.check(recorded))
                told(done + 1, run, found[-1].verdict)
        finally:
            await executor.close()
    same = all(one.same for one in found)
    return RetrainCheck(tuple(found), same, time.perf_counter() - began)


def work(settings: Settings, _: argparse.Namespace, progress: ProgressLines) -> ToolResult:
    """Repeat the trainings of standard input."""
    trainings = read_records(RecordedTraining, "a recorded training")
    store = artifacts_url(settings)

    def told(done: int, training: str, phase: str) -> None:
        progress(done, len(trainings), f"{training[:8]} {phase}")

    again = check(trainings, store, told, settings.workers.cluster)
    result = asyncio.run(until_stopped(again))
    return result, ExitCode.DONE if result.same else ExitCode.NO


if __name__ == "__main__":
    run_as_tool(work, argparse.ArgumentParser(prog="python -m autolearn.operations.retrain"))
