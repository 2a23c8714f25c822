"""Records that nobody awaits: gathered, bounded, and counted when they are lost."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np

from autolearn.api.commands.recorded_request import RecordedRequest
from autolearn.api.serving.prediction_log import PredictionLog
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.runtime.meter import Meter
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import LogError
from autolearn.schemas.records.prediction import PredictionRecord

MOST = 20_000


class Kafka:
    """Takes records, and reports their outcome when it is told to."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, Any]] = []
        self.came = asyncio.Event()

    def append(self, _: str, value: bytes, *, delivered: Any, **__: object) -> None:
        self.taken.append((value, delivered))
        self.came.set()

    def report(self, error: LogError | None = None) -> None:
        taken, self.taken = self.taken, []
        for _, delivered in taken:
            delivered(error, 0, 0)


def test_records_of_a_fast_model_are_sent_together_bounded_and_counted_when_lost():
    asyncio.run(_records())


async def _records() -> None:
    kafka, meter = Kafka(), Meter("api")
    log = PredictionLog(kafka, kafka, "predictions", SessionCipher(), 5.0, meter)  # type: ignore[arg-type]
    asked: Any = SimpleNamespace(model="m", number=1, who=SimpleNamespace(name="ann"))
    said = SimpleNamespace(columns={"prediction": np.array(["a"])}, warnings=[], size=1)
    call = RecordedRequest({"headers": [], "type": "http"}, "serve/here")

    async def record(many: int) -> None:
        for number in range(many):
            await log.record(call, asked, str(number), {"x": [1.0]}, said, durable=False)

    await record(3)
    assert not kafka.taken, "they are gathered"
    await kafka.came.wait()
    assert len(kafka.taken) == 3, "all in one turn"
    first = from_json(kafka.taken[0][0], PredictionRecord)
    assert (first.id, first.model, first.actor) == ("0", "m", "ann")

    await record(MOST - 3)
    assert (log.waiting, log.dropped) == (MOST, 0)
    await record(2)
    assert (log.waiting, log.dropped) == (MOST, 2), "they do not fit"
    log.flush()
    kafka.report()
    await asyncio.sleep(0)  # the report reaches the event loop
    assert log.waiting_bytes == 0

    await record(1)
    log.flush()
    kafka.report(LogError("The topic is gone."))
    await asyncio.sleep(0)  # the report reaches the event loop
    assert log.dropped == 3
