"""A process as `autolearn up` starts them, which only tells that it goes on.

With `--mute` not even that; with `--stands` its event loop stands still after a while.
"""

import asyncio
import faulthandler
import sys
import time

from autolearn.runtime.process import end_with_parent, say_ready
from autolearn.runtime.watchdog import teller


async def main() -> None:
    tell = teller()
    tell()
    say_ready()
    for turn in range(10_000):
        await asyncio.sleep(0.2)
        if "--stands" in sys.argv and turn == 3:
            time.sleep(600)  # noqa: ASYNC251 - this is the hang
        tell()


if __name__ == "__main__":
    faulthandler.enable()
    end_with_parent()
    if "--mute" in sys.argv:
        time.sleep(600)
    asyncio.run(main())
