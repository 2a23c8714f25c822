"""How long predictions of 100,000 rows take: from a CSV file to the stored files of the output.

Beside it scikit-learn alone: `predict` and `predict_proba` of the same fitted pipeline, of the same
rows as a data frame in memory. Both have one thread; in turns, the median of three rounds each.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from random import Random

from autolearn.artifacts.datasets.profile import profile
from autolearn.artifacts.datasets.table import read_table
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.evaluation.stored_artifact import open_model
from autolearn.ml.prediction.predict import predict
from autolearn.ml.training.train import train
from autolearn.schemas.events import PredictionRequested
from autolearn.schemas.values import DatasetRef
from tests.support.run_samples import PENGUINS, nothing, training

ROWS, ROUNDS = 100_000, 3


async def prediction() -> dict[str, float]:
    """Measure in this process, without a system."""
    return await asyncio.to_thread(measure)


def measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder:
        store = ArtifactStore((Path(folder) / "store").as_uri())
        artifact = train(training(store, "random-forest"), store, nothing).artifact.digest
        file = Path(folder) / "rows.csv"
        head, *lines = PENGUINS.decode().splitlines()
        file.write_text("\n".join([head, *Random(0).choices(lines, k=ROWS)]) + "\n")
        request = asked(store, file, artifact, head.split(","))
        model = open_model(store, artifact, Path(folder))
        table = read_table(file, request.read)
        features = table.features({one.name: one.type for one in model.schema.columns})
        ours, bare = [], []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            assert predict(request, store, nothing).rows == ROWS
            ours.append(time.perf_counter() - began)
            began = time.perf_counter()
            model.pipeline.predict(features)
            model.pipeline.predict_proba(features)
            bare.append(time.perf_counter() - began)
    took, floor = statistics.median(ours), statistics.median(bare)
    return {
        "predict_100k_rows_s": took,
        "predict_sklearn_s": floor,
        "predict_vs_sklearn": took / floor,
    }


def asked(
    store: ArtifactStore, file: Path, artifact: str, wanted: list[str]
) -> PredictionRequested:
    """Return the request for predictions of a file, which is read as the API finds out."""
    content = file.read_bytes()
    version = store.put_blob([content]).digest
    found = profile(
        file, name="rows", format="csv", version=version, bytes=len(content), wanted=tuple(wanted)
    )
    return PredictionRequested(
        run="p1",
        training="t1",
        artifact=artifact,
        dataset=DatasetRef("rows", version),
        read=found.read,
        time_limit=60.0,
        memory_limit=2048,
        max_attempts=3,
    )
