"""How fast, and in how much memory, a model predicts a dataset of a million rows.

The pipeline is 10 numbers and 4 categories with imputing, scaling, one-hot, and a logistic
regression. The time is that of a run from its start to the stored rows (Parquet), in a process of
its own; the memory is that of this process at its most. Beside it a plain script: `predict_proba`
of the same fitted pipeline over the same batches of Parquet, which keeps nothing. Both have one
thread; in turns, the fastest of three rounds each.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from autolearn.agents.executors.executor import Limits
from autolearn.agents.executors.local.executor import LocalExecutor
from autolearn.artifacts.datasets.profile import profile
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.training.train import train
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.events import PredictionRequested
from tests.bench.datasets.measured_run import measured
from tests.bench.datasets.mixed_table import mixed_table
from tests.bench.peers import told
from tests.support.run_samples import nothing, training

ROWS, LEARNED, ROUNDS = 1_000_000, 5_000, 3
LIMITS = Limits(time_s=300, memory_mb=2048)
SCRIPT = """
import json, sys, time
import numpy as np, pyarrow.parquet as pq
from autolearn.ml.environment import one_thread
from autolearn.ml.models.skops_file import load
from autolearn.ml.models.trusted_types import TRUSTED
from pathlib import Path
one_thread()
pipeline, rows = load(Path(sys.argv[1]), TRUSTED), 0
began = time.perf_counter()
for batch in pq.ParquetFile(sys.argv[2]).iter_batches(10_000, use_threads=False):
    frame = batch.to_pandas().replace({None: np.nan})
    rows += len(pipeline.predict_proba(frame[pipeline.feature_names_in_]))
print(json.dumps({"rows": rows, "seconds": time.perf_counter() - began}))
"""


async def batch() -> dict[str, float]:
    """Measure both."""
    with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder:
        at = Path(folder)
        store = ArtifactStore((at / "store").as_uri())
        request = await asyncio.to_thread(asked, store, at)
        model = store.fetch_folder(request.artifact, at / "model") / "model.skops"
        command = [sys.executable, "-c", SCRIPT, str(model), str(at / "big.parquet")]
        executor = LocalExecutor(store.url)
        ours, bare, peaks = [], [], []
        try:
            await executor.warm()
            for _ in range(ROUNDS):
                run = await measured(executor, "prediction", request, LIMITS)
                assert run.result.rows == ROWS
                ours.append(run.seconds)
                peaks.append(run.peak)
                answer = await asyncio.to_thread(told, command)
                assert answer["rows"] == ROWS
                bare.append(answer["seconds"])
        finally:
            await executor.close()
    return {
        "batch_rows_per_s": ROWS / min(ours),
        "batch_peak_pss_mb": max(peaks),
        "batch_sklearn_rows_per_s": ROWS / min(bare),
        "batch_vs_sklearn": min(bare) / min(ours),
    }


def asked(store: ArtifactStore, at: Path) -> PredictionRequested:
    """Train on some rows, and return the request to predict a million."""
    few = registered(store, at / "few.parquet", LEARNED)
    fields = {"dataset": few.ref, "read": few.read, "target": "y", "schema_hash": ""}
    artifact = train(training(store, "logistic-regression", **fields), store, nothing).artifact
    many = registered(store, at / "big.parquet", ROWS)
    return PredictionRequested(
        run="p1",
        training="t1",
        artifact=artifact.digest,
        dataset=many.ref,
        read=many.read,
        form="parquet",
        time_limit=300.0,
        memory_limit=2048,
        max_attempts=3,
    )


def registered(store: ArtifactStore, path: Path, rows: int) -> DatasetSpec:
    """Write and store a dataset of 10 numbers and 4 categories with gaps; return how it is read."""
    pq.write_table(mixed_table(rows, seed=rows), path)
    version = store.put_blob(path).digest
    size = path.stat().st_size
    return profile(path, name=path.stem, format="parquet", version=version, bytes=size)
