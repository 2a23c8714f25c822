"""Appends that return once the brokers have acknowledged them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from time import monotonic

from autolearn.eventlog.log import Producer
from autolearn.schemas.codec import Headers
from autolearn.schemas.errors import LogError

_LOOK = 1.0
"""Seconds between two calls of `check`."""


def append_and_wait(
    log: Producer,
    topic: str,
    value: bytes | None,
    *,
    key: str,
    partition: int,
    headers: Headers = (),
    time: int | None = None,
    timeout: float = math.inf,
    check: Callable[[], None] = lambda: None,
) -> int:
    """Append one record and return its offset (blocks). `check` may raise, to give up.

    Raises:
        LogError: it is refused, or not acknowledged within `timeout` seconds.
    """
    written: Future[int] = Future()

    def delivered(error: LogError | None, _: int, offset: int) -> None:
        written.set_result(offset) if error is None else written.set_exception(error)

    log.append(
        topic, value, key=key, partition=partition, headers=headers, time=time, delivered=delivered
    )
    deadline = monotonic() + timeout
    while True:
        try:
            return written.result(max(0.0, min(_LOOK, deadline - monotonic())))
        except TimeoutError:
            check()
            if monotonic() >= deadline:
                raise LogError(f"{topic}: Kafka has not acknowledged a record.") from None


def append_all(
    log: Producer,
    topic: str,
    records: Iterable[tuple[str | bytes, bytes | None]],
    *,
    partition: int | None = None,
    headers: Headers = (),
    timeout: float,
) -> None:
    """Append records, each a key and a value, and return once all are written (blocks).

    Raises:
        LogError: one is refused, or not acknowledged within `timeout` seconds.
    """
    failures: list[LogError] = []

    def delivered(error: LogError | None, _: int, __: int) -> None:
        if error is not None:
            failures.append(error)

    for key, value in records:
        log.append(topic, value, key=key, partition=partition, headers=headers, delivered=delivered)
    log.flush(timeout)
    if failures:
        raise failures[0]
