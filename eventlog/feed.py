"""A Follower in a thread of its own, for programs that run on asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from autolearn.eventlog.follower import Follower
from autolearn.schemas.codec import EventRecord

__all__ = ["Feed"]


class Feed:
    """Runs a Follower in a thread, and hands what it admits to the event loop.

    `on_events(records)` is called on the loop with each batch, after the batch was stored;
    `on_error(error)` when the Follower raised: it has stopped then, and the process should end.
    `lock` is held while a batch is folded and stored.
    """

    def __init__(
        self,
        follower: Follower,
        on_events: Callable[[list[EventRecord]], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self.follower, self.on_events, self.on_error = follower, on_events, on_error
        self.loop = asyncio.get_running_loop()
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, name="feed", daemon=True)

    def start(self) -> None:
        """Start following."""
        self.thread.start()

    def run(self) -> None:
        """Follow until stopped (in the thread)."""
        try:
            while not self.stopped.is_set():
                messages = self.follower.reader.read(5000, 0.2)
                with self.lock:
                    admitted = self.follower.fold_batch(messages)
                if admitted:
                    self.loop.call_soon_threadsafe(self.on_events, admitted)
        except Exception as error:  # noqa: BLE001 - handed on, whatever it is
            self.loop.call_soon_threadsafe(self.on_error, error)

    async def stop(self) -> None:
        """Stop following, and let go of the connection."""
        self.stopped.set()
        await asyncio.to_thread(self.thread.join)
        self.follower.close()
