"""How fast, and in how much memory, 20 million rows go through select and clean into a model.

Parquet of 8 numbers with gaps, 3 categories and a class, 1 GB, in row groups of 500,000. The steps
select (by an expression) and clean (text) write a table each; then one pass of a stochastic
gradient descent after imputing, scaling and one-hot encoding. Each of the three is a run from its
start to the stored artifact, in a process of its own with a limit of 1 GiB; the training reads its
table twice. The memory is that of the largest process. Beside the training alone a plain loop that
reads the first quarter of the file once, fills gaps with 0, looks categories up by their codes, and
calls `partial_fit` for batches of the same size. Both have one thread, and one round. The bench has
4 GB of the disk at most; the four tables of its row groups repeat.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from autolearn.agents.executors.executor import Limits
from autolearn.agents.executors.local.executor import LocalExecutor
from autolearn.artifacts.datasets.profile import profile
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.events import StepRequested, TrainingRequested
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.values import Split
from tests.bench.datasets.measured_run import measured
from tests.bench.peers import told

ROWS, GROUP, TABLES = 20_000_000, 500_000, 4
LOOP_GROUPS = ROWS // GROUP // 4
LIMITS = Limits(time_s=900, memory_mb=1024)
CATEGORIES = {"city": 30, "plan": 3, "device": 4}
SCRIPT = """
import json, sys, time
import numpy as np, pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq
from sklearn.linear_model import SGDClassifier
from autolearn.ml.environment import one_thread
one_thread()
began, rows = time.perf_counter(), 0
model, widths = SGDClassifier(loss="log_loss", random_state=0), json.loads(sys.argv[2])
file, groups = pq.ParquetFile(sys.argv[1]), range(int(sys.argv[3]))
for batch in file.iter_batches(65_536, row_groups=groups, use_threads=False):
    numbers = [np.nan_to_num(batch[f"x{n}"].to_numpy(zero_copy_only=False)) for n in range(8)]
    parts = [np.column_stack(numbers)]
    for name, width in widths.items():
        words = pa.array([f"{name} {n}" for n in range(width)])
        parts.append(np.eye(width)[pc.index_in(batch[name], words).to_numpy()])
    answers = pc.index_in(batch["y"], pa.array(["no", "yes"])).to_numpy()
    model.partial_fit(np.concatenate(parts, axis=1), answers, classes=[0, 1])
    rows += len(answers)
print(json.dumps({"rows": rows, "seconds": time.perf_counter() - began}))
"""


async def stream() -> dict[str, float]:
    """Measure both."""
    with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder:
        at = Path(folder)
        store = ArtifactStore((at / "store").as_uri())
        version = await asyncio.to_thread(_stored, store, at / "big.parquet")
        path = store.fetch_blob(version, at)
        command = [sys.executable, "-c", SCRIPT, str(path), _widths(), str(LOOP_GROUPS)]
        answer = await asyncio.to_thread(told, command)
        assert answer["rows"] == LOOP_GROUPS * GROUP
        executor = LocalExecutor(store.url)
        spec = await asyncio.to_thread(_spec_of, path, version)
        try:
            await executor.warm()
            asked = _step("select", {"where": "x3 > -9"}, spec)
            selected = await measured(executor, "step", asked, LIMITS)
            asked = _step("clean", {"trim": True, "case": {"plan": "lower"}}, selected.result.table)
            cleaned = await measured(executor, "step", asked, LIMITS)
            run = await measured(executor, "training", _request(cleaned.result.table), LIMITS)
        finally:
            await executor.close()
    assert run.result.rows_train + run.result.rows_test == ROWS
    runs = (selected, cleaned, run)
    return {
        "stream_train_rows_per_s": ROWS / sum(one.seconds for one in runs),
        "stream_train_peak_pss_mb": max(one.peak for one in runs),
        "stream_select_rows_per_s": ROWS / selected.seconds,
        "stream_clean_rows_per_s": ROWS / cleaned.seconds,
        "stream_fit_rows_per_s": ROWS / run.seconds,
        "stream_loop_rows_per_s": answer["rows"] / answer["seconds"],
        "stream_vs_loop": ROWS / run.seconds / answer["rows"] * answer["seconds"],
    }


def _widths() -> str:
    return "{" + ", ".join(f'"{name}": {width}' for name, width in CATEGORIES.items()) + "}"


def _stored(store: ArtifactStore, path: Path) -> str:
    """Write the file, move it into the store, and return its digest."""
    tables = list(_tables())
    with pq.ParquetWriter(path, tables[0].schema) as writer:
        for number in range(ROWS // GROUP):
            writer.write_table(tables[number % TABLES], row_group_size=GROUP)
    version = store.put_blob(path).digest
    path.unlink()
    return version


def _tables() -> Iterator[pa.Table]:
    random = np.random.default_rng(0)
    for _ in range(TABLES):
        x = random.normal(size=(GROUP, 8))
        columns: dict[str, Any] = {
            f"x{n}": pa.array(x[:, n], mask=random.random(GROUP) < 0.03 if n < 3 else None)
            for n in range(8)
        }
        codes = {name: random.integers(0, many, GROUP) for name, many in CATEGORIES.items()}
        for name, many in CATEGORIES.items():
            words = pa.array([f"{name} {n}" for n in range(many)])
            columns[name] = words.take(pa.array(codes[name]))
        noise = random.normal(size=GROUP)
        answers = x[:, 3] - x[:, 4] / 2 + (codes["plan"] == 2) + noise > 0.3
        columns["y"] = pa.array(["no", "yes"]).take(pa.array(answers.astype(np.int8)))
        yield pa.table(columns)


def _spec_of(path: Path, version: str) -> DatasetSpec:
    return profile(path, name="big", format="parquet", version=version, bytes=path.stat().st_size)


def _step(function: str, parameters: dict[str, Any], table: DatasetSpec) -> StepRequested:
    return StepRequested(
        run=function,
        time_limit=LIMITS.time_s,
        memory_limit=LIMITS.memory_mb,
        max_attempts=1,
        pipeline_run="p1",
        step=function,
        function=function,
        package="autolearn",
        package_version="",
        digest="",
        parameters=parameters,
        tables=(table,),
    )


def _request(table: DatasetSpec) -> TrainingRequested:
    return TrainingRequested(
        run="t1",
        estimator="sgd",
        task="classification",
        library_version="",
        dataset=table.ref,
        target="y",
        schema_hash="",
        hyperparameters={"loss": "log_loss", "max_iter": 1},
        split=Split(0.25, True, "hash"),
        preprocessing=Preprocessing(),
        seed=0,
        read=table.read,
        batches=True,
        time_limit=LIMITS.time_s,
        memory_limit=LIMITS.memory_mb,
        max_attempts=1,
    )
