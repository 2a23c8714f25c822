"""Times on the log: RFC 3339 for people, milliseconds since 1970 for Kafka's index of times."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache


def millis(given: str) -> int:
    """Return an RFC 3339 time in milliseconds since 1970, truncated.

    Raises:
        ValueError: it is no time, or has no zone.
    """
    moment = datetime.fromisoformat(given)
    if moment.tzinfo is None:
        raise ValueError(f"{given!r} has no time zone")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def text(time_ms: int) -> str:
    """Return milliseconds since 1970 as RFC 3339 in UTC, the form of events."""
    return f"{_second(time_ms // 1000)}.{time_ms % 1000:03d}Z"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def now() -> str:
    """Return the present time as RFC 3339 in UTC, with milliseconds."""
    return text(time.time_ns() // 10**6)


def stamp(given: str) -> int | None:
    """Return the time stamp of an event's record; None lets Kafka set one.

    It is the event's own time, but never a future one: brokers refuse records from the future, and
    a sender's clock may run ahead.
    """
    try:
        found = millis(given)
    except (ValueError, OverflowError):  # a hand-written command may hold anything
        return None
    return found if 0 < found <= time.time_ns() // 10**6 else None
