"""The records that a check reads from its standard input, and how it is stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec

from autolearn.runtime.process import end_with_parent
from autolearn.schemas.errors import SettingsError

T = TypeVar("T")


async def until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """Do the work, unless SIGINT or SIGTERM comes first: then it is stopped and cleaned up.

    Raises:
        KeyboardInterrupt: a signal came.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not working.done():
        working.cancel()
        await asyncio.wait([working])
        raise KeyboardInterrupt
    stopping.cancel()
    return working.result()


def read_records(kind: type[T], what: str) -> list[T]:
    """Read the records of standard input, one a line, up to an empty line; later its end ends us.

    `what` is their kind in words.

    Raises:
        SettingsError: a line is no such record.
    """
    found = []
    for line in iter(sys.stdin.buffer.readline, b""):
        if not line.strip():
            end_with_parent()
            break
        try:
            found.append(msgspec.json.decode(line, type=kind))
        except msgspec.MsgspecError as error:
            title = f"A line of the input is not {what}"
            raise SettingsError(str(error), title=title) from None
    return found
