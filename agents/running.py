"""Runs process types until a signal ends them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import ExitStack

import faust
import structlog

from autolearn.agents.decide import DecideAgent
from autolearn.eventlog.process import brokers, home_of, lock, open_log
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

__all__ = ["TYPES", "main"]

TYPES = ("decide", "dispatch", "supervise", "train", "evaluate")
logger = structlog.get_logger(__name__)


async def main(types: Sequence[str], settings: Settings) -> None:
    """Run the process types until SIGTERM or SIGINT.

    Raises:
        AutoLearnError: they cannot start; or a Faust application has crashed.
    """
    home, address = home_of(settings), brokers(settings)
    log = open_log(settings)
    with ExitStack() as locks:
        for name in types:
            path = home / "state" / f"{name}-{settings.instance}" / "lock"
            locks.enter_context(lock(path, f"`autolearn run {name}`"))
        await asyncio.to_thread(log.create, Topics.of(settings).all())
        agents = [DecideAgent(settings, log, address, home) for name in types]
        await run([agent.app for agent in agents])
        await asyncio.to_thread(log.close)


async def run(apps: Sequence[faust.App]) -> None:
    """Run Faust applications until a signal comes, or one of them crashes."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    for app in apps:
        app.finalize()
        await app.start()
    logger.info("running", apps=[app.conf.id for app in apps])
    crashed = [asyncio.ensure_future(app.wait_until_stopped()) for app in apps]
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait([stopping, *crashed], return_when=asyncio.FIRST_COMPLETED)
    logger.info("stopping")
    for app in apps:
        await app.stop()
    for task in (stopping, *crashed):
        task.cancel()
    for app in apps:
        if app.crash_reason is not None:
            raise app.crash_reason
