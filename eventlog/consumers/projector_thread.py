"""A projector in a thread of its own, for programs that run on asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from autolearn.eventlog.consumers.projector import Projector
from autolearn.schemas.codec import EventRecord


class ProjectorThread:
    """Runs a projector in a thread, and passes admitted events to the event loop.

    `on_events(records)` is called on the loop with each batch, after the batch was stored;
    `on_error(error)` when the projector raised: it has stopped then, and the process should end.
    `lock` is held while a batch is folded and stored.
    """

    def __init__(
        self,
        follower: Projector,
        on_events: Callable[[list[EventRecord]], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self.follower, self.on_events, self.on_error = follower, on_events, on_error
        self.loop = asyncio.get_running_loop()
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.successor: tuple[Projector, Callable[[], None]] | None = None
        self.thread = threading.Thread(target=self.run, name="feed", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self.thread.start()

    def run(self) -> None:
        """Follow until stopped (in the thread)."""
        try:
            while not self.stopped.is_set():
                if self.successor is not None:
                    self.replace(*self.successor)
                    continue
                records = self.follower.reader.read(5000, 0.2)
                with self.lock:
                    admitted = self.follower.fold_batch(records)
                if admitted:
                    self.loop.call_soon_threadsafe(self.on_events, admitted)
        except Exception as error:  # noqa: BLE001 - handed on, whatever it is
            self.loop.call_soon_threadsafe(self.on_error, error)

    async def hand_over(self, follower: Projector, on_taken: Callable[[], None]) -> None:
        """Replace the projector by one of another store, at the same position.

        `on_taken()` is called on the loop before any event of the new projector is passed on.
        Return after that; never if the thread is stopped before.
        """
        taken = asyncio.Event()

        def note() -> None:
            on_taken()
            taken.set()

        self.successor = (follower, note)
        await taken.wait()

    def replace(self, new: Projector, on_taken: Callable[[], None]) -> None:
        """Bring both projectors to the same position, and replace the old one (in the thread).

        That is the later position of theirs, on each partition. If the thread is stopped before,
        the old one stays.
        """
        old, self.successor = self.follower, None
        goal = {p: max(at, _places(new)[p]) for p, at in _places(old).items()}
        for follower, lock in ((old, self.lock), (new, nullcontext())):
            if not self.bring(follower, goal, lock):
                new.close()
                return
        new.read_from_here()
        self.follower = new
        self.loop.call_soon_threadsafe(on_taken)
        old.close()

    def bring(
        self, follower: Projector, goal: Mapping[int, int], lock: AbstractContextManager[object]
    ) -> bool:
        """Fold up to these offsets and no further; return whether they were reached.

        They are not if the thread is stopped. Later records are left to the projector that
        continues, so that this ends under any load. The old projector still serves answers, so it
        passes on what it folds, under its lock.
        """
        while follower.short_of(goal):
            if self.stopped.is_set():
                return False
            records = follower.reader.read(5000, 0.2)
            due = [m for m in records if m.offset < goal[m.partition]]
            with lock:
                admitted = follower.fold_batch(due)
            if admitted and follower is self.follower:
                self.loop.call_soon_threadsafe(self.on_events, admitted)
        return True

    async def stop(self) -> None:
        """Stop the thread, and close the connection."""
        self.stopped.set()
        await asyncio.to_thread(self.thread.join)
        self.follower.close()


def _places(follower: Projector) -> dict[int, int]:
    return {partition: at.next for partition, at in follower.progress.items()}
