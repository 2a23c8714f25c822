"""How fast the prediction log is folded into hours, histograms and all, from encrypted records.

A record is one row of 10 numbers and 4 categories with its answer. Beside it, in turns: the same
records only read and decoded. The fastest of three rounds each.
"""

from __future__ import annotations

import asyncio
import base64
import random
import secrets
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.encryption.keyring import KeyRing
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.projections.predictions.hour_fold import HourFold
from autolearn.projections.predictions.hour_rows import FOLDED
from autolearn.projections.predictions.training_profiles import (
    FeatureEdges,
    ScoreEdges,
    TrainingEdges,
)
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.schemas.records.prediction import PredictionContent, PredictionRecord, purpose_of
from autolearn.security.master_keys import MasterKeys
from tests.bench.history import Record
from tests.bench.written_log import create, write
from tests.support.settings import settings_of

RECORDS, PARTITIONS, BATCH, ROUNDS = 300_000, 4, 5000, 3
TOPIC, KEYS, MODEL, SALT = "bench.predictions", "bench.keys", "bench", "0.2026-11-27"
NUMBERS = [f"n{at}" for at in range(10)]
TEXTS = [f"c{at}" for at in range(4)]
EDGES = TrainingEdges(
    {
        **{name: FeatureEdges(tuple(at / 10 for at in range(11))) for name in NUMBERS},
        **{name: FeatureEdges(values=dict.fromkeys("abcde", 1)) for name in TEXTS},
    },
    ScoreEdges(confidence=FeatureEdges(tuple(at / 10 for at in range(11)))),
)
decode = msgspec.json.Decoder(PredictionRecord).decode


async def fold() -> dict[str, float]:
    """Measure on a broker of its own."""
    return await asyncio.to_thread(measure)


def measure() -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder,
        EmbeddedBroker(install(), Path(folder) / "kafka") as broker,
        closing(KafkaLog(broker.bootstrap)) as log,
    ):
        create(broker.bootstrap, PARTITIONS, TOPIC)
        create(broker.bootstrap, 1, KEYS)
        settings = settings_of(master_key=base64.b64encode(secrets.token_bytes(32)).decode())
        ring = KeyRing(log, KEYS, MasterKeys(settings.encryption, Path(folder)))
        vault = SessionCipher(ring, makes=True)
        vault.start()
        for owner in (f"model/{MODEL}", f"model/{MODEL}/2026-11"):
            vault.make(owner, lambda *_: None)
        log.flush(10)
        write(broker.bootstrap, ((TOPIC, one) for one in records(vault)))
        bare, ours = [], []
        for number in range(ROUNDS):
            bare.append(read(log))
            ours.append(folded(log, vault, Path(folder) / f"hours-{number}"))
        vault.stop()
    return {
        "prediction_fold_per_s": RECORDS / min(ours),
        "prediction_read_per_s": RECORDS / min(bare),
        "prediction_fold_vs_read": min(bare) / min(ours),
    }


def records(vault: SessionCipher) -> Iterator[Record]:
    """Yield the records of three hours and two versions."""
    some = random.Random(7)
    keyid = vault.of_session(f"model/{MODEL}/2026-11")
    cipher = AESGCM(vault.find(keyid).derived(purpose_of(SALT)))
    for number in range(RECORDS):
        identity, share = str(uuid.UUID(int=number)), some.random()
        inputs = {
            **{name: [some.random()] for name in NUMBERS},
            **{name: [some.choice("abcdef")] for name in TEXTS},
        }
        outputs = {
            "prediction": ["yes" if share > 0.5 else "no"],
            "probability_no": [1 - share],
            "probability_yes": [share],
        }
        clear = msgspec.json.encode(PredictionContent(inputs, outputs))
        nonce, key = secrets.token_bytes(12), f"{MODEL}/{identity}".encode()
        hour = 9 + number * 3 // RECORDS
        one = PredictionRecord(
            id=identity,
            time=f"2026-11-27T{hour:02}:10:00.000Z",
            model=MODEL,
            version=1 + number % 2,
            rows=1,
            actor="someone",
            route="/v1/models/{model}/predict",
            client="127.0.0.1",
            instance="serve/0",
            trace="0" * 32,
            span="0" * 16,
            duration=round(some.lognormvariate(0, 1), 3),
            keyid=keyid,
            salt=SALT,
            data_base64=base64.b64encode(nonce + cipher.encrypt(nonce, clear, key)).decode(),
        )
        yield Record(number % PARTITIONS, key, msgspec.json.encode(one), 1_795_000_000_000, ())


def read(log: KafkaLog) -> float:
    """Read and decode the records only; return the seconds."""
    left, began = RECORDS, time.perf_counter()
    with closing(log.reader(TOPIC, dict.fromkeys(range(PARTITIONS), 0))) as reader:
        while left:
            for record in reader.read(BATCH, 10):
                decode(record.content)
                left -= 1
    return time.perf_counter() - began


def folded(log: KafkaLog, vault: SessionCipher, folder: Path) -> float:
    """Fold the records into a new store; return the seconds."""
    began = time.perf_counter()
    with closing(RocksStore(folder)) as store:
        hours = HourFold(store, vault, lambda *_: EDGES)
        with closing(hours.reader(log, TOPIC)) as reader:
            while sum(hours.next.values()) < RECORDS:
                hours.fold(reader.read(BATCH, 10))
        seconds = time.perf_counter() - began
        rows = [FOLDED.decode(value) for _, value in store.scan(FOLDED.prefix())]
    assert (len(rows), sum(row.requests for row in rows)) == (6, RECORDS), rows
    assert not any(row.unreadable for row in rows), "all of it was decrypted"
    return seconds
