"""A projection of an agent: a store of its own, and the thread that folds the events into it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from autolearn.agents.fail_stop import end_process
from autolearn.eventlog.consumers.projector import Projection, Projector
from autolearn.eventlog.consumers.projector_thread import ProjectorThread
from autolearn.eventlog.log import RecordSource
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.projections.storage.store import Store
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.topics import Topic

P = TypeVar("P", bound=Projection)


class FollowedProjection(Generic[P]):
    """A projection of the whole log at its creation (which blocks until then).

    `fold` makes it for a store in `folder`. A log that cannot be followed ends the process.
    """

    def __init__(
        self,
        log: RecordSource,
        topic: Topic,
        folder: Path,
        fold: Callable[[Store], P],
        projector: type[Projector] = Projector,
    ) -> None:
        self.store = RocksStore(folder)
        self.projection = fold(self.store)
        self.projector = projector(log, topic.name, self.projection, range(topic.partitions))
        self.projector.catch_up()

    def follow(self, on_events: Callable[[list[EventRecord]], None]) -> None:
        """Fold new events, in a thread; `on_events` is called on the loop when they are stored."""
        self.thread = ProjectorThread(
            self.projector, on_events, lambda error: end_process("the feed", error)
        )
        self.thread.start()

    async def close(self) -> None:
        """Stop the thread, and close the store."""
        await self.thread.stop()
        await asyncio.to_thread(self.store.close)
