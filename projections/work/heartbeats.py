"""Heartbeats on `workers`, and the newest of every worker, kept in memory for a while."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from autolearn.eventlog.log import Record
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.heartbeat import Heartbeat, Supervision

logger = structlog.get_logger(__name__)

FORGOTTEN_AFTER_MS = 30_000
"""Milliseconds of silence after which a worker is no longer listed."""


def heartbeat_in(value: bytes | None, partitions: int | None = None) -> Heartbeat | None:
    """Return the heartbeat of a record; None, and a warning, if it is none.

    `partitions` is the number of `tasks` partitions: a worker with others gets nothing.
    """
    try:
        beat = from_json(value or b"", Heartbeat)
    except MalformedRecord as error:
        logger.warning("a record on workers is no heartbeat", why=error.detail)
        return None
    if partitions is None or all(0 <= p < partitions for p in beat.partitions):
        return beat
    logger.warning("a heartbeat names partitions that are not there", worker=beat.worker[:200])
    return None


class Beats:
    """Reads records of the topic `workers`. `newest` has heartbeats and their time, by worker.

    `supervisor` is that of the supervising process, None before its first one. Times are those of
    the records, in milliseconds since 1970.
    """

    def __init__(self) -> None:
        self.newest: dict[str, tuple[Heartbeat, int]] = {}
        self.supervisor: tuple[Heartbeat, int] | None = None

    def take(self, records: Iterable[Record], limit: float) -> None:
        """Keep new heartbeats; drop those sent before `limit`, and those of stopped workers."""
        for record in records:
            value, sent = record.value, record.time
            if value is None or sent < limit or (heartbeat := heartbeat_in(value)) is None:
                continue
            if heartbeat.supervision is not None:
                self.supervisor = (heartbeat, sent)
            elif heartbeat.stopped:
                self.newest.pop(heartbeat.worker, None)
            else:
                self.newest[heartbeat.worker] = (heartbeat, sent)
        if any(sent < limit for _, sent in self.newest.values()):
            self.newest = {w: kept for w, kept in self.newest.items() if kept[1] >= limit}

    def since(self, limit: float) -> list[tuple[Heartbeat, int]]:
        """Return the newest heartbeats that were sent since a time."""
        return [kept for kept in list(self.newest.values()) if kept[1] >= limit]

    def workers(self, limit: float) -> list[tuple[Heartbeat, int]]:
        """Return those of workers: processes that drive pipelines do no kind of work."""
        return [(beat, sent) for beat, sent in self.since(limit) if beat.kinds]

    def supervision(self, limit: float) -> Supervision | None:
        """Return the supervising process's state, if it was sent since a time."""
        newest = self.supervisor
        return newest[0].supervision if newest is not None and newest[1] >= limit else None
