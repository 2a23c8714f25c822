"""Waiting for what other processes or tasks do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any


def until(
    true: Callable[[], Any], what: str = "it", seconds: float = 90, pause: float = 0.02
) -> Any:
    """Ask until something is so, and return what it came to; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(pause)
    return found


async def soon(true: Callable[[], Any]) -> None:
    """Let the event loop run until something is so (at most ten seconds)."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)
