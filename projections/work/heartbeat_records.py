"""Heartbeats as they are read from `workers`: what is none is passed over, whoever wrote it."""

from __future__ import annotations

import structlog

from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.heartbeat import Heartbeat

__all__ = ["heartbeat_in"]

logger = structlog.get_logger(__name__)


def heartbeat_in(value: bytes | None, partitions: int) -> Heartbeat | None:
    """Return the heartbeat of a record; None, and a warning, if it is none.

    `partitions` is how many `tasks` has: a worker of others gets nothing.
    """
    try:
        beat = from_json(value or b"", Heartbeat)
    except MalformedRecord as error:
        logger.warning("a record on workers is no heartbeat", why=error.detail)
        return None
    if all(0 <= p < partitions for p in beat.partitions):
        return beat
    logger.warning("a heartbeat names partitions that are not there", worker=beat.worker[:200])
    return None
