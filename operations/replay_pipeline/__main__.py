"""Check of a pipeline's run: do its steps again, and say how they compare with the record.

`python -m autolearn.operations.replay_pipeline`. Standard input has one `RecordedPipelineRun` in a
line, then an empty line; when it is closed after that, the tool stops. The result is a
PipelineReplay.

Nothing is asked of Kafka or the API. Everything is written to a temporary folder, which is gone at
the end, however it ends.

Exit code 1: a step differs or has failed.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from autolearn.agents.executors.local.executor import LocalExecutor
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.operations.replay_pipeline.replay import PipelineReplayer
from autolearn.operations.retrain.retrain import Retraining
from autolearn.operations.retrain.standard_input import read_records, until_stopped
from autolearn.operations.tool import ProgressLines, ToolResult, run_as_tool
from autolearn.runtime.home import artifacts_url
from autolearn.schemas.errors import ExitCode
from autolearn.schemas.reports.pipeline_replay import PipelineReplay, RecordedPipelineRun
from autolearn.schemas.settings import Settings
from autolearn.schemas.workers.cluster import DaskSettings

_BAD = ("differs", "failed")


async def replay(
    recorded: RecordedPipelineRun,
    store: str,
    told: Callable[[int, str, str], None] = lambda *_: None,
    cluster: DaskSettings | None = None,
) -> PipelineReplay:
    """Do the steps of a run again; `store` is the URL of the artifact store, only for reading.

    Trainings that were done on a Dask cluster are done on `cluster`.

    Raises:
        RuntimeError: no process could be started for the work.
    """
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="autolearn-replay-") as folder:
        scratch = Path(folder).as_uri()
        executor = LocalExecutor(scratch)
        try:
            await executor.warm()
            stores = ArtifactStore(store), ArtifactStore(scratch)
            by = Retraining(executor, *stores, cluster=cluster)
            found = await PipelineReplayer(recorded, by, told).check()
        finally:
            await executor.close()
    same = not any(one.verdict in _BAD for one in found)
    seconds = time.perf_counter() - began
    return PipelineReplay(recorded.run, recorded.pipeline, found, same, seconds)


def work(settings: Settings, _: argparse.Namespace, progress: ProgressLines) -> ToolResult:
    """Do the steps of the run of standard input again."""
    (recorded,) = read_records(RecordedPipelineRun, "a recorded run of a pipeline")

    def told(done: int, step: str, phase: str) -> None:
        progress(done, len(recorded.steps), f"{step} {phase}")

    again = replay(recorded, artifacts_url(settings), told, settings.workers.cluster)
    result = asyncio.run(until_stopped(again))
    return result, ExitCode.DONE if result.same else ExitCode.NO


if __name__ == "__main__":
    run_as_tool(
        work, argparse.ArgumentParser(prog="python -m autolearn.operations.replay_pipeline")
    )
