"""Fail stop."""

from __future__ import annotations

import os
from typing import NoReturn

import structlog

__all__ = ["end_process"]

logger = structlog.get_logger(__name__)


def end_process(what: str, error: BaseException | None = None) -> NoReturn:
    """End the process at once, with exit code 70.

    After a failure between deciding and folding nothing in memory can be trusted; the next process
    starts from the log.
    """
    logger.critical(what, exc_info=error)
    os._exit(70)
