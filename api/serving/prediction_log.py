"""The prediction log: every answer is a record on `predictions`, encrypted and bounded.

By default an answer waits until its record is acknowledged (`durable`). A model may choose `fast`:
its records are gathered and sent in the background, and those that do not fit are counted.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import UNSET, Raw

from autolearn.api.commands.bounded_producer import BoundedProducer, Sending
from autolearn.api.commands.recorded_request import RecordedRequest
from autolearn.api.http.problems import Problem, unavailable
from autolearn.api.serving.asked_models import AskedModel
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.log import Producer
from autolearn.runtime.meter import Meter
from autolearn.runtime.timestamps import text
from autolearn.schemas.bounds import LARGEST_MESSAGE
from autolearn.schemas.errors import LogError, TooLarge
from autolearn.schemas.records.prediction import (
    PRODUCTION,
    PredictionContent,
    PredictionRecord,
    Purpose,
    predictions_key,
    purpose_of,
)
from autolearn.security.data_key import NONCE

log = structlog.stdlib.get_logger("autolearn.serve")

_MOST, _MOST_BYTES = 20_000, 64 * 1024 * 1024
"""Records that are on their way to Kafka at a time; further ones are not sent."""
_GATHER = 0.02
"""Seconds for which records of `fast` models are gathered: sending each alone costs most."""
_DAY = 24 * 3600 * 1000
_LARGEST = LARGEST_MESSAGE - 1024
_KEY_TIMEOUT = 5.0
_encoder = msgspec.json.Encoder()


class _Sealing:
    """The cipher of a model's predictions on a day."""

    def __init__(self, keyid: str, salt: str, key: bytes) -> None:
        self.keyid, self.salt, self.cipher = keyid, salt, AESGCM(key)

    def sealed(self, clear: bytes, associated: bytes) -> str:
        nonce = os.urandom(NONCE)
        return base64.b64encode(nonce + self.cipher.encrypt(nonce, clear, associated)).decode()


class _Batch:
    """Records that were gathered and are sent together; `written` is called once all are over.

    It has the number and the bytes of the records, and runs in the thread of the last one's report.
    """

    def __init__(
        self, records: list[tuple[str, bytes]], written: Callable[[int, int], object]
    ) -> None:
        self.records, self.written = records, written
        self.lock, self.left = threading.Lock(), len(records)

    def over(self) -> None:
        """Note that one of the records is written or lost (any thread)."""
        with self.lock:
            self.left -= 1
            left = self.left
        if not left:
            self.written(len(self.records), sum(len(value) for _, value in self.records))


