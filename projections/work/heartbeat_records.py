"""Decodes heartbeats of `workers`; other records are ignored."""

from __future__ import annotations

import structlog

from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.heartbeat import Heartbeat

logger = structlog.get_logger(__name__)


def heartbeat_in(value: bytes | None, partitions: int) -> Heartbeat | None:
    """Return the heartbeat of a record; None, and a warning, if it is none.

    `partitions` is the number of `tasks` partitions: a worker with others gets nothing.
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
