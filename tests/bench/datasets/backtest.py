"""How fast what a model was asked is replayed through a version, and compared.

Requests of one row each are on a prediction log of Kafka, encrypted, of the pipeline of `batch`: 10
numbers and 4 categories, and a logistic regression. The time is from the first read of the log to
the comparison: the rows are frozen as a table, and predicted in a process of its own. Beside it a
plain script: `predict_proba` of the same fitted pipeline over that table, which reads no log and
keeps nothing. Both have one thread; in turns, the fastest of three rounds each.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace

from autolearn.agents.executors.executor import Completed
from autolearn.agents.executors.local.executor import LocalExecutor
from autolearn.api.services.models.asked_rows import AskedRows, LogPart, freeze
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.runtime.timestamps import text
from autolearn.runtime.uuid7 import uuid7
from autolearn.schemas.catalog import CLASSIFICATION
from autolearn.schemas.events import PredictionRequested
from autolearn.schemas.models.backtests import ASKED_COLUMNS
from autolearn.schemas.records.prediction import PredictionContent, PredictionRecord
from autolearn.schemas.values import DatasetRef
from autolearn.security.data_key import NONCE
from tests.bench.chain import TOPICS
from tests.bench.datasets.batch import LIMITS, ROUNDS, SCRIPT, asked
from tests.bench.peers import told

ROWS, _UNSENT = 100_000, 20_000
MODEL = "asked"


async def backtest() -> dict[str, float]:
    """Measure both."""
    with (
        tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder,
        EmbeddedBroker(install(), Path(folder, "kafka")) as broker,
    ):
        at = Path(folder)
        store = ArtifactStore((at / "store").as_uri())
        request = await asyncio.to_thread(asked, store, at)
        model = store.fetch_folder(request.artifact, at / "model") / "model.skops"
        log, cipher = KafkaLog(broker.bootstrap), AESGCM(secrets.token_bytes(32))
        executor = LocalExecutor(store.url)
        frozen, whole, bare = [], [], []
        try:
            topic = TOPICS.predictions
            log.create([topic])
            kinds = await asyncio.to_thread(recorded, log, topic.name, cipher, at / "big.parquet")
            part = LogPart(log, topic.name, lambda *_: cipher)
            await executor.warm()
            for number in range(ROUNDS):
                table = at / f"asked{number}.parquet"
                began = time.perf_counter()
                again = await asyncio.to_thread(data_of, part, kinds, table, store, request)
                frozen.append(time.perf_counter() - began)
                done = await executor.start("prediction", again, LIMITS).outcome()
                whole.append(time.perf_counter() - began)
                assert isinstance(done, Completed), done
                assert done.result.comparison.rows == ROWS
                command = [sys.executable, "-c", SCRIPT, str(model), str(table)]
                answer = await asyncio.to_thread(told, command)
                assert answer["rows"] == ROWS
                bare.append(answer["seconds"])
        finally:
            await executor.close()
            log.close()
    return {
        "backtest_rows_per_s": ROWS / min(whole),
        "backtest_freeze_rows_per_s": ROWS / min(frozen),
        "backtest_sklearn_rows_per_s": ROWS / min(bare),
    }


def data_of(
    part: LogPart,
    kinds: dict[str, str],
    table: Path,
    store: ArtifactStore,
    request: PredictionRequested,
) -> PredictionRequested:
    """Freeze and store what was asked; return the request to predict it."""
    now = time.time_ns() // 10**6
    wanted = AskedRows(
        MODEL, now - 3_600_000, now, 0, CLASSIFICATION, kinds, lambda _: CLASSIFICATION
    )
    about, read = freeze(part, wanted, table)
    version = store.put_blob(table).digest
    ref = DatasetRef("asked.parquet", version)
    return replace(
        request, dataset=ref, read=read, input_columns=ASKED_COLUMNS, form="csv", backtest=about
    )


def recorded(log: KafkaLog, topic: str, cipher: AESGCM, rows: Path) -> dict[str, str]:
    """Record an answer to each row as `serve` does; return the columns with their types."""
    table = next(pq.ParquetFile(rows).iter_batches(ROWS)).drop_columns(["y"])
    began = time.time_ns() // 10**6
    missing: list[Any] = []

    def delivered(error: object, *_: int) -> None:
        if error is not None:
            missing.append(error)

    for number, row in enumerate(table.to_pylist()):
        identity = uuid7(began)
        content = PredictionContent(
            {name: [value] for name, value in row.items()},
            {"prediction": ["no"], "probability_no": [0.75], "probability_yes": [0.25]},
        )
        nonce = secrets.token_bytes(NONCE)
        key = f"{MODEL}/{identity}"
        sealed = nonce + cipher.encrypt(nonce, msgspec.json.encode(content), key.encode())
        record = PredictionRecord(
            id=identity,
            time=text(began),
            model=MODEL,
            version=1,
            rows=1,
            actor="ada",
            route="/v1/models/{model}/predict",
            duration=0.4,
            keyid="k",
            salt="s",
            data_base64=base64.b64encode(sealed).decode(),
        )
        log.append(topic, msgspec.json.encode(record), key=key, delivered=delivered)
        if number % _UNSENT == 0:
            log.flush(60)
    log.flush(60)
    assert not missing, missing[0]
    return {name: "string" if name.startswith("c") else "number" for name in table.schema.names}