class PredictionLog:
    """Appends the records of one process. Everything here runs on the event loop.

    `durably` is the connection for records that are awaited, `gathering` for the others.
    """

    def __init__(
        self,
        durably: Producer,
        gathering: Producer,
        topic: str,
        vault: SessionCipher,
        patience: float,
        meter: Meter,
    ) -> None:
        self.durably, self.gathering, self.topic, self.vault = durably, gathering, topic, vault
        self.patience, self.meter = patience, meter
        self.appends = BoundedProducer(_MOST, _MOST_BYTES, patience)
        self.numbers = itertools.count()
        self.salt = secrets.token_hex(16)
        self.sealings: dict[tuple[str, int], _Sealing | None] = {}
        """By model and day, in days since 1970."""
        self.making: dict[str, asyncio.Task[None]] = {}
        self.gathered: list[tuple[str, bytes]] = []
        self.waiting = self.waiting_bytes = 0
        """Records of `fast` models that are gathered or on their way."""
        self.dropped = 0
        """Records of `fast` models that were not sent."""

    def forget(self, model: str) -> None:
        """Forget the keys of a deleted model."""
        for at in [one for one in self.sealings if one[0] == model]:
            del self.sealings[at]

    async def record(
        self,
        call: RecordedRequest,
        asked: AskedModel,
        identity: str,
        inputs: Mapping[str, Sequence[Any]],
        answered: Any,
        *,
        durable: bool,
        shadow_of: str = "",
        purpose: Purpose = PRODUCTION,
    ) -> None:
        """Record an answer before it is sent; or with `shadow_of` one that nobody is given.

        Raises:
            Problem: it cannot be recorded durably (503), or is too large for a record (413).
        """
        try:
            at = asked.model, call.began // _DAY
            sealing = self.sealings[at] if at in self.sealings else await self._sealing(*at)
            value = self._encoded(
                call, asked, identity, inputs, answered, sealing, shadow_of, purpose
            )
            if not durable:
                self._gather(f"{asked.model}/{identity}", value)
                return
            way = self._send(f"{asked.model}/{identity}", value)
            await way.over(self.patience)
        except TooLarge:
            raise _too_large() from None
        except LogError as error:
            raise _unrecorded(error.detail) from None
        if way.at is None:
            raise _unrecorded("Kafka has not taken the record in time.")

    def _encoded(
        self,
        call: RecordedRequest,
        asked: AskedModel,
        identity: str,
        inputs: Mapping[str, Sequence[Any]],
        answered: Any,
        sealing: _Sealing | None,
        shadow_of: str,
        purpose: Purpose,
    ) -> bytes:
        outputs = {name: values.tolist() for name, values in answered.columns.items()}
        content = _encoder.encode(PredictionContent({**inputs}, outputs))  # type: ignore[dict-item]
        warned: dict[str, int] = {}
        for one in answered.warnings:
            warned[one.kind] = warned.get(one.kind, 0) + 1
        client = call.scope.get("client")
        route = call.scope.get("route")
        about = f"{asked.model}/{identity}".encode()
        value = _encoder.encode(
            PredictionRecord(
                id=identity,
                time=text(call.began),
                model=asked.model,
                version=asked.number,
                rows=answered.size,
                actor=asked.who.name,
                route=getattr(route, "path", ""),
                client=client[0] if client else "",
                instance=call.instance,
                trace=call.trace.trace,
                span=call.trace.span,
                duration=round((time.perf_counter() - call.clock) * 1000, 3),
                warned=warned,
                shadow_of=shadow_of,
                purpose=purpose,
                keyid="" if sealing is None else sealing.keyid,
                salt="" if sealing is None else sealing.salt,
                data=Raw(content) if sealing is None else UNSET,
                data_base64=UNSET if sealing is None else sealing.sealed(content, about),
            )
        )
        if len(value) > _LARGEST:
            raise _too_large()
        return value

    def _send(self, key: str, value: bytes) -> Sending:
        """Send a record that is awaited. Raises LogError."""
        number, appends = str(next(self.numbers)), self.appends
        appends.require_room(len(value))
        way, delivered = appends.add(number, len(value), lambda *_: None)
        try:
            self.durably.append(self.topic, value, key=key, delivered=delivered)
        except LogError:
            appends.remove(number)
            raise
        return way

    def _gather(self, key: str, value: bytes) -> None:
        """Send a record that nobody awaits, a moment later, together with others."""
        if self.waiting >= _MOST or self.waiting_bytes + len(value) > _MOST_BYTES:
            self._drop("Kafka does not keep up.")
            return
        self.waiting += 1
        self.waiting_bytes += len(value)
        self.gathered.append((key, value))
        if len(self.gathered) == 1:
            asyncio.get_running_loop().call_later(_GATHER, self.flush)

    def flush(self) -> None:
        """Send the gathered records."""
        loop = asyncio.get_running_loop()
        batch = _Batch(self.gathered, lambda *all_: loop.call_soon_threadsafe(self._written, *all_))
        self.gathered = []

        def told(error: LogError | None, _: int, __: int) -> None:
            if error is not None:
                self._drop(error.detail)
            batch.over()

        for key, value in batch.records:
            try:
                self.gathering.append(self.topic, value, key=key, delivered=told)
            except LogError as error:
                told(error, 0, 0)

    def _written(self, many: int, size: int) -> None:
        self.waiting -= many
        self.waiting_bytes -= size

    def _drop(self, why: str) -> None:
        """Count a record of a `fast` model that is lost (any thread)."""
        self.meter.count("autolearn_predictions_dropped_total")
        if not self.dropped:
            log.error("predictions-dropped", why=why)
        self.dropped += 1

    async def _sealing(self, model: str, number: int) -> _Sealing | None:
        """Return the cipher of a model and day; None: records are in clear.

        Raises:
            Problem: the key cannot be made now (503).
        """
        day = text(number * _DAY)[:10]
        name = predictions_key(model, day[:7])
        if not self.vault.makes:
            found = None
        else:
            if not self.vault.of_session(name):
                await self._made(name)
            keyid = self.vault.of_session(name)
            salt = f"{self.salt}.{day}"
            key = await asyncio.to_thread(self.vault.find, keyid)
            found = _Sealing(keyid, salt, key.derived(purpose_of(salt)))
        self.forget(model)
        self.sealings[model, number] = found
        return found

    async def _made(self, name: str) -> None:
        """Make a key, once for all who wait for it. Raises Problem."""
        task = self.making.get(name)
        if task is None:
            task = self.making[name] = asyncio.create_task(self._make(name))
            task.add_done_callback(lambda _: self.making.pop(name, None))
        await asyncio.shield(task)

    async def _make(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[LogError | None] = loop.create_future()

        def end(error: LogError | None) -> None:
            if not done.done():
                done.set_result(error)

        def told(error: LogError | None, _: int, __: int) -> None:
            loop.call_soon_threadsafe(end, error)

        try:
            self.vault.make(name, told)
            error = await asyncio.wait_for(done, _KEY_TIMEOUT)
        except LogError as failure:
            error = failure
        except TimeoutError:
            error = LogError("Kafka has not taken the key of the predictions in time.")
        if error is not None:
            raise _unrecorded(error.detail)


def _unrecorded(why: str) -> Problem:
    return unavailable(
        f"An answer of this model is given only when it is recorded, and that is not possible now. "
        f"{why} Try again.",
        kind="not-recorded",
    )


def _too_large() -> Problem:
    return Problem(
        413,
        "too-large-to-record",
        "The answer is too large to be recorded",
        f"A record of the prediction log has at most {_LARGEST:,} bytes, with the rows and their "
        "answers: send fewer rows at once.",
    )
