"""Fail stop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from functools import partial
from typing import Any, NoReturn

import structlog

from autolearn.schemas.errors import LogError

logger = structlog.get_logger(__name__)


def end_process(what: str, error: BaseException | None = None) -> NoReturn:
    """End the process at once, with exit code 70.

    After a failure between deciding and folding nothing in memory can be trusted; the next process
    starts from the log.
    """
    logger.critical(what, exc_info=error)
    os._exit(70)


def spawn(work: Coroutine[Any, Any, None], failure: str) -> asyncio.Task[None]:
    """Run a coroutine in a task; end the process, with the words `failure`, if it raises."""
    task = asyncio.create_task(work)
    task.add_done_callback(partial(end_if_failed, failure))
    return task


def end_if_failed(failure: str, task: asyncio.Future[None]) -> None:
    """End the process if a task has raised: nobody else would hear of it."""
    if not task.cancelled() and task.exception() is not None:
        end_process(failure, task.exception())


def end_if_refused(failure: str, error: LogError | None, _: int, __: int) -> None:
    """End the process if an append has failed; called for each outcome."""
    if error is not None:
        end_process(failure, error)
